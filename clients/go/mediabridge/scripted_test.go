package mediabridge_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/internal/memserver"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

// scripted is a bridge whose answers a test writes.
type scripted struct {
	bridgev1.UnimplementedCallServiceServer
	bridgev1.UnimplementedModelServiceServer
	bridgev1.UnimplementedToolServiceServer

	createRoom  func(context.Context, *bridgev1.CreateRoomRequest) error
	joinRoom    func(context.Context, *bridgev1.JoinRoomRequest) error
	control     func(*bridgev1.ControlCallRequest) error
	createToken func() error
	watch       func(*bridgev1.WatchEventsRequest, grpc.ServerStreamingServer[bridgev1.WatchEventsResponse]) error
	serveTools  func(toolStream) error
}

type toolStream = grpc.BidiStreamingServer[bridgev1.ServeToolsRequest, bridgev1.ServeToolsResponse]

func (s *scripted) CreateRoom(
	ctx context.Context, request *bridgev1.CreateRoomRequest,
) (*bridgev1.CreateRoomResponse, error) {
	return &bridgev1.CreateRoomResponse{Status: "created"}, s.createRoom(ctx, request)
}

func (s *scripted) JoinRoom(
	ctx context.Context, request *bridgev1.JoinRoomRequest,
) (*bridgev1.JoinRoomResponse, error) {
	return &bridgev1.JoinRoomResponse{Status: "joined"}, s.joinRoom(ctx, request)
}

func (s *scripted) ControlCall(
	_ context.Context, request *bridgev1.ControlCallRequest,
) (*bridgev1.ControlCallResponse, error) {
	return &bridgev1.ControlCallResponse{CommandId: request.GetCommandId()}, s.control(request)
}

func (s *scripted) CreateModelToken(
	context.Context, *bridgev1.CreateModelTokenRequest,
) (*bridgev1.CreateModelTokenResponse, error) {
	return &bridgev1.CreateModelTokenResponse{}, s.createToken()
}

func (s *scripted) WatchEvents(
	request *bridgev1.WatchEventsRequest, stream grpc.ServerStreamingServer[bridgev1.WatchEventsResponse],
) error {
	return s.watch(request, stream)
}

func (s *scripted) ServeTools(stream toolStream) error { return s.serveTools(stream) }

// dial serves the script and returns a client of it; both end with the test.
func dial(t *testing.T, script *scripted, options ...mediabridge.Option) *mediabridge.Client {
	t.Helper()
	served := memserver.Serve(t, func(server grpc.ServiceRegistrar) {
		bridgev1.RegisterCallServiceServer(server, script)
		bridgev1.RegisterModelServiceServer(server, script)
		bridgev1.RegisterToolServiceServer(server, script)
	})
	options = append(options, mediabridge.WithInsecure(), mediabridge.WithDialOptions(served...))
	client, err := mediabridge.Dial(memserver.Target, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

var errAway = status.Error(codes.Unavailable, "away")

// errLapsed is how a stream ends whose key has expired or been revoked meanwhile.
var errLapsed = refusal(codes.Unauthenticated, "no longer valid", &errdetails.ErrorInfo{Reason: "CREDENTIALS_LAPSED"})

// awayFor is a refusal that says when to come back.
func awayFor(delay time.Duration) error {
	return refusal(codes.Unavailable, "draining", &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
}

func refusal(code codes.Code, message string, details ...protoadapt.MessageV1) error {
	said, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return said.Err()
}
