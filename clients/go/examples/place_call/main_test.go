package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/internal/sandbox"
)

func TestACallIsPlacedFollowedAndEndedWithTheContext(t *testing.T) {
	target := sandbox.Start(t).Target
	ctx, cancel := context.WithTimeout(t.Context(), sandbox.Patience)
	defer cancel()
	request := &bridgev1.CreateRoomRequest{ParticipantName: "Ada", AgentId: "greeter"}
	reader, writer := io.Pipe()
	placed := make(chan error, 1)
	go func() {
		placed <- placeCall(ctx, target, request, writer)
		_ = writer.Close()
	}()

	told := map[string]string{}
	var events []string
	hasSpoken := false
	for lines := bufio.NewScanner(reader); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch {
		case word == "":
			events = append(events, lines.Text())
		case word == "token":
			told[word] = strings.TrimSpace(rest)
			join(t, told)
		default:
			told[word] = strings.TrimSpace(rest)
		}
		// What is told of the words comes before the sound of them has been played.
		hasSpoken = hasSpoken || strings.HasSuffix(lines.Text(), "AGENT_STATE_SPEAKING")
		if hasSpoken && strings.HasSuffix(lines.Text(), "AGENT_STATE_LISTENING") {
			cancel()
		}
	}
	if err := <-placed; err != nil {
		t.Fatal(err)
	}
	log := strings.Join(events, "\n")
	for _, wanted := range []string{
		"CALL_STATE_WAITING", "CALL_STATE_ACTIVE", `TRANSCRIPT_ROLE_AGENT: "Hello`,
		"END_REASON_API_ENDED, fault END_FAULT_NONE",
	} {
		if !strings.Contains(log, wanted) {
			t.Errorf("no %q in\n%s", wanted, log)
		}
	}
}

// join lets a human into the call, by what the program tells a person.
func join(t *testing.T, told map[string]string) {
	t.Helper()
	ticket, err := json.Marshal(map[string]string{"serverUrl": told["server"], "accessToken": told["token"]})
	if err != nil {
		t.Fatal(err)
	}
	sandbox.Join(t, bytes.NewReader(ticket))
}
