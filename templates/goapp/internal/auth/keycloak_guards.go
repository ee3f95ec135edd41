// fastman: file keycloak
package auth

import (
	"context"
	"net/http"
)

// KeycloakUserFrom returns whom the token of Keycloak is about that a guard has let
// through; nil without one.
// fastman: if jwt or oauth or passkey
// Who signed in to this app itself has none.
// fastman: end
func KeycloakUserFrom(ctx context.Context) *KeycloakUser { return visitOf(ctx).keycloak }

// RequireRoles is RequireUser for those who have all of these roles of the realm; others
// are answered with 403:
//
//	mux.Handle("GET /reports", auth.RequireRoles("auditor")(reports))
func RequireRoles(roles ...string) func(http.Handler) http.Handler {
	return requireKeycloak(func(u *KeycloakUser) bool { return u.HasRoles(roles...) })
}

// RequireClientRoles is RequireRoles for roles of a client.
func RequireClientRoles(client string, roles ...string) func(http.Handler) http.Handler {
	return requireKeycloak(func(u *KeycloakUser) bool { return u.HasClientRoles(client, roles...) })
}

func requireKeycloak(isAllowed func(*KeycloakUser) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return guard(next, func(_ *http.Request, v visit) error {
			if v.keycloak == nil || !isAllowed(v.keycloak) {
				return errForbidden
			}
			return nil
		})
	}
}
