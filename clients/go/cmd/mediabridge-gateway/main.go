// Command mediabridge-gateway serves mediabridge's calls over REST and server-sent events. Its
// settings are environment variables: the README beside the Go module lists them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mediabridge/mediabridge/clients/go/gateway"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

const (
	headersWithin  = 10 * time.Second
	requestWithin  = 20 * time.Second
	answeredWithin = 40 * time.Second // the client's deadline, and time to spare
	idleAtMost     = 2 * time.Minute
	goneWithin     = 20 * time.Second
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: mediabridge-gateway\nIts settings are environment variables.")
	}
	flag.Parse()
	config, err := load(newVariables(os.Environ()))
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = listenAndServe(ctx, config, newLog(config, os.Stderr))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func listenAndServe(ctx context.Context, config settings, log *slog.Logger) error {
	listener, err := net.Listen("tcp", config.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	return serve(ctx, listener, config, log)
}

// serve serves until the context ends, and then until what is under way is done.
func serve(ctx context.Context, listener net.Listener, config settings, log *slog.Logger) error {
	bridge, err := mediabridge.Dial(config.bridge, dialOptions(config)...)
	if err != nil {
		return err
	}
	defer bridge.Close()
	options, err := gatewayOptions(config, log)
	if err != nil {
		return err
	}
	handler, err := gateway.New(bridge, options)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headersWithin,
		ReadTimeout:       requestWithin,
		WriteTimeout:      answeredWithin,
		IdleTimeout:       idleAtMost,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	server.RegisterOnShutdown(handler.EndStreams)
	log.Info("serving", "address", listener.Addr().String(), "bridge", config.bridge)

	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() {
		log.Info("stopping")
		finishing, cancel := context.WithTimeout(context.WithoutCancel(ctx), goneWithin)
		defer cancel()
		stopped <- server.Shutdown(finishing)
	})()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func dialOptions(config settings) []mediabridge.Option {
	var options []mediabridge.Option
	if config.bridgeInsecure {
		options = append(options, mediabridge.WithInsecure())
	}
	if config.apiKey != "" {
		options = append(options, mediabridge.WithAPIKey(config.apiKey))
	}
	return options
}

func gatewayOptions(config settings, log *slog.Logger) (gateway.Options, error) {
	options := gateway.Options{
		DefaultVoiceLanguage: config.spoken(),
		DefaultStartPolicy:   config.startPolicy,
		ForwardAuthorization: config.apiKey == "",
		Origins:              config.origins,
		Hosts:                config.askedBy(),
		Log:                  log,
	}
	if config.page != "" {
		page, err := os.OpenRoot(config.page)
		if err != nil {
			return gateway.Options{}, fmt.Errorf("%sPAGE: %w", prefix, err)
		}
		options.Page = page.FS()
	}
	if config.livekitAPIKey != "" {
		options.Webhooks = &gateway.Webhooks{
			APIKey:    config.livekitAPIKey,
			APISecret: config.livekitAPISecret,
			Received: func(ctx context.Context, event gateway.WebhookEvent) error {
				log.InfoContext(ctx, "livekit event",
					"event", event.Name, "room", event.Room, "participant", event.Participant, "id", event.ID)
				return nil
			},
		}
	}
	return options, nil
}

func newLog(config settings, out *os.File) *slog.Logger {
	options := &slog.HandlerOptions{Level: config.logLevel}
	if config.logFormat == "console" || config.logFormat == "auto" && isTerminal(out) {
		return slog.New(slog.NewTextHandler(io.Writer(out), options))
	}
	return slog.New(slog.NewJSONHandler(out, options))
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
