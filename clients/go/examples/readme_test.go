// Package examples_test holds the READMEs to what they promise.
package examples_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/internal/sandbox"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

// With nothing built before, on a machine with more to do.
const builtWithin = 5 * time.Minute

func TestTheReadmesServicePlacesACall(t *testing.T) {
	started := sandbox.Start(t)
	client := filepath.Join(sandbox.Repository(t), "clients", "go")
	service := serviceOf(t, readmesProgram(t, filepath.Join(client, "README.md")))
	said := run(t, service, []string{"BRIDGE=" + started.Target}, "go", "run", ".")
	for _, wanted := range []string{"server ws://127.0.0.1:", "token  ey", "  1 *bridgev1.CallEvent_StateChanged"} {
		if !strings.Contains(said, wanted) {
			t.Errorf("no %q in\n%s", wanted, said)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(said), "*bridgev1.CallEvent_Ended") {
		t.Errorf("the call's end is missing:\n%s", said)
	}
}

func TestTheAfternoonsServiceSaysWhereToTalkAndHowItEnded(t *testing.T) {
	started := sandbox.Start(t)
	program := readmesProgram(t, filepath.Join(sandbox.Repository(t), "README.md"))
	service := serviceOf(t, strings.ReplaceAll(program, "127.0.0.1:50051", started.Target))
	ended := make(chan error, 1)
	go func() { ended <- endTheCall(t.Context(), started.Target) }()
	said := run(t, service, nil, "go", "run", ".")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !strings.Contains(said, "talk at http://127.0.0.1:8080/?room=room-") || !strings.Contains(said, "END_REASON_API_ENDED") {
		t.Errorf("it said\n%s", said)
	}
}

// endTheCall ends the first call that there is.
func endTheCall(ctx context.Context, target string) error {
	bridge, err := mediabridge.Dial(target)
	if err != nil {
		return err
	}
	defer bridge.Close()
	for ctx.Err() == nil {
		page, err := bridge.ListCalls(ctx, &bridgev1.ListCallsRequest{})
		if err != nil {
			return err
		}
		if calls := page.GetCalls(); len(calls) > 0 {
			_, err := bridge.EndCall(ctx, &bridgev1.EndCallRequest{ConnectionId: calls[0].GetConnectionId()})
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return ctx.Err()
}

// serviceOf returns the folder of a service whose program this is, made as the READMEs say.
func serviceOf(t *testing.T, program string) string {
	t.Helper()
	client := filepath.Join(sandbox.Repository(t), "clients", "go")
	service := t.TempDir()
	write(t, filepath.Join(service, "main.go"), program)
	// What is pinned here is already on this machine.
	sums, err := os.ReadFile(filepath.Join(client, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(service, "go.sum"), string(sums))
	const module = "github.com/mediabridge/mediabridge/clients/go"
	run(t, service, nil, "go", "mod", "init", "example.com/phone")
	run(t, service, nil, "go", "mod", "edit", "-replace", module+"="+client)
	run(t, service, nil, "go", "mod", "tidy")
	return service
}

func readmesProgram(t *testing.T, file string) string {
	t.Helper()
	readme, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindSubmatch(readme)
	if program == nil {
		t.Fatal("the README has no program")
	}
	return string(program[1])
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, folder string, environment []string, argv ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), builtWithin)
	defer cancel()
	command := exec.CommandContext(ctx, argv[0], argv[1:]...)
	command.Dir = folder
	command.Env = append(os.Environ(), environment...)
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, said)
	}
	return string(said)
}
