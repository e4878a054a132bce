// Package sandbox runs the real thing for tests: LiveKit, a simulated model and a bridge.
package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Patience bounds what a test waits for. Far longer than anything takes: only what fails waits that
// long, and a machine that is busy must not fail.
const Patience = 2 * time.Minute

// Sandbox is what was started, on free ports of this machine.
type Sandbox struct {
	// Target is where the bridge serves gRPC.
	Target string `json:"target"`
	// LiveKitURL and the rest are LiveKit's.
	LiveKitURL       string `json:"livekitUrl"`
	LiveKitAPIKey    string `json:"livekitApiKey"`
	LiveKitAPISecret string `json:"livekitApiSecret"`
}

// Start runs `mediabridge sandbox` with these arguments until the test ends.
func Start(t testing.TB, arguments ...string) Sandbox {
	t.Helper()
	arguments = append([]string{"sandbox", "--folder", t.TempDir()}, arguments...)
	command := exec.Command(mediabridge(t), arguments...)
	var problems bytes.Buffer
	command.Stderr = &problems
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It runs until its input closes, so it cannot outlive a test run that dies.
		_ = input.Close()
		late := time.AfterFunc(Patience, func() { _ = command.Process.Kill() })
		defer late.Stop()
		if err := command.Wait(); err != nil || t.Failed() {
			t.Logf("mediabridge sandbox: %v\n%s", err, &problems)
		}
	})
	ready := bufio.NewReader(output)
	line, err := ready.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the sandbox did not get ready: %v", err)
	}
	var started Sandbox
	if err := json.Unmarshal(line, &started); err != nil {
		t.Fatal(err)
	}
	return started
}

// Join runs `mediabridge join`: a human who speaks and listens in the call that this JSON of
// CreateRoom or JoinRoom created. The test fails where the agent was not heard.
func Join(t testing.TB, ticket io.Reader) {
	t.Helper()
	speech := filepath.Join(Repository(t), "bridge", "demo", "speech.wav")
	command := exec.Command(mediabridge(t), "join", "--wav", speech)
	command.Stdin = ticket
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := command.Wait(); err != nil {
			t.Errorf("mediabridge join: %v\n%s", err, &said)
		}
	})
}

// Repository returns the folder that holds the whole project.
func Repository(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "pyproject.toml")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			t.Fatal("this test runs inside the project's repository only")
		}
		folder = parent
	}
}

// mediabridge returns the command: named by the environment, or set up in the repository. Without
// it the test is skipped, unless the environment says that none may be.
func mediabridge(t testing.TB) string {
	t.Helper()
	named := os.Getenv("MEDIABRIDGE_BIN")
	if named == "" {
		named = filepath.Join(Repository(t), ".venv", "bin", "mediabridge")
	}
	found, err := exec.LookPath(named)
	if err == nil {
		return found
	}
	if os.Getenv("MEDIABRIDGE_NO_SKIPS") != "" {
		t.Fatal(err)
	}
	t.Skip("no mediabridge to test with: run `make setup`, or set MEDIABRIDGE_BIN")
	return ""
}
