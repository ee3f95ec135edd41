// fastman: file keycloak and jwt or oauth or passkey
package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// isOfKeycloak tells whether a token says that Keycloak has issued it. Every other one is
// read as one of this app's own.
func (a *Auth) isOfKeycloak(text string) bool {
	if _, own := a.tokens.verified.find(text); own {
		return false
	}
	var told struct {
		Issuer string `json:"iss"`
	}
	if parts := strings.Split(text, "."); len(parts) == 3 {
		payload, _ := base64url.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &told) // what is none says nothing
	}
	return told.Issuer != a.config.Issuer && strings.Contains(told.Issuer, "/realms/")
}

func (a *Auth) readKeycloak(ctx context.Context, text string) (*Claims, error) {
	token, err := a.keycloak.read(ctx, text)
	if err != nil {
		return nil, err
	}
	return &Claims{
		Issuer: token.issuer, Audience: a.keycloak.clientID, TokenID: token.id,
		IssuedAt: token.issuedAt, NotBefore: token.notBefore, ExpiresAt: token.expiresAt,
		keycloak: &token.user,
	}, nil
}

func (a *Auth) keycloakUser(r *http.Request, claims *Claims) (*User, error) {
	return nil, errInvalidToken
}

func (u *KeycloakUser) requireRecent() error { return errReauthRequired }
