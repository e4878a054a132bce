package mediabridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
)

// Backoff says how often, and how patiently, a broken watch is taken up again.
type Backoff struct {
	// First is the wait before the first try; each further one is twice as long.
	First time.Duration
	// Longest bounds the wait, unless the server asks for more.
	Longest time.Duration
	// Attempts is how many tries in a row may fail.
	Attempts int
}

// Share by which a wait is shortened at random, so that watchers do not come back as one.
const jitter = 0.2

// About a minute: longer than a restart, shorter than a patience.
func defaultBackoff() Backoff {
	return Backoff{First: 200 * time.Millisecond, Longest: 5 * time.Second, Attempts: 15}
}

// delay returns the wait before a try that follows so many failed ones.
func (b Backoff) delay(failures int) time.Duration {
	full := b.First
	for range failures {
		full = min(2*full, b.Longest)
	}
	return time.Duration(float64(full) * (1 - jitter*rand.Float64()))
}

// Watch yields a call's events behind afterSequence, each once and in order, up to and with its end.
// A stream that breaks because the server is away, or its key has lapsed, is taken up again where it
// stopped. An error is the last thing yielded: the context's own where that is why; code OutOfRange where the events
// asked for are no longer kept. Breaking off never ends the call.
func (c *Client) Watch(
	ctx context.Context, connectionID string, afterSequence int64,
) iter.Seq2[*bridgev1.CallEvent, error] {
	return func(yield func(*bridgev1.CallEvent, error) bool) {
		seen, failures := afterSequence, 0
		for {
			var broken error
			for response, err := range c.watchOnce(ctx, connectionID, seen) {
				if err != nil {
					broken = err
					break
				}
				failures = 0
				event := response.GetEvent()
				if event.GetSequence() <= seen {
					continue
				}
				seen = event.GetSequence()
				if !yield(event, nil) || event.GetEnded() != nil {
					return
				}
			}
			if broken == nil {
				return
			}
			if err := c.comeBack(ctx, broken, failures); err != nil {
				yield(nil, fmt.Errorf("watch %s after event %d: %w", connectionID, seen, err))
				return
			}
			failures++
		}
	}
}

// Telemetry yields the figures of one call until it ends, or of all calls where the request names
// none. An error is the last thing yielded; a broken stream is not taken up again, for what it
// missed is gone.
func (c *Client) Telemetry(
	ctx context.Context, request *bridgev1.StreamTelemetryRequest,
) iter.Seq2[*bridgev1.StreamTelemetryResponse, error] {
	return received(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[bridgev1.StreamTelemetryResponse], error) {
		return c.StreamTelemetry(ctx, request)
	})
}

func (c *Client) watchOnce(
	ctx context.Context, connectionID string, seen int64,
) iter.Seq2[*bridgev1.WatchEventsResponse, error] {
	request := &bridgev1.WatchEventsRequest{ConnectionId: connectionID, AfterSequence: seen}
	return received(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[bridgev1.WatchEventsResponse], error) {
		return c.WatchEvents(ctx, request)
	})
}

// comeBack waits until a broken watch may be tried again, or returns why it may not.
func (c *Client) comeBack(ctx context.Context, broken error, failures int) error {
	refusal, ok := RefusalOf(broken)
	if !ok || !refusal.CanBeResumed() || failures >= c.backoff.Attempts {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return broken
	}
	select {
	case <-time.After(max(refusal.RetryAfter, c.backoff.delay(failures))):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// received yields a stream's messages until it ends; an error is the last thing yielded.
func received[Message any](
	ctx context.Context,
	open func(context.Context) (grpc.ServerStreamingClient[Message], error),
) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := open(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		for {
			message, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(message, err) || err != nil {
				return
			}
		}
	}
}
