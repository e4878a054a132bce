package gateway_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/gateway"
)

const lastEvent = 3

// recounting is a bridge with a call of three events, the last of which says that it has ended. The
// stream is then held open while hold says so.
func recounting(asked *[]int64, upTo int64, hold bool) *scripted {
	return &scripted{watch: func(request *bridgev1.WatchEventsRequest, stream eventStream) error {
		*asked = append(*asked, request.GetAfterSequence())
		for sequence := request.GetAfterSequence() + 1; sequence <= upTo; sequence++ {
			event := &bridgev1.CallEvent{ConnectionId: request.GetConnectionId(), Sequence: sequence}
			if sequence == lastEvent {
				event.Kind = &bridgev1.CallEvent_Ended{Ended: &bridgev1.Ended{}}
			}
			if err := stream.Send(&bridgev1.WatchEventsResponse{Event: event}); err != nil {
				return err
			}
		}
		if hold {
			<-stream.Context().Done()
		}
		return nil
	}}
}

// received is a server-sent event, or a comment.
type received struct{ id, data, comment string }

// events reads a stream of them.
func events(lines *bufio.Scanner, yield func(received) bool) {
	var next received
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			next.id = value
		case "data":
			next.data = value
		case "":
			if value != "" {
				next.comment = value
				continue
			}
			if !yield(next) {
				return
			}
			next = received{}
		}
	}
}

func readAll(text string) (all []received) {
	events(bufio.NewScanner(strings.NewReader(text)), func(one received) bool {
		all = append(all, one)
		return true
	})
	return all
}

func TestEventsAreSentWithTheirSequenceNumbersUpToTheEnd(t *testing.T) {
	var asked []int64
	opened := open(t, recounting(&asked, lastEvent, true), gateway.Options{})
	got := opened.ask(t, http.MethodGet, "/livekit/events/call-1", "")
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%s %v", got.Status, got.Header)
	}
	var ids []string
	for _, event := range readAll(got.text) {
		var body struct{ ConnectionID, Sequence string }
		if err := json.Unmarshal([]byte(event.data), &body); err != nil {
			t.Fatal(err)
		}
		if body.ConnectionID != "call-1" || body.Sequence != event.id {
			t.Errorf("event %s is %s", event.id, event.data)
		}
		ids = append(ids, event.id)
	}
	if !slices.Equal(ids, []string{"1", "2", "3"}) {
		t.Errorf("events %q", ids)
	}
}

func TestABrowserThatComesBackGetsTheRestAndBehindTheEndStaysAway(t *testing.T) {
	var asked []int64
	opened := open(t, recounting(&asked, lastEvent, false), gateway.Options{})
	for _, each := range []struct {
		query, header string
		status, count int
	}{
		{"", "Last-Event-ID: 2", http.StatusOK, 1},
		{"?afterSequence=1", "", http.StatusOK, 2},
		{"?afterSequence=1", "Last-Event-ID: 2", http.StatusOK, 1},
		{"", "Last-Event-ID: 3", http.StatusNoContent, 0},
	} {
		got := opened.ask(t, http.MethodGet, "/livekit/events/call-1"+each.query, "", each.header)
		if events := readAll(got.text); got.StatusCode != each.status || len(events) != each.count {
			t.Errorf("%s %s: %s with %d events", each.query, each.header, got.Status, len(events))
		}
	}
	if !slices.Equal(asked, []int64{2, 1, 2, 3}) {
		t.Errorf("asked for what follows %v", asked)
	}
}

func TestAStreamThatIsRefusedIsAnHTTPError(t *testing.T) {
	opened := open(t, &scripted{
		watch: func(*bridgev1.WatchEventsRequest, eventStream) error {
			return status.Error(codes.NotFound, "there is no such call")
		},
		measure: func(*bridgev1.StreamTelemetryRequest, figureStream) error {
			return status.Error(codes.InvalidArgument, "interval: must be 0.1 s to 60 s")
		},
	}, gateway.Options{})
	for _, each := range []struct {
		path, header string
		status       int
		says         string
	}{
		{"/livekit/events/call-1", "", http.StatusNotFound, "there is no such call"},
		{"/livekit/telemetry/call-1?interval=soon", "", http.StatusBadRequest, "soon"},
		{"/livekit/telemetry/call-1?interval=0.001s", "", http.StatusBadRequest, "interval: must be"},
		{"/livekit/telemetry?intreval=1s", "", http.StatusBadRequest, "intreval"},
		{"/livekit/telemetry/call-1?connectionId=call-2", "", http.StatusBadRequest, "connectionId"},
		{"/livekit/events/call-1?afterSequence=x", "", http.StatusBadRequest, "x"},
		{"/livekit/events/call-1", "Last-Event-ID: x", http.StatusBadRequest, "Last-Event-ID"},
	} {
		got := opened.ask(t, http.MethodGet, each.path, "", each.header)
		if got.StatusCode != each.status || !strings.Contains(got.text, each.says) {
			t.Errorf("%s %s: %s %q", each.path, each.header, got.Status, got.text)
		}
	}
}

func TestFiguresAreSentOfOneCallOrOfAll(t *testing.T) {
	var asked []string
	opened := open(t, &scripted{measure: func(request *bridgev1.StreamTelemetryRequest, stream figureStream) error {
		asked = append(asked, strings.Join([]string{
			request.GetConnectionId(), request.GetTenantId(), request.GetInterval().AsDuration().String(),
		}, " "))
		return stream.Send(&bridgev1.StreamTelemetryResponse{Samples: []*bridgev1.CallTelemetry{
			{ConnectionId: request.GetConnectionId()},
		}})
	}}, gateway.Options{})
	for _, path := range []string{
		"/livekit/telemetry/call-1?interval=0.5s", "/livekit/telemetry?tenantId=acme", "/livekit/telemetry?connectionId=call-2",
	} {
		got := opened.ask(t, http.MethodGet, path, "")
		if events := readAll(got.text); len(events) != 1 || events[0].id != "" || !strings.Contains(events[0].data, "samples") {
			t.Errorf("%s: %q", path, got.text)
		}
	}
	if want := []string{"call-1  500ms", " acme 0s", "call-2  0s"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q", asked)
	}
}

func TestASilentStreamOpensAtOnceAndShowsThatItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []int64
		opened := open(t, recounting(&asked, 0, true), gateway.Options{})
		began := time.Now()
		response := opened.request(t, http.MethodGet, "/livekit/events/call-1", "")
		defer response.Body.Close()
		if waited := time.Since(began); response.StatusCode != http.StatusOK || waited > 2*time.Second {
			t.Errorf("%s after %v", response.Status, waited)
		}
		comments := 0
		events(bufio.NewScanner(response.Body), func(one received) bool {
			if one.comment == "" {
				t.Errorf("got %+v", one)
			}
			comments++
			return comments < 3
		})
		if waited := time.Since(began); comments != 3 || waited > time.Minute {
			t.Errorf("%d signs of life in %v", comments, waited)
		}
	})
}

func TestAShutdownBreaksStreamsOffSoThatBrowsersComeBack(t *testing.T) {
	for name, upTo := range map[string]int64{"after an event": 1, "before any": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []int64
				opened := open(t, recounting(&asked, upTo, true), gateway.Options{})
				time.AfterFunc(500*time.Millisecond, opened.gateway.EndStreams)
				got := opened.ask(t, http.MethodGet, "/livekit/events/call-1", "")
				if got.StatusCode == http.StatusNoContent {
					t.Error("the browser was told to stay away")
				}
				if events := readAll(got.text); int64(len(events)) != upTo {
					t.Errorf("%s with %d events", got.Status, len(events))
				}
			})
		})
	}
}

func TestABrowserThatLeavesEndsTheWatchOnTheBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		opened := open(t, &scripted{watch: func(_ *bridgev1.WatchEventsRequest, stream eventStream) error {
			defer close(ended)
			<-stream.Context().Done()
			return nil
		}}, gateway.Options{})
		response := opened.request(t, http.MethodGet, "/livekit/events/call-1", "")
		_ = response.Body.Close()
		<-ended // or the bubble is deadlocked, and the test fails
	})
}
