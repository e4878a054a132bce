package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Clocks of two machines differ.
const leeway = 30 * time.Second

// Webhooks receives what LiveKit tells of its rooms, once it is sure that LiveKit said it.
type Webhooks struct {
	// APIKey and APISecret are LiveKit's, the ones that its configuration names for webhooks.
	APIKey    string
	APISecret string
	// Received is called with each event, before LiveKit gets its answer; it must not take long. An
	// error makes LiveKit send the event again.
	Received func(context.Context, WebhookEvent) error
}

// WebhookEvent is something that happened on LiveKit.
type WebhookEvent struct {
	// ID is the same when an event is sent again.
	ID string
	// Name is what happened, such as "room_started" or "participant_left".
	Name string
	// Time is when, to the second.
	Time time.Time
	// Room is the room's name. Empty: the event is not about one.
	Room string
	// Participant is the participant's identity. Empty: the event is not about one.
	Participant string
	// Raw is the whole livekit.WebhookEvent, in protobuf's JSON form.
	Raw json.RawMessage
}

var errNotLiveKit = errors.New("not signed by LiveKit")

// ServeHTTP takes one event.
func (h *Webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuseWith(w, r, http.StatusBadRequest, "the body cannot be read")
		return
	}
	if err := h.verify(r.Header.Get("Authorization"), body); err != nil {
		refuseWith(w, r, http.StatusUnauthorized, err.Error())
		return
	}
	event, err := parseWebhook(body)
	if err != nil {
		refuseWith(w, r, http.StatusBadRequest, err.Error())
		return
	}
	if err := h.Received(r.Context(), event); err != nil {
		refuseWith(w, r, http.StatusInternalServerError, "the event was not taken")
	}
}

// verify makes sure that LiveKit's secret has signed a token for just this body.
func (h *Webhooks) verify(authorization string, body []byte) error {
	var claims struct {
		jwt.RegisteredClaims
		SHA256 string `json:"sha256"`
	}
	_, err := jwt.ParseWithClaims(strings.TrimPrefix(authorization, "Bearer "), &claims,
		func(*jwt.Token) (any, error) { return []byte(h.APISecret), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Name}),
		jwt.WithIssuer(h.APIKey),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(leeway),
	)
	if err != nil {
		return errNotLiveKit // whoever tries need not learn how close they came
	}
	sum := sha256.Sum256(body)
	if subtle.ConstantTimeCompare([]byte(claims.SHA256), []byte(base64.StdEncoding.EncodeToString(sum[:]))) != 1 {
		return errNotLiveKit
	}
	return nil
}

func parseWebhook(body []byte) (WebhookEvent, error) {
	var told struct {
		ID          string
		Event       string
		CreatedAt   json.Number // protobuf's JSON writes 64 bits as a string
		Room        struct{ Name string }
		Participant struct{ Identity string }
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return WebhookEvent{}, fmt.Errorf("the body is not an event: %w", err)
	}
	seconds, err := told.CreatedAt.Int64()
	if told.Event == "" || err != nil {
		return WebhookEvent{}, errors.New("the body is not an event")
	}
	return WebhookEvent{
		ID:          told.ID,
		Name:        told.Event,
		Time:        time.Unix(seconds, 0).UTC(),
		Room:        told.Room.Name,
		Participant: told.Participant.Identity,
		Raw:         body,
	}, nil
}
