package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mediabridge/mediabridge/clients/go/gateway"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

const site = "Origin: https://app.example"

func TestPagesOfOtherSitesGetInOnlyWhereTheyAreNamed(t *testing.T) {
	for _, each := range []struct {
		name    string
		origins []string
		headers []string
		status  int
		allowed string
	}{
		{"no browser", nil, nil, http.StatusOK, ""},
		{"a page of our own", nil, []string{"Origin: http://localhost:8082"}, http.StatusOK, ""},
		{"another site", nil, []string{site}, http.StatusForbidden, ""},
		{"another site, as newer browsers say it", nil, []string{"Sec-Fetch-Site: cross-site"}, http.StatusForbidden, ""},
		{"a site that is named", []string{"https://app.example"}, []string{site}, http.StatusOK, "https://app.example"},
		{"a site beside one that is named", []string{"https://other.example"}, []string{site}, http.StatusForbidden, ""},
		{"any site", []string{"*"}, []string{site}, http.StatusOK, "*"},
	} {
		opened := open(t, refusing(nil), gateway.Options{Origins: each.origins})
		got := opened.ask(t, http.MethodPost, create, `{}`, each.headers...)
		if got.StatusCode != each.status || got.Header.Get("Access-Control-Allow-Origin") != each.allowed {
			t.Errorf("%s: %s, allowed %q", each.name, got.Status, got.Header.Get("Access-Control-Allow-Origin"))
		}
	}
}

func TestABrowsersQuestionBeforehandIsAnsweredOnlyForSitesThatAreNamed(t *testing.T) {
	question := []string{site, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"}
	asked := open(t, refusing(nil), gateway.Options{Origins: []string{"https://app.example"}}).
		ask(t, http.MethodOptions, create, "", question...)
	if asked.StatusCode != http.StatusNoContent ||
		!strings.EqualFold(asked.Header.Get("Access-Control-Allow-Headers"), "content-type") {
		t.Errorf("%s %v", asked.Status, asked.Header)
	}
	asked = open(t, refusing(nil), gateway.Options{}).ask(t, http.MethodOptions, create, "", question...)
	if asked.StatusCode < 400 || asked.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without CORS: %s %v", asked.Status, asked.Header)
	}
}

func TestAnOriginThatIsNoneIsRefusedAtOnce(t *testing.T) {
	bridge, err := mediabridge.Dial("127.0.0.1:1") // never connects
	if err != nil {
		t.Fatal(err)
	}
	defer bridge.Close()
	if _, err := gateway.New(bridge, gateway.Options{Origins: []string{"app.example"}}); err == nil {
		t.Error("it was taken")
	}
}

func TestOnlyNamesThatAreOursAreAnsweredWhereSomeAreGiven(t *testing.T) {
	opened := open(t, refusing(nil), gateway.Options{Hosts: []string{"localhost", "::1"}})
	for url, want := range map[string]int{
		"http://localhost:8082" + create: http.StatusOK,
		"http://LOCALHOST" + create:      http.StatusOK,
		"http://[::1]:8082" + create:     http.StatusOK,
		"http://[::1]" + create:          http.StatusOK,
		"http://evil.example" + create:   http.StatusForbidden,
		"http://127.0.0.1" + create:      http.StatusForbidden,
	} {
		if got := opened.ask(t, http.MethodPost, url, `{}`); got.StatusCode != want {
			t.Errorf("%s: %s", url, got.Status)
		}
	}
}
