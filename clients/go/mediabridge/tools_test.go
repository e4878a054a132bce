package mediabridge_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

// registered reads a registration and answers it.
func registered(stream toolStream) (*bridgev1.ToolRegistration, error) {
	request, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	return request.GetRegister(), stream.Send(&bridgev1.ServeToolsResponse{
		Kind: &bridgev1.ServeToolsResponse_Registered{Registered: &bridgev1.ToolRegistered{}},
	})
}

// invoke asks for a tool, for a minute.
func invoke(stream toolStream, id, name, arguments string) error {
	return stream.Send(&bridgev1.ServeToolsResponse{
		Kind: &bridgev1.ServeToolsResponse_Invocation{Invocation: &bridgev1.ToolInvocation{
			ToolCallId: id, Name: name, ArgumentsJson: arguments, Deadline: timestamppb.New(time.Now().Add(time.Minute)),
		}},
	})
}

func cancelTool(stream toolStream, id, reason string) error {
	return stream.Send(&bridgev1.ServeToolsResponse{
		Kind: &bridgev1.ServeToolsResponse_Cancellation{Cancellation: &bridgev1.ToolCancellation{
			ToolCallId: id, Reason: reason,
		}},
	})
}

func find(_ context.Context, invocation *bridgev1.ToolInvocation) (any, error) {
	switch invocation.GetArgumentsJson() {
	case `{"number":7}`:
		return map[string]string{"state": "on its way"}, nil
	case `{"number":8}`:
		return nil, &mediabridge.ToolError{Code: "order_not_found", Message: "There is no order 8.", PrivateDetail: "row"}
	case `{"number":9}`:
		return nil, errors.New("password of the database: swordfish")
	case `{"number":10}`:
		return strings.Repeat("a", 64<<10), nil
	default:
		return make(chan int), nil // what JSON cannot say
	}
}

func TestWhatComesOfAToolIsToldAndOfOtherErrorsOnlyThatTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := map[string]*bridgev1.ToolResult{}
		bridge := dial(t, &scripted{serveTools: func(stream toolStream) error {
			if _, err := registered(stream); err != nil {
				return err
			}
			for id, arguments := range map[string]string{
				"a": `{"number":7}`, "b": `{"number":8}`, "c": `{"number":9}`, "d": `{"number":10}`, "e": `{}`,
			} {
				if err := invoke(stream, id, "find_order", arguments); err != nil {
					return err
				}
			}
			if err := invoke(stream, "f", "nothing", `{}`); err != nil {
				return err
			}
			for len(got) < 6 {
				request, err := stream.Recv()
				if err != nil {
					return err
				}
				got[request.GetResult().GetToolCallId()] = request.GetResult()
			}
			return status.Error(codes.FailedPrecondition, "enough")
		}})
		err := bridge.ServeTools(t.Context(), &bridgev1.ToolRegistration{}, map[string]mediabridge.Tool{"find_order": find})
		if status.Code(err) != codes.FailedPrecondition {
			t.Errorf("ended with %v", err)
		}
		if output := got["a"].GetOutputJson(); output != `{"state":"on its way"}` {
			t.Errorf("output %s", output)
		}
		if told := got["b"].GetError(); told.GetCode() != "order_not_found" || told.GetMessage() != "There is no order 8." || told.GetPrivateDetail() != "row" {
			t.Errorf("told %v", told)
		}
		for id, code := range map[string]string{"c": "tool_failed", "d": "output_too_large", "e": "invalid_result", "f": "unknown_tool"} {
			if told := got[id].GetError(); told.GetCode() != code || strings.Contains(told.String(), "swordfish") {
				t.Errorf("%s: told %v", id, told)
			}
		}
	})
}

func TestAToolThatNobodyWaitsForIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := make(chan error, 2)
		bridge := dial(t, &scripted{serveTools: func(stream toolStream) error {
			if _, err := registered(stream); err != nil {
				return err
			}
			for _, id := range []string{"a", "b"} {
				if err := invoke(stream, id, "wait", `{}`); err != nil {
					return err
				}
			}
			if err := cancelTool(stream, "a", "interrupted"); err != nil {
				return err
			}
			for range 2 {
				if _, err := stream.Recv(); err != nil {
					return err
				}
			}
			return status.Error(codes.FailedPrecondition, "enough")
		}})
		began := time.Now()
		_ = bridge.ServeTools(t.Context(), &bridgev1.ToolRegistration{}, map[string]mediabridge.Tool{
			"wait": func(ctx context.Context, _ *bridgev1.ToolInvocation) (any, error) {
				<-ctx.Done()
				why <- context.Cause(ctx)
				return nil, ctx.Err()
			},
		})
		if err := <-why; !strings.Contains(err.Error(), "interrupted") {
			t.Errorf("the first one was stopped by %v", err)
		}
		if err := <-why; !errors.Is(err, context.DeadlineExceeded) || time.Since(began) < 59*time.Second {
			t.Errorf("the second one, after %v, by %v", time.Since(began), err)
		}
	})
}

func TestAToolServerThatLeavesAnswersWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		ctx, leave := context.WithCancel(t.Context())
		bridge := dial(t, &scripted{serveTools: func(stream toolStream) error {
			if _, err := registered(stream); err != nil {
				return err
			}
			if err := invoke(stream, "a", "slow", `{}`); err != nil {
				return err
			}
			for range 2 {
				request, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
				if request.GetLeave() != nil {
					said = append(said, "leave")
				} else {
					said = append(said, request.GetResult().GetOutputJson())
				}
			}
			return nil
		}})
		err := bridge.ServeTools(ctx, &bridgev1.ToolRegistration{}, map[string]mediabridge.Tool{
			"slow": func(ctx context.Context, _ *bridgev1.ToolInvocation) (any, error) {
				leave()
				time.Sleep(5 * time.Second)
				return "done", ctx.Err()
			},
		})
		if err != nil || !slices.Equal(said, []string{"leave", `"done"`}) {
			t.Errorf("said %q, then %v", said, err)
		}
	})
}

func TestAToolServerComesBackAndIsToldOfARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		bridge := dial(t, &scripted{serveTools: func(stream toolStream) error {
			registration, err := registered(stream)
			if err != nil {
				return err
			}
			asked = append(asked, strings.Join(registration.GetToolNames(), " ")+" for "+registration.GetTenantId())
			switch {
			case len(asked) == 1:
				return errLapsed
			case len(asked) < 30: // longer than a watch would try
				return errAway
			}
			return status.Error(codes.PermissionDenied, "another tenant's")
		}})
		registration := &bridgev1.ToolRegistration{TenantId: "acme"}
		err := bridge.ServeTools(t.Context(), registration, map[string]mediabridge.Tool{"b": find, "a": find})
		if status.Code(err) != codes.PermissionDenied || len(asked) != 30 || asked[29] != "a b for acme" {
			t.Errorf("registered %q, then %v", asked, err)
		}
		if len(registration.GetToolNames()) != 0 {
			t.Error("the caller's own message was changed")
		}
	})
}
