package mediabridge

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/mediabridge/mediabridge/clients/go/internal/loopback"
)

// Creating a call asks LiveKit for a room; ending one waits for its goodbyes.
const defaultDeadline = 15 * time.Second

// Option changes how a client is made.
type Option func(*settings)

type settings struct {
	tls      *tls.Config
	insecure bool
	apiKey   string
	deadline time.Duration
	backoff  Backoff
	extra    []grpc.DialOption
}

func defaultSettings() settings {
	return settings{deadline: defaultDeadline, backoff: defaultBackoff()}
}

// WithTLS encrypts with this configuration, also to a server of this machine.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) { s.tls, s.insecure = config, false }
}

// WithInsecure speaks in the clear, also to another machine: only for networks where nobody listens.
// An API key is then sent in the clear, too.
func WithInsecure() Option {
	return func(s *settings) { s.tls, s.insecure = nil, true }
}

// WithAPIKey sends the key with every RPC, as a bearer token.
func WithAPIKey(key string) Option {
	return func(s *settings) { s.apiKey = key }
}

// WithDeadline bounds unary RPCs, with all their retries, whose context has no deadline of its own.
// The default is 15 seconds.
func WithDeadline(deadline time.Duration) Option {
	return func(s *settings) { s.deadline = deadline }
}

// WithBackoff says how Watch comes back to a server that is away.
func WithBackoff(backoff Backoff) Option {
	return func(s *settings) { s.backoff = backoff }
}

// WithDialOptions adds gRPC's own options, such as per-RPC credentials or interceptors for tracing;
// they win over the client's.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.extra = append(s.extra, options...) }
}

// transport returns how to speak to the target, and whether that is in the clear.
func (s settings) transport(target string) (credentials.TransportCredentials, bool) {
	switch {
	case s.insecure, s.tls == nil && isLocal(target):
		return insecure.NewCredentials(), true
	default:
		return credentials.NewTLS(s.tls), false
	}
}

// isLocal tells whether a gRPC target is sure to be of this machine.
func isLocal(target string) bool {
	if strings.HasPrefix(target, "unix:") || strings.HasPrefix(target, "unix-abstract:") {
		return true
	}
	for _, scheme := range []string{"dns:///", "dns:", "passthrough:///", "passthrough:"} {
		target = strings.TrimPrefix(target, scheme)
	}
	host, _, err := net.SplitHostPort(target)
	return err == nil && loopback.IsHost(host)
}

// bearer sends an API key with every RPC.
type bearer struct {
	key   string
	plain bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.key}, nil
}

func (b bearer) RequireTransportSecurity() bool { return !b.plain }
