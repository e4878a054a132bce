package gateway

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

const (
	// A refusal comes within a round trip, and is then still an HTTP status.
	refusedWithin = time.Second
	// Writing is the only way to notice that a browser is gone; proxies cut silent streams.
	heartbeatEvery = 15 * time.Second
	// A browser that takes nothing for so long is gone.
	writtenWithin = 10 * time.Second
)

// message is what is sent as one event: an ID to come back with, if there is one, and JSON.
type message struct {
	id   int64
	body proto.Message
}

type messages = iter.Seq2[message, error]

// events streams a call's events, each with its sequence number as its ID. A browser that comes back
// names the last one it has, and gets the rest; behind the last one of all it gets 204, and stays away.
func (g *Gateway) events(bridge *mediabridge.Client, options Options) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request := &bridgev1.WatchEventsRequest{}
		if err := parseQuery(r, request); err != nil {
			refuseAs(w, r, g.log, err)
			return
		}
		if last := r.Header.Get("Last-Event-ID"); last != "" {
			after, err := strconv.ParseInt(last, 10, 64)
			if err != nil {
				refuseAs(w, r, g.log, status.Error(codes.InvalidArgument, "Last-Event-ID: must be an event's sequence number"))
				return
			}
			request.AfterSequence = after
		}
		g.stream(w, r, func(ctx context.Context) messages {
			events := bridge.Watch(asAsker(ctx, r, options), r.PathValue("id"), request.GetAfterSequence())
			return messagesOf(events, func(event *bridgev1.CallEvent) message {
				return message{event.GetSequence(), event}
			})
		})
	}
}

// telemetry streams figures of one call or of all.
func (g *Gateway) telemetry(bridge *mediabridge.Client, options Options) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request := &bridgev1.StreamTelemetryRequest{}
		if err := parseQuery(r, request); err != nil {
			refuseAs(w, r, g.log, err)
			return
		}
		request.ConnectionId = cmp.Or(r.PathValue("id"), request.GetConnectionId())
		g.stream(w, r, func(ctx context.Context) messages {
			figures := bridge.Telemetry(asAsker(ctx, r, options), request)
			return messagesOf(figures, func(response *bridgev1.StreamTelemetryResponse) message {
				return message{body: response}
			})
		})
	}
}

// messagesOf returns what is yielded as messages.
func messagesOf[Received any](received iter.Seq2[Received, error], as func(Received) message) messages {
	return func(yield func(message, error) bool) {
		for one, err := range received {
			if !yield(as(one), err) {
				return
			}
		}
	}
}

// parseQuery sets the request's fields from the query. One that does not exist is refused, and so is
// the call where the path names it.
func parseQuery(r *http.Request, request proto.Message) error {
	query, fields := r.URL.Query(), request.ProtoReflect().Descriptor().Fields()
	for name := range query {
		if fields.ByJSONName(name) == nil || name == "connectionId" && r.PathValue("id") != "" {
			return status.Errorf(codes.InvalidArgument, "%s: there is no such parameter", name)
		}
	}
	if err := runtime.PopulateQueryParameters(request, query, &utilities.DoubleArray{}); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return nil
}

// asAsker returns a context in which RPCs are made in the asker's name, where that is wanted.
func asAsker(ctx context.Context, r *http.Request, options Options) context.Context {
	given := r.Header.Get("Authorization")
	if !options.ForwardAuthorization || given == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", given)
}

// stream sends messages as they come until they end, the asker leaves, or EndStreams. What is wrong
// at once is an HTTP error; what breaks later ends the stream, and is told to whoever comes back.
func (g *Gateway) stream(w http.ResponseWriter, r *http.Request, open func(context.Context) messages) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(g.streaming, cancel)()
	next, stop := pumped(ctx, open)
	defer stop()

	var first message
	select {
	case got, more := <-next:
		switch {
		case ctx.Err() != nil: // nobody is there any more, or we are leaving
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case !more:
			w.WriteHeader(http.StatusNoContent)
			return
		case got.err != nil:
			refuseAs(w, r, g.log, got.err)
			return
		}
		first = got.message
	case <-time.After(refusedWithin):
	}
	writer := newEventWriter(w)
	if err := writer.begin(); err != nil {
		return
	}
	if first.body != nil {
		if err := writer.send(first); err != nil {
			return
		}
	}
	g.follow(ctx, r.URL.Path, writer, next)
}

// follow sends what comes until there is no more, or nobody to send it to.
func (g *Gateway) follow(ctx context.Context, path string, writer *eventWriter, next <-chan result) {
	for {
		var err error
		select {
		case got, more := <-next:
			if !more {
				return
			}
			if got.err != nil {
				if ctx.Err() == nil {
					g.log.WarnContext(ctx, "stream broke", "path", path, "error", got.err)
				}
				return
			}
			err = writer.send(got.message)
		case <-time.After(heartbeatEvery):
			err = writer.comment("still here")
		}
		if err != nil {
			return // the browser is gone
		}
	}
}

type result struct {
	message message
	err     error
}

// pumped reads messages in a goroutine of its own, one ahead of who takes them; stop ends it, and
// must be called.
func pumped(ctx context.Context, open func(context.Context) messages) (next <-chan result, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan result)
	var pump sync.WaitGroup
	pump.Go(func() {
		defer close(results)
		for message, err := range open(ctx) {
			select {
			case results <- result{message, err}:
			case <-ctx.Done():
				return
			}
		}
	})
	return results, func() {
		cancel()
		pump.Wait()
	}
}

// eventWriter writes server-sent events.
type eventWriter struct {
	response http.ResponseWriter
	control  *http.ResponseController
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	return &eventWriter{response: w, control: http.NewResponseController(w)}
}

// begin answers with the headers of a stream, and lifts the server's limits on how long it may take.
func (e *eventWriter) begin() error {
	if err := e.control.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("lift the read deadline: %w", err)
	}
	header := e.response.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would keep events back
	return e.write("")
}

func (e *eventWriter) send(message message) error {
	body, err := protojson.Marshal(message.body)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if message.id == 0 {
		return e.write(fmt.Sprintf("data: %s\n\n", body))
	}
	return e.write(fmt.Sprintf("id: %d\ndata: %s\n\n", message.id, body))
}

func (e *eventWriter) comment(text string) error {
	return e.write(": " + text + "\n\n")
}

func (e *eventWriter) write(text string) error {
	if err := e.control.SetWriteDeadline(time.Now().Add(writtenWithin)); err != nil {
		return fmt.Errorf("bound the write: %w", err)
	}
	if _, err := io.WriteString(e.response, text); err != nil {
		return err
	}
	return e.control.Flush()
}
