// fastman: file keycloak
package auth

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Who signs in with Keycloak comes with an access token that the realm has signed. It is
// verified here: nobody is asked.

const (
	keycloakTokenMax      = 16 << 10         // bytes
	keycloakRememberedMax = 4 << 10          // bytes; a larger one is verified each time
	keycloakSubjectMax    = 255              // characters
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
	k.service = &service{name: "keycloak", title: "Keycloak", key: k.issuer}
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

// keycloakToken is what a token says.
type keycloakToken struct {
	user                           KeycloakUser
	issuer, kind, id               string // `iss`, `typ`, `jti`
	audience                       []string
	issuedAt, notBefore, expiresAt time.Time
}

// check tells whether a token is for this app, and valid now.
func (t keycloakToken) check(clientID string) error {
	now := time.Now()
	latest := now.Add(clockSkew * time.Second)
	switch {
	case t.kind != "Bearer":
		return tokenRefusal{reason: "type"}
	case !slices.Contains(t.audience, clientID):
		return tokenRefusal{"audience", strings.Join(t.audience, " "), clientID}
	case !t.expiresAt.After(now):
		return tokenRefusal{reason: "expired"}
	case t.issuedAt.After(latest) || t.notBefore.After(latest):
		return tokenRefusal{reason: "not_yet"}
	case t.user.ID == "" || utf8.RuneCountInString(t.user.ID) > keycloakSubjectMax || strings.ContainsFunc(t.user.ID, unicode.IsControl):
		return tokenRefusal{reason: "subject"}
	}
	return nil
}

// keycloakHeader is what a token says of its signature.
type keycloakHeader struct{ algorithm, keyID string }

var errMalformed = tokenRefusal{reason: "malformed"}

// parseKeycloakToken reads a token (RFC 7515, section 7.1), of whom it may be.
func parseKeycloakToken(text, clientID string) (keycloakToken, keycloakHeader, error) {
	parts := strings.Split(text, ".")
	// The decoder would look past line ends.
	if len(text) > keycloakTokenMax || len(parts) != 3 || strings.ContainsAny(text, "\r\n") {
		return keycloakToken{}, keycloakHeader{}, errMalformed
	}
	header, _, err := readObject(parts[0])
	if err != nil {
		return keycloakToken{}, keycloakHeader{}, err
	}
	claims, payload, err := readObject(parts[1])
	if err != nil {
		return keycloakToken{}, keycloakHeader{}, err
	}
	_, broken := base64url.DecodeString(parts[2])
	if _, critical := header["crit"]; critical || broken != nil { // section 4.1.11: we understand no extension
		return keycloakToken{}, keycloakHeader{}, errMalformed
	}
	token, err := newKeycloakToken(claims, payload, clientID)
	return token, keycloakHeader{textOf(header["alg"]), textOf(header["kid"])}, err
}

// readObject reads one part of a token.
func readObject(part string) (map[string]any, []byte, error) {
	document, err := base64url.DecodeString(part)
	if err != nil || !isUnambiguous(document) {
		return nil, nil, errMalformed
	}
	var object map[string]any
	if numberDecoder(document).Decode(&object) != nil || object == nil {
		return nil, nil, errMalformed
	}
	return object, document, nil
}

func newKeycloakToken(claims map[string]any, payload []byte, clientID string) (keycloakToken, error) {
	t := keycloakToken{
		user:   newKeycloakUser(claims, payload, clientID),
		issuer: textOf(claims["iss"]), kind: textOf(claims["typ"]), id: textOf(claims["jti"]),
	}
	var err [3]error
	t.expiresAt, err[0] = timeOf(claims["exp"])
	t.issuedAt, err[1] = timeOf(claims["iat"])
	t.notBefore, err[2] = timeOf(claims["nbf"])
	if errors.Join(err[:]...) != nil || t.expiresAt.IsZero() || t.issuedAt.IsZero() {
		return keycloakToken{}, errMalformed
	}
	if audience, isText := claims["aud"].(string); isText {
		t.audience = []string{audience}
	} else {
		t.audience, _ = textsOf(claims["aud"])
	}
	return t, nil
}

// timeOf reads a NumericDate (RFC 7519, section 2); one that is missing is the zero time.
func timeOf(claim any) (time.Time, error) {
	if claim == nil {
		return time.Time{}, nil
	}
	number, _ := claim.(json.Number)
	seconds, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || seconds < 0 || seconds > timeMax {
		return time.Time{}, errMalformed
	}
	return time.UnixMilli(int64(seconds * 1000)), nil
}
