package mediabridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

type watchStream = grpc.ServerStreamingServer[bridgev1.WatchEventsResponse]

// take is one answer to WatchEvents: the events it sends, and how it then ends.
type take struct {
	send []int64
	end  error
}

// lastEvent is the one that says the call has ended.
const lastEvent = 5

// watched answers each watch by the next take, and records where each one began.
func watched(takes ...take) (*scripted, *[]int64) {
	var began []int64
	return &scripted{watch: func(request *bridgev1.WatchEventsRequest, stream watchStream) error {
		began = append(began, request.GetAfterSequence())
		next := takes[0]
		if len(takes) > 1 {
			takes = takes[1:]
		}
		for _, sequence := range next.send {
			event := &bridgev1.CallEvent{Sequence: sequence}
			if sequence == lastEvent {
				event.Kind = &bridgev1.CallEvent_Ended{Ended: &bridgev1.Ended{}}
			}
			if err := stream.Send(&bridgev1.WatchEventsResponse{Event: event}); err != nil {
				return err
			}
		}
		return next.end
	}}, &began
}

// follow watches to the end.
func follow(ctx context.Context, bridge *mediabridge.Client, after int64) (seen []int64, err error) {
	for event, err := range bridge.Watch(ctx, "call-1", after) {
		if err != nil {
			return seen, err
		}
		seen = append(seen, event.GetSequence())
	}
	return seen, nil
}

func TestABrokenWatchGoesOnWhereItStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script, began := watched(
			take{[]int64{1, 2}, errAway},
			take{nil, errAway},
			take{[]int64{2, 3, 4}, errAway}, // 2 comes again: a server may be generous
			take{[]int64{5}, nil},
		)
		seen, err := follow(t.Context(), dial(t, script), 0)
		if err != nil || !slices.Equal(seen, []int64{1, 2, 3, 4, 5}) {
			t.Errorf("saw %v, then %v", seen, err)
		}
		if !slices.Equal(*began, []int64{0, 2, 2, 4}) {
			t.Errorf("watched after %v", *began)
		}
	})
}

func TestAWatchEndsBehindTheLastEventWithoutWaitingForTheStreamsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script, _ := watched(take{[]int64{4, 5}, errAway})
		seen, err := follow(t.Context(), dial(t, script), 3)
		if err != nil || !slices.Equal(seen, []int64{4, 5}) {
			t.Errorf("saw %v, then %v", seen, err)
		}
	})
}

func TestAWatchBehindTheEndEndsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script, _ := watched(take{nil, nil})
		seen, err := follow(t.Context(), dial(t, script), lastEvent)
		if err != nil || len(seen) != 0 {
			t.Errorf("saw %v, then %v", seen, err)
		}
	})
}

func TestAWatchGivesUpWhenAllAttemptsInARowFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script, began := watched(take{nil, errAway}, take{[]int64{1}, errAway}, take{nil, errAway})
		patience := mediabridge.Backoff{First: time.Second, Longest: 3 * time.Second, Attempts: 3}
		start := time.Now()
		seen, err := follow(t.Context(), dial(t, script, mediabridge.WithBackoff(patience)), 0)
		if status.Code(err) != codes.Unavailable || !slices.Equal(seen, []int64{1}) {
			t.Errorf("saw %v, then %v", seen, err)
		}
		// One try and its retry; the event makes the failures begin anew: three more retries.
		if !slices.Equal(*began, []int64{0, 0, 1, 1, 1}) {
			t.Errorf("watched after %v", *began)
		}
		// 1 s; then 1 + 2 + 3 s; each up to a fifth shorter.
		if waited := time.Since(start); waited < 5600*time.Millisecond || waited > 7*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestAServerThatAsksForTimeGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script, _ := watched(take{nil, awayFor(30 * time.Second)}, take{[]int64{5}, nil})
		start := time.Now()
		if _, err := follow(t.Context(), dial(t, script), 0); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited != 30*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestAWatchWhoseKeyHasLapsedGoesOnWithTheNextKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script, began := watched(take{[]int64{1, 2}, errLapsed}, take{[]int64{5}, nil})
		var sent []string
		answer := script.watch
		script.watch = func(request *bridgev1.WatchEventsRequest, stream watchStream) error {
			received, _ := metadata.FromIncomingContext(stream.Context())
			sent = append(sent, received.Get("authorization")...)
			return answer(request, stream)
		}
		asked := 0
		seen, err := follow(t.Context(), dial(t, script, mediabridge.WithAPIKeyFrom(func(context.Context) (string, error) {
			asked++
			return fmt.Sprintf("token-%d", asked), nil
		})), 0)
		if err != nil || !slices.Equal(seen, []int64{1, 2, 5}) || !slices.Equal(*began, []int64{0, 2}) {
			t.Errorf("saw %v after %v, then %v", seen, *began, err)
		}
		if !slices.Equal(sent, []string{"Bearer token-1", "Bearer token-2"}) {
			t.Errorf("sent %v", sent)
		}
	})
}

func TestAKeyThatIsRefusedFromTheStartIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script, began := watched(take{nil, status.Error(codes.Unauthenticated, "who is that?")})
		if _, err := follow(t.Context(), dial(t, script), 0); status.Code(err) != codes.Unauthenticated || len(*began) != 1 {
			t.Errorf("in %d watches: %v", len(*began), err)
		}
	})
}

func TestARefusedWatchIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script, began := watched(take{[]int64{1}, status.Error(codes.OutOfRange, "no longer kept")})
		seen, err := follow(t.Context(), dial(t, script), 0)
		if status.Code(err) != codes.OutOfRange || len(seen) != 1 || len(*began) != 1 {
			t.Errorf("saw %v in %d watches, then %v", seen, len(*began), err)
		}
	})
}

func TestACancelledWatchSaysSoAlsoWhileItWaitsForTheServer(t *testing.T) {
	reason := errors.New("the page was closed")
	for name, script := range map[string]take{
		"while it listens": {[]int64{1}, nil},
		"while it waits":   {[]int64{1}, awayFor(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				scripted, _ := watched(script)
				answer := scripted.watch
				scripted.watch = func(request *bridgev1.WatchEventsRequest, stream watchStream) error {
					err := answer(request, stream)
					if err == nil {
						<-stream.Context().Done()
					}
					return err
				}
				bridge := dial(t, scripted)
				ctx, cancel := context.WithCancelCause(t.Context())
				go func() {
					time.Sleep(time.Minute)
					cancel(reason)
				}()
				seen, err := follow(ctx, bridge, 0)
				if !errors.Is(err, reason) || len(seen) != 1 {
					t.Errorf("saw %v, then %v", seen, err)
				}
			})
		})
	}
}

func TestBreakingOffEndsTheStreamOnTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		bridge := dial(t, &scripted{watch: func(_ *bridgev1.WatchEventsRequest, stream watchStream) error {
			defer close(ended)
			event := &bridgev1.CallEvent{Sequence: 1}
			if err := stream.Send(&bridgev1.WatchEventsResponse{Event: event}); err != nil {
				return err
			}
			<-stream.Context().Done()
			return stream.Context().Err()
		}})
		for range bridge.Watch(t.Context(), "call-1", 0) {
			break
		}
		<-ended // or the bubble is deadlocked, and the test fails
	})
}
