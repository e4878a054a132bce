package gateway

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/rs/cors"
)

const anyOrigin = "*"

// The largest request that the bridge takes.
const maxBodyBytes = 256 << 10

// guarded lets pages of other sites in as far as the options do, and no further: a browser would
// otherwise place calls for whatever page its user looks at.
func guarded(next http.Handler, options Options) (http.Handler, error) {
	if !slices.Contains(options.Origins, anyOrigin) {
		protection := http.NewCrossOriginProtection()
		for _, origin := range options.Origins {
			if err := protection.AddTrustedOrigin(origin); err != nil {
				return nil, fmt.Errorf("origin %q: %w", origin, err)
			}
		}
		protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			refuseWith(w, r, http.StatusForbidden, "pages of other sites may not use this gateway")
		}))
		next = protection.Handler(next)
	}
	if len(options.Origins) > 0 {
		next = cors.New(cors.Options{
			AllowedOrigins: options.Origins,
			AllowedMethods: []string{http.MethodGet, http.MethodPost},
			AllowedHeaders: []string{"Accept", "Authorization", "Content-Type", "Last-Event-ID"},
			ExposedHeaders: []string{"Retry-After"},
			MaxAge:         600,
		}).Handler(next)
	}
	if len(options.Hosts) > 0 {
		next = onlyByNames(next, options.Hosts)
	}
	return next, nil
}

// onlyByNames refuses requests for other hosts: a foreign site may point its own name at us, and is
// then no other origin to the browser.
func onlyByNames(next http.Handler, names []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := hostOf(r)
		if !slices.ContainsFunc(names, func(one string) bool { return strings.EqualFold(one, name) }) {
			refuseWith(w, r, http.StatusForbidden, fmt.Sprintf("this gateway is not asked by the name %q", name))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bounded refuses bodies that are too large, by what they say of themselves or as they are read.
func bounded(next http.Handler) http.Handler {
	limited := http.MaxBytesHandler(next, maxBodyBytes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBodyBytes {
			refuseWith(w, r, http.StatusRequestEntityTooLarge, fmt.Sprintf("a request has at most %d bytes", maxBodyBytes))
			return
		}
		limited.ServeHTTP(w, r)
	})
}

// hostOf returns the host that was asked for, without port and brackets.
func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
