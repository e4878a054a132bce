package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mediabridge/mediabridge/clients/go/internal/sandbox"
)

// live is the gateway as it is run, in front of a real bridge.
type live struct {
	sandbox sandbox.Sandbox
	// address is the gateway's.
	address string
	log     *lines
	// stop ends the gateway as a signal does, and returns what serve returned.
	stop func() error
}

func TestLive(t *testing.T) {
	live := start(t)
	t.Run("the seed's commands and requests work unchanged", live.seedsCommands)
	t.Run("errors are a status and a readable line", live.errors)
	t.Run("a call can be followed, measured, joined and ended", live.wholeCall)
	t.Run("what LiveKit says of a room is received", live.webhooks)
	t.Run("a shutdown does not wait for streams", live.shutdown)
}

func start(t *testing.T) *live {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	started := sandbox.Start(t, "--agents", "testdata/agents", "--webhook", "http://"+address+"/livekit/webhook")
	config, err := load(newVariables([]string{
		"MEDIABRIDGE_GATEWAY_LISTEN=" + address,
		"MEDIABRIDGE_GATEWAY_BRIDGE=" + started.Target,
		"LIVEKIT_API_KEY=" + started.LiveKitAPIKey,
		"LIVEKIT_API_SECRET=" + started.LiveKitAPISecret,
	}))
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener, config, slog.New(slog.NewTextHandler(log, nil))) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-served
	})
	t.Cleanup(func() { _ = stop() })
	return &live{started, address, log, stop}
}

// seedsCommands runs what the seed's documentation says, by bash and curl. Only where curl connects
// to is changed, in its configuration: the ports of this test are others.
func (l *live) seedsCommands(t *testing.T) {
	livekit := strings.TrimPrefix(l.sandbox.LiveKitURL, "ws://")
	home := t.TempDir()
	reroute := fmt.Sprintf("connect-to = \"localhost:8082:%s\"\nconnect-to = \"localhost:7880:%s\"\n", l.address, livekit)
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte(reroute), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := bash(t, home, "check-livekit.sh"); string(said) != "OK" {
		t.Errorf("LiveKit said %q", said)
	}
	ticket := bash(t, home, "create-room.sh")
	created := decoded(t, ticket)
	for _, name := range []string{"connectionId", "roomName", "accessToken", "serverUrl"} {
		if value, _ := created[name].(string); value == "" {
			t.Errorf("%s is %v", name, created[name])
		}
	}
	if created["status"] != "created" {
		t.Errorf("status is %v", created["status"])
	}
	// The caller hears the agent, or this fails the test when it is done.
	sandbox.Join(t, bytes.NewReader(ticket))
	t.Cleanup(func() { l.end(t, created["connectionId"]) })
	// What is told of the words comes before the sound of them has been played.
	hasSpoken := false
	l.until(t, created["connectionId"], "the agent has greeted", func(event map[string]any) bool {
		agent, _ := event["agentStateChanged"].(map[string]any)
		hasSpoken = hasSpoken || agent["state"] == "AGENT_STATE_SPEAKING"
		return hasSpoken && agent["state"] == "AGENT_STATE_LISTENING"
	})

	agents, _ := l.get(t, "agents")["agents"].([]any)
	if len(agents) != 1 || agents[0].(map[string]any)["agentId"] != "agent-1" { // the other one is a tenant's
		t.Errorf("agents: %v", agents)
	}
	request, err := os.ReadFile("testdata/seed/create-room.json")
	if err != nil {
		t.Fatal(err)
	}
	status, text := l.post(t, "create-room", string(request))
	if status != http.StatusOK {
		t.Fatalf("create-room.json: %d %s", status, text)
	}
	l.end(t, decoded(t, []byte(text))["connectionId"])
}

func (l *live) errors(t *testing.T) {
	unknown, err := os.ReadFile("testdata/seed/end-call.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range []struct {
		action, body string
		status       int
		says         string
	}{
		{"create-room", `{"agentId": "agent-1"}`, http.StatusBadRequest, "participant_name: required"},
		{"create-room", `{"participantName": "Ada"}`, http.StatusBadRequest, "agent_id: required"},
		{"create-room", `{"participantName": "Ada", "agentId": "nobody"}`, http.StatusNotFound, "there is no agent nobody"},
		{"create-room", `{"participantName": "Ada", "agentId": "agent-456"}`, http.StatusNotFound, "agent-456"},
		{"join-room", `{"participantName": "Ada", "agentId": "agent-1"}`, http.StatusBadRequest, "room_name: required"},
		{"join-room", `{"participantName": "Ada", "agentId": "agent-1", "roomName": "nowhere"}`, http.StatusNotFound, "no such room"},
		{"end-call", string(unknown), http.StatusNotFound, "no such call"},
		{"end-call", `{}`, http.StatusBadRequest, "connection_id: required"},
	} {
		status, text := l.post(t, each.action, each.body)
		if status != each.status || !strings.Contains(text, each.says) || strings.Count(text, "\n") != 1 {
			t.Errorf("%s %s: %d %q", each.action, each.body, status, text)
		}
	}
}

func (l *live) wholeCall(t *testing.T) {
	_, text := l.post(t, "create-room", `{"participantName": "Ada", "agentId": "agent-1"}`)
	created := decoded(t, []byte(text))
	id := created["connectionId"]
	l.until(t, id, "the agent is ready", func(event map[string]any) bool {
		model, _ := event["modelStateChanged"].(map[string]any)
		return model["state"] == "LINK_STATE_READY"
	})
	request, err := json.Marshal(map[string]any{"participantName": "Bob", "roomName": created["roomName"], "agentId": "agent-1"})
	if err != nil {
		t.Fatal(err)
	}
	status, text := l.post(t, "join-room", string(request))
	if joined := decoded(t, []byte(text)); status != http.StatusOK || joined["status"] != "joined" || joined["connectionId"] != id {
		t.Errorf("join-room: %d %s", status, text)
	}
	seen := l.get(t, fmt.Sprintf("connection-status/%s", id))
	if seen["isActive"] != true || seen["agentId"] != "agent-1" || seen["roomName"] != created["roomName"] {
		t.Errorf("connection-status: %v", seen)
	}
	for _, name := range []string{"participantId", "isAIReady", "createdAt", "lastActivity"} {
		if seen[name] == nil {
			t.Errorf("connection-status has no %s", name)
		}
	}
	stats := l.get(t, "stats")
	if stats["activeRooms"] != 1.0 || stats["activeConnections"] != 1.0 || stats["timestamp"] == nil {
		t.Errorf("stats: %v", stats)
	}
	for path := range map[string]bool{fmt.Sprintf("telemetry/%s?interval=0.1s", id): true, "telemetry?interval=0.1s": true} {
		l.follow(t, path, "", func(_ string, figures map[string]any) bool {
			if samples, _ := figures["samples"].([]any); len(samples) != 1 {
				t.Errorf("%s: %v", path, figures)
			}
			return false
		})
	}
	status, text = l.post(t, "end-call", fmt.Sprintf(`{"connectionId": %q}`, id))
	ended := decoded(t, []byte(text))
	if status != http.StatusOK || ended["status"] != "success" || ended["message"] != "Call ended successfully" {
		t.Errorf("end-call: %d %s", status, text)
	}
	if after := l.get(t, fmt.Sprintf("connection-status/%s", id)); after["isActive"] != false {
		t.Errorf("connection-status after the end: %v", after)
	}
	l.lastEvents(t, fmt.Sprintf("events/%s", id))
}

// lastEvents takes up a stream of events in its middle, and behind its end.
func (l *live) lastEvents(t *testing.T, path string) {
	var ids []string
	var last map[string]any
	status := l.follow(t, path, "2", func(id string, event map[string]any) bool {
		ids, last = append(ids, id), event
		return true
	})
	if status != http.StatusOK || len(ids) == 0 || ids[0] != "3" || last["ended"] == nil {
		t.Fatalf("%d, events %v, the last one %v", status, ids, last)
	}
	if status := l.follow(t, path, ids[len(ids)-1], nil); status != http.StatusNoContent {
		t.Errorf("behind the end: %d", status)
	}
}

func (l *live) webhooks(t *testing.T) {
	_, text := l.post(t, "create-room", `{"participantName": "Ada", "agentId": "agent-1"}`)
	created := decoded(t, []byte(text))
	defer l.end(t, created["connectionId"])
	until(t, func() bool {
		return strings.Contains(l.log.String(), fmt.Sprintf(`event=room_started room=%s`, created["roomName"]))
	})
	status, text := l.post(t, "webhook", `{"event": "room_finished", "id": "EV_1", "createdAt": "1790000000"}`)
	if status != http.StatusUnauthorized || strings.Contains(l.log.String(), "EV_1") {
		t.Errorf("without a signature: %d %q", status, text)
	}
}

func (l *live) shutdown(t *testing.T) {
	_, text := l.post(t, "create-room", `{"participantName": "Ada", "agentId": "agent-1"}`)
	id := decoded(t, []byte(text))["connectionId"]
	// Followed for longer than a shutdown waits, which then fails.
	l.follow(t, fmt.Sprintf("events/%s", id), "", func(string, map[string]any) bool {
		go func() { _ = l.stop() }()
		return true
	})
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}

func (l *live) post(t *testing.T, action, body string) (status int, text string) {
	t.Helper()
	response, err := http.Post("http://"+l.address+"/livekit/"+action, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(said)
}

func (l *live) get(t *testing.T, path string) map[string]any {
	t.Helper()
	response, err := http.Get("http://" + l.address + "/livekit/" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return decoded(t, said)
}

func (l *live) end(t *testing.T, id any) {
	t.Helper()
	if status, text := l.post(t, "end-call", fmt.Sprintf(`{"connectionId": %q}`, id)); status != http.StatusOK {
		t.Errorf("end-call: %d %s", status, text)
	}
}

// until follows a call until an event is the one that is waited for.
func (l *live) until(t *testing.T, id any, what string, is func(map[string]any) bool) {
	t.Helper()
	found := false
	l.follow(t, fmt.Sprintf("events/%s", id), "", func(_ string, event map[string]any) bool {
		found = is(event)
		return !found
	})
	if !found {
		t.Fatalf("the events ended before %s", what)
	}
}

// follow reads server-sent events until each returns false, and returns the status.
func (l *live) follow(t *testing.T, path, last string, each func(id string, data map[string]any) bool) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sandbox.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.address+"/livekit/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	id := ""
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
		case "id":
			id = value
		case "data":
			if !each(id, decoded(t, []byte(value))) {
				return response.StatusCode
			}
		}
	}
	return response.StatusCode
}

func bash(t *testing.T, home, script string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sandbox.Patience)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", filepath.Join("testdata", "seed", script))
	command.Env = append(os.Environ(), "CURL_HOME="+home)
	said, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return said
}

func decoded(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return fields
}

// until waits for what only shows in a log.
func until(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(sandbox.Patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
	}
}

// lines is a log that can be read while it is written.
type lines struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (l *lines) Write(line []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(line)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}
