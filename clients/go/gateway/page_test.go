package gateway_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mediabridge/mediabridge/clients/go/gateway"
)

func TestThePageIsServedBesideTheAPI(t *testing.T) {
	page := fstest.MapFS{
		"index.html":     {Data: []byte("<title>Call</title>")},
		"assets/main.js": {Data: []byte("let x")},
	}
	opened := open(t, &scripted{}, gateway.Options{Page: page})
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/":                       {http.StatusOK, "<title>Call</title>"},
		"/?room=room-1":           {http.StatusOK, "<title>Call</title>"},
		"/assets/main.js":         {http.StatusOK, "let x"},
		"/assets/":                {http.StatusNotFound, "not found"}, // no listing
		"/nothing.js":             {http.StatusNotFound, "not found"},
		"/%2e%2e/%2e%2e/etc/host": {http.StatusNotFound, "not found"},
		"/livekit/nothing":        {http.StatusNotFound, "not found"},
		"/openapi.json":           {http.StatusOK, `"swagger"`},
	} {
		got := opened.ask(t, http.MethodGet, path, "")
		if got.StatusCode != want.status || !strings.Contains(got.text, want.says) {
			t.Errorf("%s: %s %.60q", path, got.Status, got.text)
		}
	}
	if got := opened.ask(t, http.MethodPost, "/", ""); got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a POST to the page: %s", got.Status)
	}
}
