package mediabridge

import (
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Refusal is what the server says about an RPC that failed.
type Refusal struct {
	Code    codes.Code
	Message string
	// Reason is stable, for programs, such as "AGENT_NOT_FOUND". Empty: the failure is not
	// mediabridge's own.
	Reason   string
	Domain   string
	Metadata map[string]string
	// Violations are the wrong fields, all of them, where Code is InvalidArgument.
	Violations []FieldViolation
	// RetryAfter is when to try again. 0: the server does not say.
	RetryAfter time.Duration
}

// What a stream's key has expired with, or been revoked, in the middle of it.
const credentialsLapsed = "CREDENTIALS_LAPSED"

// CanBeResumed tells whether a stream that ended so may be opened again, with the key that is good
// then.
func (r Refusal) CanBeResumed() bool {
	return r.Code == codes.Unavailable || r.Reason == credentialsLapsed
}

// FieldViolation is one wrong field.
type FieldViolation struct {
	// Field is its path, in the proto's names.
	Field string
	// Description is what is wrong with it.
	Description string
}

// RefusalOf returns what the server, or gRPC itself, says in an error; false for any other error.
func RefusalOf(err error) (Refusal, bool) {
	var failure interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &failure) {
		return Refusal{}, false
	}
	said := failure.GRPCStatus()
	refusal := Refusal{Code: said.Code(), Message: said.Message()}
	for _, detail := range said.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			refusal.Reason = detail.GetReason()
			refusal.Domain = detail.GetDomain()
			refusal.Metadata = detail.GetMetadata()
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				refusal.Violations = append(refusal.Violations,
					FieldViolation{violation.GetField(), violation.GetDescription()})
			}
		case *errdetails.RetryInfo:
			refusal.RetryAfter = detail.GetRetryDelay().AsDuration()
		}
	}
	return refusal, true
}
