package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mediabridge/mediabridge/clients/go/gateway"
)

const (
	hook      = "/livekit/webhook"
	hookKey   = "devkey"
	hookWord  = "a-secret-of-at-least-32-characters"
	hookEvent = `{"event":"participant_joined","room":{"sid":"RM_1","name":"room-1"},` +
		`"participant":{"sid":"PA_1","identity":"caller-1","state":"ACTIVE"},"id":"EV_1","createdAt":"1790000000"}`
)

// signed returns the Authorization header with which LiveKit sends a body.
func signed(t *testing.T, body string, method jwt.SigningMethod, secret any, changes jwt.MapClaims) string {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	claims := jwt.MapClaims{
		"iss": hookKey, "nbf": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
		"sha256": base64.StdEncoding.EncodeToString(sum[:]),
	}
	for name, value := range changes {
		claims[name] = value
	}
	token, err := jwt.NewWithClaims(method, claims).SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: " + token
}

func receiving(t *testing.T, received func(context.Context, gateway.WebhookEvent) error) opened {
	t.Helper()
	return open(t, &scripted{}, gateway.Options{
		Webhooks: &gateway.Webhooks{APIKey: hookKey, APISecret: hookWord, Received: received},
	})
}

func TestAnEventThatLiveKitSignedIsReceived(t *testing.T) {
	var got []gateway.WebhookEvent
	opened := receiving(t, func(_ context.Context, event gateway.WebhookEvent) error {
		got = append(got, event)
		return nil
	})
	sent := opened.ask(t, http.MethodPost, hook, hookEvent,
		signed(t, hookEvent, jwt.SigningMethodHS256, []byte(hookWord), nil), "Content-Type: application/webhook+json")
	want := []gateway.WebhookEvent{{
		ID: "EV_1", Name: "participant_joined", Time: time.Unix(1790000000, 0).UTC(),
		Room: "room-1", Participant: "caller-1", Raw: []byte(hookEvent),
	}}
	if sent.StatusCode != http.StatusOK || !reflect.DeepEqual(got, want) {
		t.Errorf("%s %+v", sent.Status, got)
	}
}

func TestWhatLiveKitDidNotSignIsRefused(t *testing.T) {
	opened := receiving(t, func(_ context.Context, event gateway.WebhookEvent) error {
		t.Errorf("received %+v", event)
		return nil
	})
	secret := []byte(hookWord)
	for name, header := range map[string]string{
		"no token":        "",
		"nonsense":        "Authorization: nonsense",
		"another secret":  signed(t, hookEvent, jwt.SigningMethodHS256, []byte("another-secret-of-32-characters-x"), nil),
		"another body":    signed(t, hookEvent+" ", jwt.SigningMethodHS256, secret, nil),
		"no body":         signed(t, hookEvent, jwt.SigningMethodHS256, secret, jwt.MapClaims{"sha256": ""}),
		"another key":     signed(t, hookEvent, jwt.SigningMethodHS256, secret, jwt.MapClaims{"iss": "other"}),
		"yesterday's":     signed(t, hookEvent, jwt.SigningMethodHS256, secret, jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()}),
		"for ever":        signed(t, hookEvent, jwt.SigningMethodHS256, secret, jwt.MapClaims{"exp": nil}),
		"not yet":         signed(t, hookEvent, jwt.SigningMethodHS256, secret, jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()}),
		"another method":  signed(t, hookEvent, jwt.SigningMethodHS512, secret, nil),
		"nobody's method": signed(t, hookEvent, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
	} {
		if got := opened.ask(t, http.MethodPost, hook, hookEvent, header); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s %q", name, got.Status, got.text)
		}
	}
}

func TestASignedBodyThatIsNoEventIsABadRequest(t *testing.T) {
	opened := receiving(t, func(context.Context, gateway.WebhookEvent) error { return nil })
	for _, body := range []string{"nonsense", "{}", `{"event":"room_started","createdAt":"soon"}`, `[]`} {
		header := signed(t, body, jwt.SigningMethodHS256, []byte(hookWord), nil)
		if got := opened.ask(t, http.MethodPost, hook, body, header); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s %q", body, got.Status, got.text)
		}
	}
}

func TestAnEventThatWasNotTakenIsSentAgain(t *testing.T) {
	opened := receiving(t, func(context.Context, gateway.WebhookEvent) error { return errors.New("the disk is full") })
	header := signed(t, hookEvent, jwt.SigningMethodHS256, []byte(hookWord), nil)
	got := opened.ask(t, http.MethodPost, hook, hookEvent, header)
	if got.StatusCode != http.StatusInternalServerError || got.text != "the event was not taken\n" {
		t.Errorf("%s %q", got.Status, got.text)
	}
}
