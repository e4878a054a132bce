// Package examples_test holds the README to what it promises.
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

	"github.com/mediabridge/mediabridge/clients/go/internal/sandbox"
)

const builtWithin = 3 * time.Minute

func TestTheReadmesServicePlacesACall(t *testing.T) {
	target := sandbox.Start(t).Target
	client := filepath.Join(sandbox.Repository(t), "clients", "go")
	service := t.TempDir()
	write(t, filepath.Join(service, "main.go"), readmesProgram(t, client))
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
	said := run(t, service, []string{"BRIDGE=" + target}, "go", "run", ".")
	for _, wanted := range []string{"server ws://127.0.0.1:", "token  ey", "  1 *bridgev1.CallEvent_StateChanged"} {
		if !strings.Contains(said, wanted) {
			t.Errorf("no %q in\n%s", wanted, said)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(said), "*bridgev1.CallEvent_Ended") {
		t.Errorf("the call's end is missing:\n%s", said)
	}
}

func readmesProgram(t *testing.T, client string) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(client, "README.md"))
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
