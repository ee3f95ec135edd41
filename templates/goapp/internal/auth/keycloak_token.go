// fastman: file keycloak
package auth

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What a token of Keycloak says, and what it must say. Nothing here knows keys.

const (
	keycloakTokenMax   = 16 << 10 // bytes
	keycloakSubjectMax = 255      // characters
)

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
