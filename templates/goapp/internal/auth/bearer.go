package auth

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// What all tokens have in common, whoever signs them.

const (
	clockSkew = 60              // seconds that iat and nbf may lie ahead
	timeMax   = 253_402_300_799 // the last second of the year 9999
)

// errInvalidToken is a token that this app does not accept, or no longer.
var errInvalidToken = &problem{status: http.StatusUnauthorized, detail: "Could not validate credentials"}

// base64url writes bytes without padding, and reads only the one spelling of them.
var base64url = base64.RawURLEncoding.Strict()

// bearer returns the token of an Authorization header (RFC 6750, section 2.1).
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}
