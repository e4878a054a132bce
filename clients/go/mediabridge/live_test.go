package mediabridge_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/internal/sandbox"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

func TestLive(t *testing.T) {
	target := sandbox.Start(t).Target
	t.Run("a call is placed, followed, measured and ended", func(t *testing.T) {
		placeACall(t, connect(t, target))
	})
	t.Run("a watch goes on over broken connections", func(t *testing.T) {
		watchOverBrokenConnections(t, target)
	})
	t.Run("the server logs as much as it is told to, and shows what it does", func(t *testing.T) {
		lookInside(t, connect(t, target))
	})
	t.Run("a refusal names the wrong fields", func(t *testing.T) {
		refusalNamesFields(t, connect(t, target))
	})
}

func connect(t *testing.T, address string, options ...mediabridge.Option) *mediabridge.Client {
	t.Helper()
	client, err := mediabridge.Dial(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func placeACall(t *testing.T, bridge *mediabridge.Client) {
	ctx, cancel := context.WithTimeout(t.Context(), sandbox.Patience)
	defer cancel()
	call, err := bridge.CreateRoom(ctx, &bridgev1.CreateRoomRequest{ParticipantName: "Ada", AgentId: "greeter"})
	if err != nil {
		t.Fatal(err)
	}
	id := call.GetConnectionId()
	if call.GetAccessToken() == "" || call.GetServerUrl() == "" || call.GetCall().GetRequestId() == "" {
		t.Errorf("the answer lacks something: %v", call.GetCall())
	}
	samples := 0
	var last *bridgev1.CallEvent
	for event, err := range bridge.Watch(ctx, id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if last.GetSequence()+1 != event.GetSequence() {
			t.Errorf("event %d follows %d", event.GetSequence(), last.GetSequence())
		}
		last = event
		if event.GetModelStateChanged().GetState() == bridgev1.LinkState_LINK_STATE_READY {
			samples = measure(ctx, t, bridge, id)
			if _, err := bridge.EndCall(ctx, &bridgev1.EndCallRequest{ConnectionId: id}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if report := last.GetEnded().GetReport(); !report.GetComplete() ||
		report.GetCall().GetEndReason() != bridgev1.EndReason_END_REASON_API_ENDED {
		t.Errorf("the last event is %v", last)
	}
	if samples != 2 {
		t.Errorf("%d samples", samples)
	}
}

// measure takes two samples of a call.
func measure(ctx context.Context, t *testing.T, bridge *mediabridge.Client, id string) (samples int) {
	request := &bridgev1.StreamTelemetryRequest{ConnectionId: id, Interval: durationpb.New(100 * time.Millisecond)}
	for response, err := range bridge.Telemetry(ctx, request) {
		if err != nil {
			t.Fatal(err)
		}
		if got := response.GetSamples()[0].GetConnectionId(); got != id {
			t.Errorf("a sample of %q", got)
		}
		if samples++; samples == 2 {
			break
		}
	}
	return samples
}

func watchOverBrokenConnections(t *testing.T, address string) {
	ctx, cancel := context.WithTimeout(t.Context(), sandbox.Patience)
	defer cancel()
	line := newLine(t, address)
	direct := connect(t, address)
	broken := connect(t, line.address(), mediabridge.WithBackoff(
		mediabridge.Backoff{First: 10 * time.Millisecond, Longest: 100 * time.Millisecond, Attempts: 50}))
	call, err := direct.CreateRoom(ctx, &bridgev1.CreateRoomRequest{ParticipantName: "Ada", AgentId: "greeter"})
	if err != nil {
		t.Fatal(err)
	}
	id := call.GetConnectionId()
	const cuts = 3
	var seen int64
	for event, err := range broken.Watch(ctx, id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if seen+1 != event.GetSequence() {
			t.Errorf("event %d follows %d", event.GetSequence(), seen)
		}
		seen = event.GetSequence()
		if event.GetModelStateChanged().GetState() != bridgev1.LinkState_LINK_STATE_READY && event.GetControlApplied() == nil {
			continue
		}
		// What is told after a cut can only have come over another connection.
		if line.cut(); line.cuts() < cuts {
			_, err = direct.ControlCall(ctx, &bridgev1.ControlCallRequest{ConnectionId: id, Command: &bridgev1.ControlCallRequest_SetMetadata{
				SetMetadata: &bridgev1.SetMetadata{Metadata: map[string]string{"cuts": strconv.Itoa(line.cuts())}}}})
		} else {
			_, err = direct.EndCall(ctx, &bridgev1.EndCallRequest{ConnectionId: id})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	status, err := direct.GetConnectionStatus(ctx, &bridgev1.GetConnectionStatusRequest{ConnectionId: id})
	if err != nil {
		t.Fatal(err)
	}
	if want := status.GetCall().GetLastSequence(); seen != want || line.cuts() < cuts {
		t.Errorf("saw %d of %d events over %d cuts", seen, want, line.cuts())
	}
}

func lookInside(t *testing.T, bridge *mediabridge.Client) {
	before, err := bridge.SetLogLevel(t.Context(), &bridgev1.SetLogLevelRequest{Level: bridgev1.LogLevel_LOG_LEVEL_ERROR})
	if err != nil {
		t.Fatal(err)
	}
	set, err := bridge.SetLogLevel(t.Context(), &bridgev1.SetLogLevelRequest{Level: before.GetPrevious()})
	if err != nil || set.GetPrevious() != bridgev1.LogLevel_LOG_LEVEL_ERROR {
		t.Errorf("before it was set back: %v, %v", set, err)
	}
	dump, err := bridge.DumpTasks(t.Context(), &bridgev1.DumpTasksRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if front := dump.GetProcesses()[0]; front.GetName() != "front" || front.GetPid() == 0 ||
		len(front.GetTasks()) == 0 || len(front.GetThreads()) == 0 {
		t.Errorf("of %s, process %d: %d tasks, %d threads", front.GetName(), front.GetPid(), len(front.GetTasks()), len(front.GetThreads()))
	}
}

func refusalNamesFields(t *testing.T, bridge *mediabridge.Client) {
	_, err := bridge.CreateRoom(t.Context(), &bridgev1.CreateRoomRequest{AgentId: "greeter"})
	refusal, ok := mediabridge.RefusalOf(err)
	if !ok || refusal.Code != codes.InvalidArgument || refusal.Domain != "mediabridge" || refusal.Reason == "" {
		t.Fatalf("%v", err)
	}
	if len(refusal.Violations) != 1 || refusal.Violations[0].Field != "participant_name" {
		t.Errorf("violations: %v", refusal.Violations)
	}
}
