package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/internal/loopback"
)

const (
	prefix = "MEDIABRIDGE_GATEWAY_"
	// As a language, it leaves the choice to the agent.
	agentsLanguage = "agent"
)

// Names by which this machine calls itself.
var loopbackNames = []string{"localhost", "127.0.0.1", "::1"}

// settings are what an operator can set: the README says what each means.
type settings struct {
	listen              string
	allowInsecureListen bool
	bridge              string
	bridgeInsecure      bool
	apiKey              string
	voiceLanguage       string
	startPolicy         bridgev1.StartPolicy
	origins             []string
	hosts               []string
	page                string
	livekitAPIKey       string
	livekitAPISecret    string
	logLevel            slog.Level
	logFormat           string
}

// load reads the settings. The error names every variable that is wrong.
func load(env *variables) (settings, error) {
	loaded := settings{
		listen:              env.text(prefix+"LISTEN", "127.0.0.1:8082"),
		allowInsecureListen: env.flag(prefix + "ALLOW_INSECURE_LISTEN"),
		bridge:              env.text(prefix+"BRIDGE", "127.0.0.1:50051"),
		bridgeInsecure:      env.flag(prefix + "BRIDGE_INSECURE"),
		voiceLanguage:       env.text(prefix+"VOICE_LANGUAGE", "en"),
		startPolicy: choice(env, prefix+"START", "microphone", map[string]bridgev1.StartPolicy{
			"create":     bridgev1.StartPolicy_START_POLICY_ON_CREATE,
			"join":       bridgev1.StartPolicy_START_POLICY_ON_JOIN,
			"microphone": bridgev1.StartPolicy_START_POLICY_VOICE_ON_MICROPHONE,
		}),
		origins: env.list(prefix + "ORIGINS"),
		hosts:   env.list(prefix + "HOSTS"),
		page:    env.text(prefix+"PAGE", ""),
		// These are the bridge's own variables, of the same meaning.
		apiKey:           env.secret("MEDIABRIDGE_API_KEY"),
		livekitAPIKey:    env.secret("LIVEKIT_API_KEY"),
		livekitAPISecret: env.secret("LIVEKIT_API_SECRET"),
		logLevel: choice(env, "MEDIABRIDGE_LOG_LEVEL", "info", map[string]slog.Level{
			"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "error": slog.LevelError,
		}),
		logFormat: choice(env, "MEDIABRIDGE_LOG_FORMAT", "auto", map[string]string{
			"json": "json", "console": "console", "auto": "auto",
		}),
	}
	return loaded, errors.Join(env.problem(prefix), loaded.check())
}

func (s settings) check() error {
	var problems []error
	host, _, err := net.SplitHostPort(s.listen)
	switch {
	case err != nil:
		problems = append(problems, fmt.Errorf("%sLISTEN: must be host:port: %w", prefix, err))
	case !loopback.IsHost(host) && !s.allowInsecureListen:
		problems = append(problems, fmt.Errorf("%sLISTEN: other machines could reach %s, and anyone who gets "+
			"through could make calls. Listen on 127.0.0.1, or set %sALLOW_INSECURE_LISTEN=true where something "+
			"else keeps strangers out", prefix, s.listen, prefix))
	}
	if (s.livekitAPIKey == "") != (s.livekitAPISecret == "") {
		problems = append(problems, errors.New("LIVEKIT_API_KEY and LIVEKIT_API_SECRET: one is nothing without the other"))
	}
	if s.page != "" {
		if _, err := os.Stat(s.page); err != nil {
			problems = append(problems, fmt.Errorf("%sPAGE: %w", prefix, err))
		}
	}
	return errors.Join(problems...)
}

// askedBy returns the names by which the gateway may be asked; nil: any.
func (s settings) askedBy() []string {
	if host, _, err := net.SplitHostPort(s.listen); err == nil && loopback.IsHost(host) {
		return append(slices.Clone(loopbackNames), s.hosts...)
	}
	return s.hosts
}

// spoken returns the language where a request names none; "" leaves it to the agent.
func (s settings) spoken() string {
	if s.voiceLanguage == agentsLanguage {
		return ""
	}
	return s.voiceLanguage
}
