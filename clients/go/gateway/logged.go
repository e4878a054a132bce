package gateway

import (
	"log/slog"
	"net/http"
	"time"
)

// logged tells the log of each request, without what it carried.
func logged(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &statusSeen{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		level := slog.LevelInfo
		if r.URL.Path == healthPath {
			level = slog.LevelDebug // asked every few seconds
		}
		log.LogAttrs(r.Context(), level, "request",
			slog.String("method", r.Method),
			slog.String("path", r.URL.Path),
			slog.Int("status", seen.status),
			slog.Int64("ms", time.Since(began).Milliseconds()),
		)
	})
}

// statusSeen remembers the status that was sent.
type statusSeen struct {
	http.ResponseWriter
	status int
}

func (s *statusSeen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController what it controls.
func (s *statusSeen) Unwrap() http.ResponseWriter { return s.ResponseWriter }
