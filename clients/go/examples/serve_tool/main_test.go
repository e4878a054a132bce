package main

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/internal/sandbox"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

func TestAnAgentSpeaksOfWhatTheToolFound(t *testing.T) {
	target := sandbox.Start(t, "--agents", "testdata/agents", "--script", "testdata/model.yaml").Target
	bridge, err := mediabridge.Dial(target)
	if err != nil {
		t.Fatal(err)
	}
	defer bridge.Close()
	ctx, cancel := context.WithTimeout(t.Context(), sandbox.Patience)
	defer cancel()
	serving, leave := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- serve(serving, bridge, "shop") }()

	call, err := bridge.CreateRoom(ctx, &bridgev1.CreateRoomRequest{ParticipantName: "Ada", AgentId: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := protojson.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	sandbox.Join(t, bytes.NewReader(ticket))
	var said []string
	for event, err := range bridge.Watch(ctx, call.GetConnectionId(), 0) {
		if err != nil {
			t.Fatalf("after %q: %v", said, err)
		}
		words := event.GetTranscript()
		if words.GetRole() == bridgev1.TranscriptRole_TRANSCRIPT_ROLE_AGENT && words.GetFinal() {
			said = append(said, words.GetText())
		}
		// The caller is to hear it, too.
		if len(said) == 2 && event.GetAgentStateChanged().GetState() == bridgev1.AgentState_AGENT_STATE_LISTENING {
			break
		}
	}
	if !slices.Equal(said, []string{"Your order is on its way", "And there is no other"}) {
		t.Errorf("the agent said %q", said)
	}
	if _, err := bridge.EndCall(ctx, &bridgev1.EndCallRequest{ConnectionId: call.GetConnectionId()}); err != nil {
		t.Error(err)
	}
	leave()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
