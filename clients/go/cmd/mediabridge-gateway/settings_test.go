package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
)

func TestWithoutAnySettingTheGatewayIsTheSeedsOnLoopback(t *testing.T) {
	loaded, err := load(newVariables(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		listen: "127.0.0.1:8082", bridge: "127.0.0.1:50051", voiceLanguage: "en",
		startPolicy: bridgev1.StartPolicy_START_POLICY_VOICE_ON_MICROPHONE, logLevel: slog.LevelInfo, logFormat: "auto",
	}
	if !reflect.DeepEqual(loaded, want) {
		t.Errorf("%+v", loaded)
	}
	if hosts := loaded.askedBy(); !reflect.DeepEqual(hosts, []string{"localhost", "127.0.0.1", "::1"}) {
		t.Errorf("asked by the names %q", hosts)
	}
}

func TestEverySettingIsRead(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := load(newVariables([]string{
		"MEDIABRIDGE_GATEWAY_LISTEN=0.0.0.0:80",
		"MEDIABRIDGE_GATEWAY_ALLOW_INSECURE_LISTEN=true",
		"MEDIABRIDGE_GATEWAY_BRIDGE=bridge:50051",
		"MEDIABRIDGE_GATEWAY_BRIDGE_INSECURE=true",
		"MEDIABRIDGE_GATEWAY_VOICE_LANGUAGE=agent",
		"MEDIABRIDGE_GATEWAY_START=create",
		"MEDIABRIDGE_GATEWAY_ORIGINS=https://a.example, https://b.example",
		"MEDIABRIDGE_GATEWAY_HOSTS=calls.example",
		"MEDIABRIDGE_GATEWAY_PAGE=.",
		"MEDIABRIDGE_API_KEY=key",
		"LIVEKIT_API_KEY=k",
		"LIVEKIT_API_SECRET_FILE=" + secret,
		"MEDIABRIDGE_LOG_LEVEL=Warning",
		"MEDIABRIDGE_LOG_FORMAT=json",
		"MEDIABRIDGE_SLOTS=4", // the bridge's own
		"MEDIABRIDGE_GATEWAY_SERVICE_HOST=10.0.0.1",
		"MEDIABRIDGE_GATEWAY_PORT=tcp://10.0.0.1:8082",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		listen: "0.0.0.0:80", allowInsecureListen: true, bridge: "bridge:50051", bridgeInsecure: true,
		voiceLanguage: "agent", startPolicy: bridgev1.StartPolicy_START_POLICY_ON_CREATE, origins: []string{"https://a.example", "https://b.example"},
		hosts: []string{"calls.example"}, page: ".", apiKey: "key", livekitAPIKey: "k", livekitAPISecret: "s",
		logLevel: slog.LevelWarn, logFormat: "json",
	}
	if !reflect.DeepEqual(loaded, want) {
		t.Errorf("%+v", loaded)
	}
	if hosts := loaded.askedBy(); !reflect.DeepEqual(hosts, []string{"calls.example"}) {
		t.Errorf("asked by the names %q", hosts)
	}
	if language := loaded.spoken(); language != "" {
		t.Errorf("speaks %q where the agent should choose", language)
	}
}

func TestAWrongSettingIsRefusedByName(t *testing.T) {
	for variable, name := range map[string]string{
		"MEDIABRIDGE_GATEWAY_LISTEN=0.0.0.0:8082":           "MEDIABRIDGE_GATEWAY_ALLOW_INSECURE_LISTEN=true",
		"MEDIABRIDGE_GATEWAY_LISTEN=:8082":                  "MEDIABRIDGE_GATEWAY_ALLOW_INSECURE_LISTEN=true",
		"MEDIABRIDGE_GATEWAY_LISTEN=8082":                   "MEDIABRIDGE_GATEWAY_LISTEN",
		"MEDIABRIDGE_GATEWAY_ALLOW_INSECURE_LISTEN=perhaps": "MEDIABRIDGE_GATEWAY_ALLOW_INSECURE_LISTEN: must be",
		"MEDIABRIDGE_GATEWAY_ORIGIN=https://a.example":      "MEDIABRIDGE_GATEWAY_ORIGIN",
		"MEDIABRIDGE_GATEWAY_PAGE=/nowhere/at/all":          "MEDIABRIDGE_GATEWAY_PAGE",
		"LIVEKIT_API_SECRET_FILE=/nowhere":                  "LIVEKIT_API_SECRET_FILE",
		"MEDIABRIDGE_GATEWAY_START=later":                   "MEDIABRIDGE_GATEWAY_START",
		"LIVEKIT_API_KEY=k":                                 "LIVEKIT_API_SECRET",
		"MEDIABRIDGE_LOG_LEVEL=loud":                        "MEDIABRIDGE_LOG_LEVEL",
		"MEDIABRIDGE_LOG_FORMAT=xml":                        "MEDIABRIDGE_LOG_FORMAT",
	} {
		if _, err := load(newVariables([]string{variable})); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", variable, err)
		}
	}
}

func TestAnEmptyVariableIsNotSet(t *testing.T) {
	loaded, err := load(newVariables([]string{"MEDIABRIDGE_GATEWAY_LISTEN=", "LIVEKIT_API_KEY="}))
	if err != nil || loaded.listen != "127.0.0.1:8082" {
		t.Errorf("%+v, %v", loaded, err)
	}
}

func TestTheReadmeListsEverySettingAndNoOther(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	env := newVariables(nil)
	if _, err := load(env); err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "### Settings")
	section, _, _ = strings.Cut(section, "###")
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `.*?` \\|").FindAllString(section, -1) {
		for _, name := range regexp.MustCompile("[A-Z_]{4,}").FindAllString(row, -1) {
			listed[name] = true
		}
	}
	for name := range env.read {
		if secret, isFile := strings.CutSuffix(name, "_FILE"); isFile && env.read[secret] {
			delete(env.read, name) // said once, for all secrets
		}
	}
	if !reflect.DeepEqual(listed, env.read) {
		t.Errorf("listed: %v\nread: %v", listed, env.read)
	}
}
