package mediabridge_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

func TestARefusalHoldsAllThatTheServerSays(t *testing.T) {
	err := refusal(codes.InvalidArgument, "two fields are wrong",
		&errdetails.ErrorInfo{Reason: "INVALID_REQUEST", Domain: "mediabridge", Metadata: map[string]string{"a": "b"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "agent_id", Description: "required"},
			{Field: "limits.join_timeout", Description: "must be 1 s to 3600 s"},
		}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)},
	)
	want := mediabridge.Refusal{
		Code:     codes.InvalidArgument,
		Message:  "two fields are wrong",
		Reason:   "INVALID_REQUEST",
		Domain:   "mediabridge",
		Metadata: map[string]string{"a": "b"},
		Violations: []mediabridge.FieldViolation{
			{Field: "agent_id", Description: "required"},
			{Field: "limits.join_timeout", Description: "must be 1 s to 3600 s"},
		},
		RetryAfter: 3 * time.Second,
	}
	for name, err := range map[string]error{"as it came": err, "wrapped": fmt.Errorf("while calling: %w", err)} {
		if got, ok := mediabridge.RefusalOf(err); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestGRPCsOwnErrorIsARefusalWithoutAReason(t *testing.T) {
	got, ok := mediabridge.RefusalOf(status.Error(codes.Unavailable, "connection refused"))
	if want := (mediabridge.Refusal{Code: codes.Unavailable, Message: "connection refused"}); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestOtherErrorsAreNoRefusal(t *testing.T) {
	for _, err := range []error{nil, errors.New("a disk is full")} {
		if _, ok := mediabridge.RefusalOf(err); ok {
			t.Errorf("%v is taken for a refusal", err)
		}
	}
}
