package mediabridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
)

const (
	// How long functions may still run when their server leaves.
	leaveWithin = 10 * time.Second
	// As in the comments of proto/bridge/v1/tool_service.proto.
	maxOutputBytes = 64 << 10
)

// Tool is a function that an agent's model may call. Its context ends when nobody waits for it any
// more; the cause says why. The arguments, invocation.ArgumentsJson, are what a model made of what a
// caller said: check them like any input. The output is anything that encoding/json can write; an
// error that is a *ToolError is told to the model, of any other one it learns only that there was one.
type Tool func(ctx context.Context, invocation *bridgev1.ToolInvocation) (output any, err error)

// ToolError is what a tool returns that does not do what it is asked for.
type ToolError struct {
	// Code is for programs, such as "order_not_found".
	Code string
	// Message is for the model, which may repeat it to the caller.
	Message string
	// PrivateDetail is for your own people.
	PrivateDetail string
}

func (e *ToolError) Error() string { return e.Code + ": " + e.Message }

// ServeTools runs the tools for the calls that the registration names, until the context ends: then
// no more are begun, those that run may answer for another 10 seconds, and nil is returned. The
// registration's tool names are those of the tools. Where the connection breaks or the bridge is
// away, or its key has lapsed, it comes back, however long it takes; what was running is cancelled, and waited for. A refusal
// is returned.
func (c *Client) ServeTools(ctx context.Context, registration *bridgev1.ToolRegistration, tools map[string]Tool) error {
	registration = proto.CloneOf(registration)
	registration.ToolNames = slices.Sorted(maps.Keys(tools))
	for failures := 0; ctx.Err() == nil; failures++ {
		server := toolServer{tools: tools, running: map[string]context.CancelCauseFunc{}}
		err := server.serve(ctx, c.tools, registration)
		if server.wasRegistered {
			failures = 0
		}
		refusal, said := RefusalOf(err)
		if err != nil && !(said && refusal.CanBeResumed()) {
			return fmt.Errorf("serve tools: %w", err)
		}
		select {
		case <-time.After(max(refusal.RetryAfter, c.backoff.delay(failures))):
		case <-ctx.Done():
		}
	}
	return nil
}

type toolStream = grpc.BidiStreamingClient[bridgev1.ServeToolsRequest, bridgev1.ServeToolsResponse]

// toolServer is one registration, on one stream.
type toolServer struct {
	tools         map[string]Tool
	wasRegistered bool

	sending sync.Mutex // a stream takes one message at a time
	stream  toolStream

	work    sync.WaitGroup
	mutex   sync.Mutex // guards running
	running map[string]context.CancelCauseFunc
}

// serve runs tools until the stream ends; nil: with OK.
func (s *toolServer) serve(
	ctx context.Context, service bridgev1.ToolServiceClient, registration *bridgev1.ToolRegistration,
) error {
	// The stream outlives the context, for the last answers.
	streaming, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer s.work.Wait()
	defer cancel()
	stream, err := service.ServeTools(streaming)
	if err != nil {
		return err
	}
	s.stream = stream
	s.send(&bridgev1.ServeToolsRequest{Kind: &bridgev1.ServeToolsRequest_Register{Register: registration}})
	defer context.AfterFunc(ctx, func() {
		s.send(&bridgev1.ServeToolsRequest{Kind: &bridgev1.ServeToolsRequest_Leave{Leave: &bridgev1.ToolLeave{}}})
		time.AfterFunc(leaveWithin, cancel)
	})()
	for {
		told, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil && streaming.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		switch kind := told.GetKind().(type) {
		case *bridgev1.ServeToolsResponse_Registered:
			s.wasRegistered = true
		case *bridgev1.ServeToolsResponse_Invocation:
			s.begin(streaming, kind.Invocation)
		case *bridgev1.ServeToolsResponse_Cancellation:
			s.cancel(kind.Cancellation)
		}
	}
}

// send sends a message. Where it fails, receiving fails too, and says why.
func (s *toolServer) send(request *bridgev1.ServeToolsRequest) {
	s.sending.Lock()
	defer s.sending.Unlock()
	_ = s.stream.Send(request)
}

// begin runs a tool in a goroutine of its own: the bridge asks for no more than it was told to.
func (s *toolServer) begin(ctx context.Context, invocation *bridgev1.ToolInvocation) {
	id := invocation.GetToolCallId()
	ctx, cancel := context.WithCancelCause(ctx)
	ctx, stop := context.WithDeadline(ctx, invocation.GetDeadline().AsTime())
	s.mutex.Lock()
	s.running[id] = cancel
	s.mutex.Unlock()
	s.work.Go(func() {
		defer cancel(nil) // or the stream's context would keep it
		defer stop()
		result := s.run(ctx, invocation)
		s.mutex.Lock()
		delete(s.running, id)
		s.mutex.Unlock()
		s.send(&bridgev1.ServeToolsRequest{Kind: &bridgev1.ServeToolsRequest_Result{Result: result}})
	})
}

func (s *toolServer) cancel(cancellation *bridgev1.ToolCancellation) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if cancel, found := s.running[cancellation.GetToolCallId()]; found {
		cancel(fmt.Errorf("nobody waits any more: %s", cancellation.GetReason()))
	}
}

// run returns what came of an invocation.
func (s *toolServer) run(ctx context.Context, invocation *bridgev1.ToolInvocation) *bridgev1.ToolResult {
	output, err := s.outputOf(ctx, invocation)
	if err == nil {
		return &bridgev1.ToolResult{
			ToolCallId: invocation.GetToolCallId(),
			Outcome:    &bridgev1.ToolResult_OutputJson{OutputJson: string(output)},
		}
	}
	var told *ToolError
	if !errors.As(err, &told) {
		told = &ToolError{Code: "tool_failed", Message: "This did not work.", PrivateDetail: fmt.Sprintf("%T", err)}
	}
	return &bridgev1.ToolResult{
		ToolCallId: invocation.GetToolCallId(),
		Outcome: &bridgev1.ToolResult_Error{Error: &bridgev1.ToolError{
			Code: told.Code, Message: told.Message, PrivateDetail: told.PrivateDetail,
		}},
	}
}

func (s *toolServer) outputOf(ctx context.Context, invocation *bridgev1.ToolInvocation) ([]byte, error) {
	tool, found := s.tools[invocation.GetName()]
	if !found {
		return nil, &ToolError{Code: "unknown_tool", Message: "This cannot be done here."}
	}
	output, err := tool(ctx, invocation)
	if err != nil {
		return nil, err
	}
	written, err := json.Marshal(output)
	if err != nil {
		return nil, &ToolError{Code: "invalid_result", Message: "The answer could not be read.", PrivateDetail: err.Error()}
	}
	if len(written) > maxOutputBytes {
		return nil, &ToolError{Code: "output_too_large", Message: "The answer was too long to be read."}
	}
	return written, nil
}
