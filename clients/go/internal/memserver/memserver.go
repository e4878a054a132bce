// Package memserver serves gRPC in memory, for tests: without a port, and inside a synctest bubble.
package memserver

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// Target is what a client dials, with the options that Serve returns.
const Target = "passthrough:///memory"

const bufferBytes = 64 << 10

// Serve serves what register registers until the test ends, and returns how to dial it.
func Serve(t testing.TB, register func(grpc.ServiceRegistrar)) []grpc.DialOption {
	t.Helper()
	listener := bufconn.Listen(bufferBytes)
	server := grpc.NewServer()
	register(server)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = server.Serve(listener) // ends by Stop, with nothing to say
	}()
	t.Cleanup(func() {
		server.Stop()
		<-stopped
	})
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}),
	}
}
