package gateway_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/gateway"
)

const create = "/livekit/create-room"

func refusal(code codes.Code, message string, details ...protoadapt.MessageV1) error {
	said, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return said.Err()
}

// refusing is a bridge that makes no room.
func refusing(err error) *scripted {
	return &scripted{createRoom: func(context.Context, *bridgev1.CreateRoomRequest) error { return err }}
}

func TestDefaultsAreUsedWhereTheRequestLeavesThemOpen(t *testing.T) {
	var asked []string
	var policies []bridgev1.StartPolicy
	gateway := open(t, &scripted{
		createRoom: func(_ context.Context, request *bridgev1.CreateRoomRequest) error {
			asked = append(asked, request.GetVoiceLanguage())
			policies = append(policies, request.GetStartPolicy())
			return nil
		},
		joinRoom: func(request *bridgev1.JoinRoomRequest) { asked = append(asked, request.GetVoiceLanguage()) },
	}, gateway.Options{
		DefaultVoiceLanguage: "en",
		DefaultStartPolicy:   bridgev1.StartPolicy_START_POLICY_VOICE_ON_MICROPHONE,
	})
	gateway.ask(t, http.MethodPost, create, `{}`)
	gateway.ask(t, http.MethodPost, create, `{"voiceLanguage": "es", "startPolicy": "START_POLICY_ON_CREATE"}`)
	gateway.ask(t, http.MethodPost, "/livekit/join-room", `{"voiceLanguage": ""}`)
	if !slices.Equal(asked, []string{"en", "es", "en"}) {
		t.Errorf("asked for %q", asked)
	}
	if !slices.Equal(policies, []bridgev1.StartPolicy{
		bridgev1.StartPolicy_START_POLICY_VOICE_ON_MICROPHONE, bridgev1.StartPolicy_START_POLICY_ON_CREATE,
	}) {
		t.Errorf("started by %v", policies)
	}
}

func TestARefusalIsTextAndJSONForThoseWhoAskForIt(t *testing.T) {
	opened := open(t, refusing(refusal(codes.InvalidArgument, "participant_name: required",
		&errdetails.ErrorInfo{Reason: "INVALID_REQUEST", Domain: "mediabridge"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "participant_name", Description: "required"},
		}},
	)), gateway.Options{})

	plain := opened.ask(t, http.MethodPost, create, `{}`)
	if plain.StatusCode != http.StatusBadRequest || plain.text != "participant_name: required\n" ||
		!strings.HasPrefix(plain.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%s %q", plain.Status, plain.text)
	}
	asked := opened.ask(t, http.MethodPost, create, `{}`, "Accept: application/json, */*")
	var got any
	if err := json.Unmarshal([]byte(asked.text), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"code": "INVALID_ARGUMENT", "reason": "INVALID_REQUEST", "message": "participant_name: required",
		"violations": []any{map[string]any{"field": "participant_name", "description": "required"}},
	}
	if asked.StatusCode != http.StatusBadRequest || asked.Header.Get("Content-Type") != "application/json" ||
		!reflect.DeepEqual(got, want) {
		t.Errorf("%s %s", asked.Status, asked.text)
	}
}

func TestEachRefusalHasItsHTTPStatus(t *testing.T) {
	ours := &errdetails.ErrorInfo{Reason: "R", Domain: "mediabridge"}
	for code, want := range map[codes.Code]int{
		codes.NotFound:           http.StatusNotFound,
		codes.AlreadyExists:      http.StatusConflict,
		codes.FailedPrecondition: http.StatusBadRequest,
		codes.Unauthenticated:    http.StatusUnauthorized,
		codes.PermissionDenied:   http.StatusForbidden,
		codes.ResourceExhausted:  http.StatusTooManyRequests,
		codes.Internal:           http.StatusInternalServerError,
	} {
		got := open(t, refusing(refusal(code, "why", ours)), gateway.Options{}).ask(t, http.MethodPost, create, `{}`)
		if got.StatusCode != want || got.text != "why\n" {
			t.Errorf("%s: %s %q", code, got.Status, got.text)
		}
	}
}

func TestTheTimeToComeBackIsAHeader(t *testing.T) {
	opened := open(t, refusing(refusal(codes.ResourceExhausted, "all slots are taken",
		&errdetails.ErrorInfo{Reason: "NO_SLOTS"},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
	)), gateway.Options{})
	if got := opened.ask(t, http.MethodPost, create, `{}`); got.Header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After is %q", got.Header.Get("Retry-After"))
	}
}

func TestBadRequestsAreRefusedWithAWordOnWhatIsWrong(t *testing.T) {
	opened := open(t, refusing(nil), gateway.Options{})
	for _, each := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{http.MethodPost, create, `{"participantNane": "Ada"}`, http.StatusBadRequest, "participantNane"},
		{http.MethodPost, create, `{"limits": {"joinTimeout": 5}}`, http.StatusBadRequest, "line 1:28"},
		{http.MethodPost, create, `nonsense`, http.StatusBadRequest, "invalid"},
		{http.MethodPost, create, `{"participantName": "` + strings.Repeat("a", 256<<10) + `"}`, http.StatusRequestEntityTooLarge, "bytes"},
		{http.MethodGet, create, "", http.StatusMethodNotAllowed, "method not allowed"},
		{http.MethodDelete, "/livekit/stats", "", http.StatusMethodNotAllowed, "method not allowed"},
		{http.MethodGet, "/livekit/nothing", "", http.StatusNotFound, "not found"},
		{http.MethodGet, "/", "", http.StatusNotFound, "not found"},
		{http.MethodPost, "/livekit/webhook", "{}", http.StatusNotFound, "not found"},
	} {
		got := opened.ask(t, each.method, each.path, each.body)
		if got.StatusCode != each.status || !strings.Contains(got.text, each.says) {
			t.Errorf("%s %s %.50s: %s %q", each.method, each.path, each.body, got.Status, got.text)
		}
	}
}

func TestWhatGRPCSaysOfOurNetworkIsForTheLogOnly(t *testing.T) {
	opened := open(t, &scripted{measure: func(*bridgev1.StreamTelemetryRequest, figureStream) error {
		return status.Error(codes.Unavailable, "dial tcp 10.0.0.7:50051: refused")
	}}, gateway.Options{})
	got := opened.ask(t, http.MethodGet, "/livekit/telemetry", "")
	if got.StatusCode != http.StatusServiceUnavailable || got.text != "the bridge does not answer\n" {
		t.Errorf("%s %q", got.Status, got.text)
	}
	if !strings.Contains(opened.log.String(), "10.0.0.7") {
		t.Errorf("the log says %q", opened.log)
	}
}

func TestAnAskersAuthorizationIsForwardedOnlyWhereThatIsWanted(t *testing.T) {
	for _, forward := range []bool{false, true} {
		var got []string
		opened := open(t, &scripted{createRoom: func(ctx context.Context, _ *bridgev1.CreateRoomRequest) error {
			got = slices.Concat(sent(ctx, "authorization"), sent(ctx, "x-tenant"), sent(ctx, "grpcgateway-cookie"))
			return nil
		}}, gateway.Options{ForwardAuthorization: forward})
		opened.ask(t, http.MethodPost, create, `{}`,
			"Authorization: Bearer key", "Grpc-Metadata-Authorization: Bearer other", "Grpc-Metadata-X-Tenant: t", "Cookie: session=1")
		var want []string
		if forward {
			want = []string{"Bearer key"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("forward %v: the bridge got %q", forward, got)
		}
	}
}

func TestHealthIsTheBridges(t *testing.T) {
	if got := open(t, &scripted{}, gateway.Options{}).ask(t, http.MethodGet, "/health", ""); got.StatusCode != http.StatusOK {
		t.Errorf("of a bridge that serves: %s", got.Status)
	}
	if got := open(t, &scripted{isLeaving: true}, gateway.Options{}).ask(t, http.MethodGet, "/health", ""); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("of one that leaves: %s", got.Status)
	}
}

func TestTheOpenAPIDocumentHasEveryPathThatIsServed(t *testing.T) {
	got := open(t, &scripted{}, gateway.Options{}).ask(t, http.MethodGet, "/openapi.json", "")
	var document struct {
		Paths map[string]map[string]struct {
			Produces  []string
			Responses map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
			}
		}
		Definitions map[string]any
	}
	if err := json.Unmarshal([]byte(got.text), &document); err != nil {
		t.Fatal(err)
	}
	for path, method := range map[string]string{
		"/livekit/agents":    "get",
		create:               "post",
		"/livekit/join-room": "post",
		"/livekit/end-call":  "post",
		"/livekit/connection-status/{connectionId}": "get",
		"/livekit/stats":                    "get",
		"/livekit/events/{connectionId}":    "get",
		"/livekit/telemetry":                "get",
		"/livekit/telemetry/{connectionId}": "get",
	} {
		operation, found := document.Paths[path][method]
		definition := strings.TrimPrefix(operation.Responses["200"].Schema.Ref, "#/definitions/")
		if !found || document.Definitions[definition] == nil {
			t.Errorf("%s %s answers %q", method, path, definition)
		}
		isStream := strings.Contains(path, "events") || strings.Contains(path, "telemetry")
		if isStream != slices.Equal(operation.Produces, []string{"text/event-stream"}) {
			t.Errorf("%s produces %q", path, operation.Produces)
		}
	}
}

func TestARequestIsLoggedWithoutWhatItCarries(t *testing.T) {
	opened := open(t, refusing(nil), gateway.Options{})
	opened.ask(t, http.MethodPost, create+"?key=swordfish", `{"participantName": "swordfish"}`, "Authorization: swordfish")
	log := opened.log.String()
	if !strings.Contains(log, "path="+create) || !strings.Contains(log, "status=") || strings.Contains(log, "swordfish") {
		t.Errorf("the log says %q", log)
	}
}
