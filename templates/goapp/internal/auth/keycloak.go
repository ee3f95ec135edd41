// fastman: file keycloak
package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Who signs in with Keycloak comes with an access token that the realm has signed. It is
// verified here: nobody is asked.

const (
	keycloakRememberedMax = 4 << 10          // bytes of a token; a larger one is verified each time
	refusalPause          = 10 * time.Second // between two lines of the log for one reason
	claimShown            = 200              // characters of a claim in the log
)

var errKeycloakOff = &problem{status: http.StatusServiceUnavailable, detail: "Sign-in with Keycloak is not configured"}

// keycloak reads the tokens of one realm.
type keycloak struct {
	issuer   string // "": it is not configured
	clientID string
	keys     *realmKeys
	log      *slog.Logger
	// fastman: if jwt or oauth or passkey
	// service is the realm as the accounts of this app know it.
	service *service
	// fastman: end

	mu     sync.Mutex
	logged map[string]time.Time // when the log said last why a token was refused
}

// newKeycloak says what is missing where nobody could sign in.
func newKeycloak(ctx context.Context, c KeycloakConfig, log *slog.Logger) (*keycloak, error) {
	authorities, err := c.authorities()
	if err != nil {
		return nil, err
	}
	k := &keycloak{issuer: c.issuer(), clientID: c.ClientID, log: log, logged: map[string]time.Time{}}
	k.keys = newRealmKeys(k.issuer, authorities, log)
	// fastman: if jwt or oauth or passkey
	k.service = &service{name: byKeycloak, title: "Keycloak", key: k.issuer}
	// fastman: end
	if missing := c.missing(); len(missing) > 0 {
		verb := " is not set"
		if len(missing) > 1 {
			verb = " are not set"
		}
		logEvent(ctx, log, slog.LevelWarn, "auth.keycloak.off",
			slog.String("problem", strings.Join(missing, ", ")+verb+": nobody can sign in with Keycloak"))
	}
	return k, nil
}

// start has the keys fetched before anybody needs them.
func (k *keycloak) start() {
	if k.issuer != "" {
		k.keys.start()
	}
}

// tokenRefusal is why a token is not accepted. The client learns nothing of it.
type tokenRefusal struct {
	reason         string // in one word
	said, expected string // of the claim that is the reason
}

func (r tokenRefusal) Error() string { return "the token is refused: " + r.reason }

func (r tokenRefusal) Unwrap() error { return errInvalidToken }

// hints are cures, by reason.
var hints = map[string]string{
	"issuer":    "the token is of another issuer: KEYCLOAK_URL and KEYCLOAK_REALM must name the realm as its tokens do (Keycloak's setting hostname)",
	"audience":  "in Keycloak, add a mapper of type Audience to a client scope of the client that signs in, with this client as Included Client Audience",
	"expired":   "if the token is fresh, the clock of this machine or of Keycloak's is wrong",
	"not_yet":   "if the token is fresh, the clock of this machine or of Keycloak's is wrong",
	"type":      "send the access token, not an ID token or a refresh token",
	"key":       "the realm has no such key (any more): sign in again",
	"algorithm": "set the realm's signature algorithm to RS256, PS256 or ES256",
}

// read returns what a token says that the realm has signed and that is valid now. A token
// comes with every request, and its signature stays the same: what was genuine is
// remembered with the keys that it was verified with, and goes with them.
func (k *keycloak) read(ctx context.Context, text string) (keycloakToken, error) {
	if k.issuer == "" {
		return keycloakToken{}, errKeycloakOff
	}
	if token, known := k.recall(text); known {
		return token, k.refuse(ctx, token.check(k.clientID))
	}
	token, err := k.verify(ctx, text)
	return token, k.refuse(ctx, err)
}

// recall returns a token that was verified with keys which are still good.
func (k *keycloak) recall(text string) (keycloakToken, bool) {
	set := k.keys.current()
	if set == nil {
		return keycloakToken{}, false
	}
	return set.verified.find(text)
}

// verify comes to the keys last: what is invalid anyway has none fetched.
func (k *keycloak) verify(ctx context.Context, text string) (keycloakToken, error) {
	token, header, err := parseKeycloakToken(text, k.clientID)
	if err != nil {
		return keycloakToken{}, err
	}
	if token.issuer != k.issuer {
		return keycloakToken{}, tokenRefusal{"issuer", token.issuer, k.issuer}
	}
	if !slices.Contains([]string{"RS256", "PS256", "ES256"}, header.algorithm) {
		return keycloakToken{}, tokenRefusal{reason: "algorithm"}
	}
	if err := token.check(k.clientID); err != nil {
		return keycloakToken{}, err
	}
	if header.keyID == "" {
		return keycloakToken{}, errUnknownKey
	}
	key, set, err := k.keys.find(ctx, header.keyID)
	if err != nil {
		return keycloakToken{}, err
	}
	if !slices.Contains(key.algorithms, header.algorithm) {
		return keycloakToken{}, tokenRefusal{reason: "algorithm"}
	}
	if _, err := key.verifier.Verify(ctx, text); err != nil {
		return keycloakToken{}, tokenRefusal{reason: "signature"}
	}
	if len(text) <= keycloakRememberedMax {
		set.verified.keep(text, token)
	}
	return token, nil
}

// refuse says in the log why a token is not accepted: seldom enough for a flood of them.
func (k *keycloak) refuse(ctx context.Context, err error) error {
	refused, ok := errors.AsType[tokenRefusal](err)
	if !ok || !k.mayLog(refused.reason) {
		return err
	}
	attrs := []slog.Attr{slog.String("reason", refused.reason)}
	if refused.expected != "" {
		claim := map[string]string{"issuer": "iss", "audience": "aud"}[refused.reason]
		attrs = append(attrs, slog.String(claim, cutText(refused.said, claimShown)), slog.String("expected", refused.expected))
	}
	if hint := hints[refused.reason]; hint != "" {
		attrs = append(attrs, slog.String("hint", hint))
	}
	logEvent(ctx, k.log, slog.LevelWarn, "auth.keycloak.refused", attrs...)
	return err
}

func (k *keycloak) mayLog(reason string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if now.Sub(k.logged[reason]) < refusalPause {
		return false
	}
	k.logged[reason] = now
	return true
}

func cutText(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
