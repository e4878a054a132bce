package mediabridge

import (
	"context"
	"crypto/rand"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
)

// What can be asked twice is asked again when the server is not there. CreateRoom, JoinRoom and
// ControlCall are among it because their requests have an ID; CreateModelToken is not: it would make a second key.
// Streams are not either: Watch comes back by itself.
const serviceConfig = `{
  "methodConfig": [{
    "name": [
      {"service": "bridge.v1.CallService", "method": "CreateRoom"},
      {"service": "bridge.v1.CallService", "method": "JoinRoom"},
      {"service": "bridge.v1.CallService", "method": "EndCall"},
      {"service": "bridge.v1.CallService", "method": "ControlCall"},
      {"service": "bridge.v1.CallService", "method": "GetConnectionStatus"},
      {"service": "bridge.v1.CallService", "method": "ListCalls"},
      {"service": "bridge.v1.CallService", "method": "GetCallReport"},
      {"service": "bridge.v1.CallService", "method": "ListAgents"},
      {"service": "bridge.v1.CallService", "method": "DeleteCallData"},
      {"service": "bridge.v1.TelemetryService", "method": "GetStats"},
      {"service": "bridge.v1.AdminService", "method": "DumpTasks"}
    ],
    "retryPolicy": {
      "maxAttempts": 4,
      "initialBackoff": "0.2s",
      "maxBackoff": "2s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
}`

// unaryDefaults gives a unary RPC the deadline and the ID that its caller left out.
func unaryDefaults(deadline time.Duration) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, options ...grpc.CallOption,
	) error {
		if _, bounded := ctx.Deadline(); !bounded {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, deadline)
			defer cancel()
		}
		return invoke(ctx, method, identified(request), reply, conn, options...)
	}
}

// identified returns the request with an ID; the caller's own message stays as it is.
func identified(request any) any {
	switch request := request.(type) {
	case *bridgev1.CreateRoomRequest:
		if request.GetRequestId() == "" {
			request = proto.CloneOf(request)
			request.RequestId = rand.Text()
		}
		return request
	case *bridgev1.JoinRoomRequest:
		if request.GetRequestId() == "" {
			request = proto.CloneOf(request)
			request.RequestId = rand.Text()
		}
		return request
	case *bridgev1.ControlCallRequest:
		if request.GetCommandId() == "" {
			request = proto.CloneOf(request)
			request.CommandId = rand.Text()
		}
		return request
	default:
		return request
	}
}
