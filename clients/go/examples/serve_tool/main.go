// Command serve_tool executes a function for agents: it looks orders up when a model asks for one.
//
//	go run ./examples/serve_tool -agent shop
//
// The agent's file must offer the tool "find_order": testdata/agents/shop.yaml is such a file.
// Ctrl-C lets what is under way finish. MEDIABRIDGE_API_KEY holds the API key, where the bridge wants one.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

var orders = map[int]string{7: "on its way", 8: "delivered"}

func main() {
	log.SetFlags(0)
	target := flag.String("bridge", "127.0.0.1:50051", "the bridge's address")
	agent := flag.String("agent", "shop", "whose tools to execute")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	bridge, err := mediabridge.Dial(*target, mediabridge.WithAPIKey(os.Getenv("MEDIABRIDGE_API_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	defer bridge.Close()
	if err := serve(ctx, bridge, *agent); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, bridge *mediabridge.Client, agent string) error {
	registration := &bridgev1.ToolRegistration{AgentIds: []string{agent}}
	return bridge.ServeTools(ctx, registration, map[string]mediabridge.Tool{"find_order": findOrder})
}

func findOrder(_ context.Context, invocation *bridgev1.ToolInvocation) (any, error) {
	var asked struct{ Number int }
	if err := json.Unmarshal([]byte(invocation.GetArgumentsJson()), &asked); err != nil {
		return nil, &mediabridge.ToolError{Code: "bad_arguments", Message: "The number was not understood."}
	}
	state, found := orders[asked.Number]
	if !found {
		return nil, &mediabridge.ToolError{
			Code: "order_not_found", Message: fmt.Sprintf("There is no order %d.", asked.Number),
		}
	}
	log.Printf("%s asks for order %d", invocation.GetConnectionId(), asked.Number)
	return map[string]any{"number": asked.Number, "state": state}, nil
}
