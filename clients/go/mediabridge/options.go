package mediabridge

import (
	"context"
	"crypto/tls"
	"fmt"
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
	apiKey   KeySource
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

// KeySource returns an API key, or a token, that is good now. It is asked before every RPC.
type KeySource func(context.Context) (string, error)

// WithAPIKey sends the key with every RPC, as a bearer token. An empty one is not sent.
func WithAPIKey(key string) Option {
	if key == "" {
		return func(s *settings) { s.apiKey = nil }
	}
	return WithAPIKeyFrom(func(context.Context) (string, error) { return key, nil })
}

// WithAPIKeyFrom sends what the source returns with every RPC. A token that is renewed in time keeps
// long watches going: one that lapses ends its stream, and Watch opens the next one with the new.
func WithAPIKeyFrom(source KeySource) Option {
	return func(s *settings) { s.apiKey = source }
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
	key   KeySource
	plain bool
}

func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	key, err := b.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("API key: %w", err)
	}
	return map[string]string{"authorization": "Bearer " + key}, nil
}

func (b bearer) RequireTransportSecurity() bool { return !b.plain }
