package loopback_test

import (
	"testing"

	"github.com/mediabridge/mediabridge/clients/go/internal/loopback"
)

func TestOnlyLoopbackAddressesAndLocalhostStayHere(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1":        true,
		"127.9.9.9":        true,
		"::1":              true,
		"[::1]":            true,
		"::ffff:127.0.0.1": true,
		"localhost":        true,
		"LOCALHOST":        true,
		"":                 false,
		"0.0.0.0":          false,
		"::":               false,
		"10.0.0.1":         false,
		"localhost.evil":   false,
		"bridge":           false,
	} {
		if got := loopback.IsHost(host); got != want {
			t.Errorf("IsHost(%q) = %v", host, got)
		}
	}
}
