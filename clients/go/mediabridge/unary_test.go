package mediabridge_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

func TestARoomIsAskedForAgainWithTheSameRequestID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		bridge := dial(t, &scripted{createRoom: func(_ context.Context, request *bridgev1.CreateRoomRequest) error {
			asked = append(asked, request.GetRequestId())
			if len(asked) < 3 {
				return errAway
			}
			return nil
		}})
		request := &bridgev1.CreateRoomRequest{ParticipantName: "Ada", AgentId: "greeter"}
		for range 2 {
			if _, err := bridge.CreateRoom(t.Context(), request); err != nil {
				t.Fatal(err)
			}
		}
		if request.GetRequestId() != "" {
			t.Error("the caller's own message was changed")
		}
		if len(asked) != 4 || asked[0] == "" || asked[0] != asked[1] || asked[1] != asked[2] || asked[2] == asked[3] {
			t.Errorf("asked with %q", asked)
		}
	})
}

func TestARequestIDOfTheCallersOwnIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		bridge := dial(t, &scripted{
			createRoom: func(_ context.Context, request *bridgev1.CreateRoomRequest) error {
				asked = append(asked, request.GetRequestId())
				return nil
			},
			joinRoom: func(_ context.Context, request *bridgev1.JoinRoomRequest) error {
				asked = append(asked, request.GetRequestId())
				return nil
			},
		})
		if _, err := bridge.CreateRoom(t.Context(), &bridgev1.CreateRoomRequest{RequestId: "order-1"}); err != nil {
			t.Fatal(err)
		}
		if _, err := bridge.JoinRoom(t.Context(), &bridgev1.JoinRoomRequest{RequestId: "order-2"}); err != nil {
			t.Fatal(err)
		}
		if _, err := bridge.JoinRoom(t.Context(), &bridgev1.JoinRoomRequest{}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(asked[:2], []string{"order-1", "order-2"}) || asked[2] == "" {
			t.Errorf("asked with %q", asked)
		}
	})
}

func TestACommandIsGivenAgainUnderItsOwnID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		bridge := dial(t, &scripted{control: func(request *bridgev1.ControlCallRequest) error {
			asked = append(asked, request.GetCommandId())
			if len(asked) == 1 {
				return errAway
			}
			return nil
		}})
		if _, err := bridge.ControlCall(t.Context(), &bridgev1.ControlCallRequest{}); err != nil {
			t.Fatal(err)
		}
		if len(asked) != 2 || asked[0] == "" || asked[0] != asked[1] {
			t.Errorf("asked with %q", asked)
		}
		if _, err := bridge.ControlCall(t.Context(), &bridgev1.ControlCallRequest{CommandId: "hold-1"}); err != nil {
			t.Fatal(err)
		}
		if asked[2] != "hold-1" {
			t.Errorf("asked with %q", asked)
		}
	})
}

func TestARefusalIsNotAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		bridge := dial(t, &scripted{createRoom: func(context.Context, *bridgev1.CreateRoomRequest) error {
			asked++
			return status.Error(codes.ResourceExhausted, "all slots are taken")
		}})
		_, err := bridge.CreateRoom(t.Context(), &bridgev1.CreateRoomRequest{})
		if status.Code(err) != codes.ResourceExhausted || asked != 1 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	})
}

func TestAKeyIsNotMadeTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		bridge := dial(t, &scripted{createToken: func() error {
			asked++
			return errAway
		}})
		_, err := bridge.CreateModelToken(t.Context(), &bridgev1.CreateModelTokenRequest{})
		if status.Code(err) != codes.Unavailable || asked != 1 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	})
}

func TestAnRPCWithoutADeadlineGetsOneAndOneWithKeepsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given []time.Duration
		bridge := dial(t, &scripted{createRoom: func(ctx context.Context, _ *bridgev1.CreateRoomRequest) error {
			deadline, _ := ctx.Deadline()
			given = append(given, time.Until(deadline).Round(time.Second))
			return nil
		}}, mediabridge.WithDeadline(7*time.Second))
		if _, err := bridge.CreateRoom(t.Context(), &bridgev1.CreateRoomRequest{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := bridge.CreateRoom(ctx, &bridgev1.CreateRoomRequest{}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(given, []time.Duration{7 * time.Second, time.Minute}) {
			t.Errorf("the server was given %v", given)
		}
	})
}

func TestADeadlineBoundsAllRetriesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bridge := dial(t, &scripted{createRoom: func(ctx context.Context, _ *bridgev1.CreateRoomRequest) error {
			<-ctx.Done()
			return errAway
		}}, mediabridge.WithDeadline(2*time.Second))
		began := time.Now()
		_, err := bridge.CreateRoom(t.Context(), &bridgev1.CreateRoomRequest{})
		if status.Code(err) != codes.DeadlineExceeded || time.Since(began) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestAnAPIKeyGoesWithEveryRPC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		bridge := dial(t, &scripted{createRoom: func(ctx context.Context, _ *bridgev1.CreateRoomRequest) error {
			received, _ := metadata.FromIncomingContext(ctx)
			sent = received.Get("authorization")
			return nil
		}}, mediabridge.WithAPIKey("a-key"))
		if _, err := bridge.CreateRoom(t.Context(), &bridgev1.CreateRoomRequest{}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(sent, []string{"Bearer a-key"}) {
			t.Errorf("authorization was %q", sent)
		}
	})
}
