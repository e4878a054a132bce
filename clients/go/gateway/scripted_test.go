package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/gateway"
	"github.com/mediabridge/mediabridge/clients/go/internal/memserver"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

type (
	eventStream  = grpc.ServerStreamingServer[bridgev1.WatchEventsResponse]
	figureStream = grpc.ServerStreamingServer[bridgev1.StreamTelemetryResponse]
)

// scripted is a bridge whose answers a test writes.
type scripted struct {
	bridgev1.UnimplementedCallServiceServer
	bridgev1.UnimplementedTelemetryServiceServer

	createRoom func(context.Context, *bridgev1.CreateRoomRequest) error
	joinRoom   func(*bridgev1.JoinRoomRequest)
	watch      func(*bridgev1.WatchEventsRequest, eventStream) error
	measure    func(*bridgev1.StreamTelemetryRequest, figureStream) error
	isLeaving  bool
}

func (s *scripted) CreateRoom(
	ctx context.Context, request *bridgev1.CreateRoomRequest,
) (*bridgev1.CreateRoomResponse, error) {
	return &bridgev1.CreateRoomResponse{ConnectionId: "call-1", Status: "created"}, s.createRoom(ctx, request)
}

func (s *scripted) JoinRoom(
	_ context.Context, request *bridgev1.JoinRoomRequest,
) (*bridgev1.JoinRoomResponse, error) {
	s.joinRoom(request)
	return &bridgev1.JoinRoomResponse{Status: "joined"}, nil
}

func (s *scripted) WatchEvents(request *bridgev1.WatchEventsRequest, stream eventStream) error {
	return s.watch(request, stream)
}

func (s *scripted) StreamTelemetry(request *bridgev1.StreamTelemetryRequest, stream figureStream) error {
	return s.measure(request, stream)
}

// opened is a gateway in front of a scripted bridge, all of it in memory.
type opened struct {
	gateway *gateway.Gateway
	client  *http.Client
	log     *strings.Builder
}

func open(t *testing.T, script *scripted, options gateway.Options) opened {
	t.Helper()
	served := memserver.Serve(t, func(server grpc.ServiceRegistrar) {
		bridgev1.RegisterCallServiceServer(server, script)
		bridgev1.RegisterTelemetryServiceServer(server, script)
		checks := health.NewServer()
		if script.isLeaving {
			checks.Shutdown()
		}
		grpc_health_v1.RegisterHealthServer(server, checks)
	})
	bridge, err := mediabridge.Dial(memserver.Target, mediabridge.WithInsecure(), mediabridge.WithDialOptions(served...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bridge.Close() })
	return openInFrontOf(t, bridge, options)
}

func openInFrontOf(t *testing.T, bridge *mediabridge.Client, options gateway.Options) opened {
	t.Helper()
	log := &strings.Builder{}
	options.Log = slog.New(slog.NewTextHandler(log, nil))
	made, err := gateway.New(bridge, options)
	if err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(64 << 10)
	server := &http.Server{Handler: made}
	go func() { _ = server.Serve(listener) }() // ends by Close
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.DialContext(ctx) },
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})
	return opened{made, &http.Client{Transport: transport}, log}
}

// answer is what came back.
type answer struct {
	*http.Response
	text string
}

// ask sends a request to the gateway; headers are "Name: value".
func (o opened) ask(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	response := o.request(t, method, url, body, headers...)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, string(text)}
}

// request is ask, with the answer's body still to be read.
func (o opened) request(t *testing.T, method, url, body string, headers ...string) *http.Response {
	t.Helper()
	if strings.HasPrefix(url, "/") {
		url = "http://localhost:8082" + url
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		if name, value, given := strings.Cut(header, ": "); given {
			request.Header.Set(name, value)
		}
	}
	response, err := o.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// sent returns the values of one key of what the asker sent along.
func sent(ctx context.Context, key string) []string {
	received, _ := metadata.FromIncomingContext(ctx)
	return received.Get(key)
}
