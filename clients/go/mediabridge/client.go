// Package mediabridge is a thin client of mediabridge's gRPC API.
//
// It adds to the generated stubs what every caller needs: a connection that notices a dead server,
// deadlines, retries that never do a thing twice, streams that go on where they broke, and errors
// that can be read.
//
//	bridge, err := mediabridge.Dial("127.0.0.1:50051")
//	if err != nil { … }
//	defer bridge.Close()
//	call, err := bridge.CreateRoom(ctx, &bridgev1.CreateRoomRequest{ParticipantName: "Ada", AgentId: "greeter"})
//	if err != nil { … }
//	for event, err := range bridge.Watch(ctx, call.GetConnectionId(), 0) { … }
package mediabridge

import (
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
)

const (
	// A page of 1,000 calls or a report of 1,000 turns; gRPC's own limit is half of it.
	maxResponseBytes = 8 << 20
	// Watches are silent for minutes; the server permits pings of this pace.
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 10 * time.Second
	// gRPC's own pause before it connects again, of up to two minutes, would outlast ours.
	reconnectFirst   = 200 * time.Millisecond
	reconnectLongest = 5 * time.Second
	connectTimeout   = 5 * time.Second
)

// Client is a connection to one server, safe for use by many goroutines. Every RPC of the API is a
// method of it, ServeTools in a form of its own; the IDs of CreateRoom's, JoinRoom's and ControlCall's
// requests are made where they are empty, so that retries are safe.
type Client struct {
	bridgev1.CallServiceClient
	bridgev1.TelemetryServiceClient
	bridgev1.ModelServiceClient
	bridgev1.AdminServiceClient

	tools   bridgev1.ToolServiceClient
	conn    *grpc.ClientConn
	backoff Backoff
}

// Dial makes a client that connects when it is first used. Target is a gRPC target: "host:port", or
// "unix:/path". A server of this machine is spoken to in the clear, any other over TLS, unless
// WithTLS or WithInsecure say otherwise.
func Dial(target string, options ...Option) (*Client, error) {
	settings := defaultSettings()
	for _, option := range options {
		option(&settings)
	}
	conn, err := grpc.NewClient(target, append(dialOptions(target, settings), settings.extra...)...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", target, err)
	}
	return &Client{
		CallServiceClient:      bridgev1.NewCallServiceClient(conn),
		TelemetryServiceClient: bridgev1.NewTelemetryServiceClient(conn),
		ModelServiceClient:     bridgev1.NewModelServiceClient(conn),
		AdminServiceClient:     bridgev1.NewAdminServiceClient(conn),
		tools:                  bridgev1.NewToolServiceClient(conn),
		conn:                   conn,
		backoff:                settings.backoff,
	}, nil
}

// Conn returns the connection, for stubs of services that are not part of the API, such as health.
func (c *Client) Conn() grpc.ClientConnInterface { return c.conn }

// Close closes the connection and breaks off every RPC on it. Calls go on without us.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

func dialOptions(target string, settings settings) []grpc.DialOption {
	transport, plain := settings.transport(target)
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithChainUnaryInterceptor(unaryDefaults(settings.deadline)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponseBytes)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: reconnectFirst, Multiplier: 2, Jitter: 0.2, MaxDelay: reconnectLongest,
			},
			MinConnectTimeout: connectTimeout,
		}),
	}
	if settings.apiKey != nil {
		options = append(options, grpc.WithPerRPCCredentials(bearer{settings.apiKey, plain}))
	}
	return options
}
