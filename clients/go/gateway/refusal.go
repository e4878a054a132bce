package gateway

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

// problem is an answer that says what is wrong.
type problem struct {
	// status is HTTP's.
	status int
	// Code is gRPC's, such as NOT_FOUND.
	Code string `json:"code"`
	// Reason is stable, for programs; empty where the bridge gave none.
	Reason string `json:"reason"`
	// Message is for people.
	Message    string      `json:"message"`
	Violations []violation `json:"violations,omitempty"`
}

type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// refuse answers with the problem: as text, which the callers of old expect, or as JSON to those who
// ask for it.
func refuse(w http.ResponseWriter, r *http.Request, problem problem) {
	if !strings.Contains(r.Header.Get("Accept"), "application/json") {
		http.Error(w, problem.Message, problem.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(problem.status)
	_ = json.NewEncoder(w).Encode(problem) // fails only where the asker is gone
}

// refuseAs answers with what the bridge said, or with why it said nothing.
func refuseAs(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	refusal, said := mediabridge.RefusalOf(err)
	if !said {
		refusal.Code = status.FromContextError(err).Code()
	}
	answer := problem{
		status:  runtime.HTTPStatusFromCode(refusal.Code),
		Code:    code.Code(refusal.Code).String(),
		Reason:  refusal.Reason,
		Message: refusal.Message,
	}
	for _, wrong := range refusal.Violations {
		answer.Violations = append(answer.Violations, violation(wrong))
	}
	// gRPC's own words name addresses of our network: they are for the log.
	if own := ownWords(refusal); own != "" {
		log.LogAttrs(r.Context(), slog.LevelError, "bridge failed",
			slog.String("path", r.URL.Path), slog.String("error", err.Error()))
		answer.Message = own
	}
	if refusal.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(refusal.RetryAfter.Seconds()))))
	}
	refuse(w, r, answer)
}

// ownWords returns what to say of a failure of which the bridge itself has said nothing; "" where it
// has, or where the request was at fault.
func ownWords(refusal mediabridge.Refusal) string {
	if refusal.Reason != "" {
		return ""
	}
	switch refusal.Code {
	case codes.Unavailable:
		return "the bridge does not answer"
	case codes.DeadlineExceeded:
		return "the bridge did not answer in time"
	case codes.Canceled:
		return "the request was cancelled"
	case codes.OK, codes.Unknown, codes.Internal, codes.DataLoss:
		return "the bridge failed"
	default:
		return ""
	}
}

// restErrors makes refusals of what goes wrong in grpc-gateway's handlers.
func restErrors(log *slog.Logger) runtime.ErrorHandlerFunc {
	return func(
		_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler,
		w http.ResponseWriter, r *http.Request, err error,
	) {
		refuseAs(w, r, log, err)
	}
}

// noRoute answers what grpc-gateway finds nobody to answer.
func noRoute(
	_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler,
	w http.ResponseWriter, r *http.Request, status int,
) {
	refuseWith(w, r, status, strings.ToLower(http.StatusText(status)))
}

func notFound(w http.ResponseWriter, r *http.Request) {
	refuseWith(w, r, http.StatusNotFound, "not found")
}

// refuseWith answers with a status of HTTP's own, in which the bridge has no part.
func refuseWith(w http.ResponseWriter, r *http.Request, status int, message string) {
	name, known := codeOf[status]
	if !known {
		name = codes.Unknown
	}
	refuse(w, r, problem{status: status, Code: code.Code(name).String(), Message: message})
}

var codeOf = map[int]codes.Code{
	http.StatusBadRequest:            codes.InvalidArgument,
	http.StatusUnauthorized:          codes.Unauthenticated,
	http.StatusForbidden:             codes.PermissionDenied,
	http.StatusNotFound:              codes.NotFound,
	http.StatusMethodNotAllowed:      codes.Unimplemented,
	http.StatusRequestEntityTooLarge: codes.InvalidArgument,
	http.StatusInternalServerError:   codes.Internal,
}
