package gateway

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	rest "github.com/mediabridge/mediabridge/clients/go/gateway/internal/rest"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

const healthPath = "/health"

// newREST returns the handler of everything that is one request and one answer.
func newREST(bridge *mediabridge.Client, options Options, log *slog.Logger) (http.Handler, error) {
	health := grpc_health_v1.NewHealthClient(bridge.Conn())
	mux := runtime.NewServeMux(
		// The API's JSON as it is: fields that are not set stay out, those that are unknown are refused.
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.JSONPb{}),
		runtime.WithErrorHandler(restErrors(log)),
		runtime.WithRoutingErrorHandler(noRoute),
		runtime.WithHealthEndpointAt(health, healthPath),
		runtime.WithIncomingHeaderMatcher(noHeader),
		runtime.WithOutgoingHeaderMatcher(noHeader),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
	)
	ctx := context.Background() // only of interest to generated code that makes connections
	calls := withDefaults{bridge, options.DefaultVoiceLanguage, options.DefaultStartPolicy}
	if err := rest.RegisterCallServiceHandlerClient(ctx, mux, calls); err != nil {
		return nil, fmt.Errorf("register calls: %w", err)
	}
	if err := rest.RegisterTelemetryServiceHandlerClient(ctx, mux, bridge); err != nil {
		return nil, fmt.Errorf("register telemetry: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if !options.ForwardAuthorization {
			r.Header.Del("Authorization") // grpc-gateway passes it on unasked
		}
		mux.ServeHTTP(w, r)
	}), nil
}

// noHeader keeps HTTP's headers and gRPC's metadata apart.
func noHeader(string) (string, bool) { return "", false }

// withDefaults asks for rooms with what the asker has left open.
type withDefaults struct {
	bridgev1.CallServiceClient
	voiceLanguage string
	startPolicy   bridgev1.StartPolicy
}

func (d withDefaults) CreateRoom(
	ctx context.Context, request *bridgev1.CreateRoomRequest, options ...grpc.CallOption,
) (*bridgev1.CreateRoomResponse, error) {
	request.VoiceLanguage = cmp.Or(request.GetVoiceLanguage(), d.voiceLanguage)
	request.StartPolicy = cmp.Or(request.GetStartPolicy(), d.startPolicy)
	return d.CallServiceClient.CreateRoom(ctx, request, options...)
}

// JoinRoom has no start of its own: where the room belongs to a call, one that is named is refused.
func (d withDefaults) JoinRoom(
	ctx context.Context, request *bridgev1.JoinRoomRequest, options ...grpc.CallOption,
) (*bridgev1.JoinRoomResponse, error) {
	request.VoiceLanguage = cmp.Or(request.GetVoiceLanguage(), d.voiceLanguage)
	return d.CallServiceClient.JoinRoom(ctx, request, options...)
}
