// Package gateway serves mediabridge's calls over REST and server-sent events, to browsers and to
// services that speak no gRPC.
//
//	GET  /livekit/agents
//	POST /livekit/create-room             POST /livekit/join-room        POST /livekit/end-call
//	GET  /livekit/connection-status/{id}  GET  /livekit/stats
//	GET  /livekit/events/{id}             GET  /livekit/telemetry        GET  /livekit/telemetry/{id}
//	POST /livekit/webhook                 GET  /openapi.json             GET  /health
//
// The JSON is the API's own (see proto/bridge/v1), fields that are not known are refused, and errors
// are a status and one line of text; with "Accept: application/json" they are JSON.
package gateway

import (
	"context"
	_ "embed"
	"io/fs"
	"log/slog"
	"net/http"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

//go:embed internal/rest/gateway.swagger.json
var openAPI []byte

// Options say what a gateway does beyond passing on. The zero value is a good one.
type Options struct {
	// DefaultVoiceLanguage is spoken where a request names none. Empty: the agent's first language.
	DefaultVoiceLanguage string
	// DefaultStartPolicy is when the agent starts where a request does not say. VOICE_ON_MICROPHONE is
	// for pages that look out for the agent's track only once their microphone is published.
	DefaultStartPolicy bridgev1.StartPolicy
	// ForwardAuthorization sends the asker's Authorization header to the bridge; where the client
	// has an API key of its own, there must be no other.
	ForwardAuthorization bool
	// Origins are other sites whose pages may use the gateway, such as "https://app.example", or "*"
	// for all of them. Empty: none may.
	Origins []string
	// Hosts are the names by which the gateway may be asked, without ports. Empty: any. A gateway
	// on loopback should have some, or a foreign site can point its own name at it.
	Hosts []string
	// Page is served at "/": the web client. Nil: nothing is.
	Page fs.FS
	// Webhooks are LiveKit's, received at /livekit/webhook. Nil: they are not.
	Webhooks *Webhooks
	// Log is told of every request, and of what went wrong. Nil: slog's default.
	Log *slog.Logger
}

// Gateway is an http.Handler.
type Gateway struct {
	handler http.Handler
	log     *slog.Logger
	// streaming ends when no stream should go on.
	streaming  context.Context
	endStreams context.CancelFunc
}

// New makes a gateway in front of the bridge that the client speaks to.
func New(bridge *mediabridge.Client, options Options) (*Gateway, error) {
	log := options.Log
	if log == nil {
		log = slog.Default()
	}
	streaming, endStreams := context.WithCancel(context.Background())
	gateway := &Gateway{log: log, streaming: streaming, endStreams: endStreams}
	rest, err := newREST(bridge, options, log)
	if err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	routes.Handle("/livekit/", rest)
	routes.Handle("GET "+healthPath, rest)
	routes.HandleFunc("GET /livekit/events/{id}", gateway.events(bridge, options))
	routes.HandleFunc("GET /livekit/telemetry", gateway.telemetry(bridge, options))
	routes.HandleFunc("GET /livekit/telemetry/{id}", gateway.telemetry(bridge, options))
	routes.HandleFunc("GET /openapi.json", serveOpenAPI)
	if options.Webhooks != nil {
		routes.Handle("POST /livekit/webhook", options.Webhooks)
	}
	if options.Page != nil {
		routes.Handle("/", pageAt(options.Page))
	} else {
		routes.HandleFunc("/", notFound)
	}
	browsers, err := guarded(routes, options)
	if err != nil {
		return nil, err
	}
	gateway.handler = logged(bounded(browsers), log)
	return gateway, nil
}

// ServeHTTP answers a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.handler.ServeHTTP(w, r)
}

// EndStreams breaks off the streams of events and telemetry, which would go on for as long as their
// calls, so that a server can shut down. Browsers come back by themselves.
func (g *Gateway) EndStreams() {
	g.endStreams()
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // an asker who is gone needs no document
}
