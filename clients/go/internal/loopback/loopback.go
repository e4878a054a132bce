// Package loopback tells what stays on this machine.
package loopback

import (
	"net/netip"
	"strings"
)

// IsHost tells whether a host, a name or an address without a port, is this machine itself.
func IsHost(host string) bool {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().IsLoopback()
	}
	// Of names, only this one is sure to stay here.
	return strings.EqualFold(host, "localhost")
}
