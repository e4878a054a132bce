// Command place_call asks a bridge for a call, says how to join it, follows it and sums it up.
//
//	go run ./examples/place_call -agent greeter -name Ada
//
// Ctrl-C ends the call. MEDIABRIDGE_API_KEY holds the API key, where the bridge wants one.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

func main() {
	log.SetFlags(0)
	target := flag.String("bridge", "127.0.0.1:50051", "the bridge's address")
	agent := flag.String("agent", "greeter", "which agent answers")
	name := flag.String("name", "Ada", "the caller's name")
	longest := flag.Duration("for", time.Hour, "end the call after so long")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *longest)
	defer cancel()
	request := &bridgev1.CreateRoomRequest{ParticipantName: *name, AgentId: *agent}
	if err := placeCall(ctx, *target, request, os.Stdout); err != nil {
		log.Fatal(explain(err))
	}
}

// placeCall places a call and follows it to its end; the context's end ends the call.
func placeCall(ctx context.Context, target string, request *bridgev1.CreateRoomRequest, out io.Writer) error {
	bridge, err := mediabridge.Dial(target, mediabridge.WithAPIKey(os.Getenv("MEDIABRIDGE_API_KEY")))
	if err != nil {
		return err
	}
	defer bridge.Close()

	call, err := bridge.CreateRoom(ctx, request)
	if err != nil {
		return fmt.Errorf("create the room: %w", err)
	}
	fmt.Fprintf(out, "call   %s\nroom   %s\nserver %s\ntoken  %s\n",
		call.GetConnectionId(), call.GetRoomName(), call.GetServerUrl(), call.GetAccessToken())

	// The watch must outlive the context: it shows how the call ends.
	watching := context.WithoutCancel(ctx)
	defer context.AfterFunc(ctx, func() {
		_, err := bridge.EndCall(watching, &bridgev1.EndCallRequest{ConnectionId: call.GetConnectionId()})
		if err != nil {
			log.Print(explain(err))
		}
	})()
	for event, err := range bridge.Watch(watching, call.GetConnectionId(), 0) {
		if err != nil {
			return err
		}
		if line := describe(event); line != "" {
			fmt.Fprintf(out, "%7.3f s  %s\n", event.GetCallOffset().AsDuration().Seconds(), line)
		}
	}
	return nil
}

// describe returns an event in a line; "" for one that is of no interest here.
func describe(event *bridgev1.CallEvent) string {
	switch kind := event.GetKind().(type) {
	case *bridgev1.CallEvent_StateChanged:
		return kind.StateChanged.GetState().String()
	case *bridgev1.CallEvent_ParticipantChanged:
		changed := kind.ParticipantChanged
		return fmt.Sprintf("%s: %s", changed.GetParticipant().GetName(), changed.GetChange())
	case *bridgev1.CallEvent_AgentStateChanged:
		return kind.AgentStateChanged.GetState().String()
	case *bridgev1.CallEvent_Transcript:
		if words := kind.Transcript; words.GetFinal() {
			return fmt.Sprintf("%s: %q", words.GetRole(), words.GetText())
		}
	case *bridgev1.CallEvent_Interruption:
		return fmt.Sprintf("interrupted after %d ms", kind.Interruption.GetHeardMs())
	case *bridgev1.CallEvent_Warning:
		return fmt.Sprintf("%s: %s", kind.Warning.GetCode(), kind.Warning.GetMessage())
	case *bridgev1.CallEvent_Ended:
		return summary(kind.Ended.GetReport())
	}
	return ""
}

func summary(report *bridgev1.CallReport) string {
	call, latency := report.GetCall(), report.GetTurnLatency()
	text := fmt.Sprintf("%s, fault %s, after %v with %d turns", call.GetEndReason(), call.GetEndFault(),
		call.GetActiveDuration().AsDuration().Round(time.Millisecond), len(report.GetTurns()))
	if latency.GetCount() > 0 {
		text += fmt.Sprintf(", answered after %v (median)", latency.GetP50().AsDuration().Round(time.Millisecond))
	}
	return text
}

// explain adds to an error what the bridge says about it beyond its message.
func explain(err error) string {
	text := err.Error()
	refusal, _ := mediabridge.RefusalOf(err)
	for _, wrong := range refusal.Violations {
		text += fmt.Sprintf("\n  %s: %s", wrong.Field, wrong.Description)
	}
	if refusal.RetryAfter > 0 {
		text += fmt.Sprintf("\n  try again in %v", refusal.RetryAfter)
	}
	return text
}
