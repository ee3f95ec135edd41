// fastman: file keycloak and jwt or oauth or passkey
package auth

import (
	"errors"
	"net/http"
)

// How somebody who is signed in says that an identity of Keycloak is theirs.

var errNotAToken = &problem{status: http.StatusBadRequest, detail: "Invalid token"}

func (a *Auth) keycloakEndpoints() map[string]route {
	return map[string]route{"/providers/keycloak": {http.MethodPost: a.postKeycloak, http.MethodDelete: a.deleteProvider}}
}

func keycloakOperations() []operation {
	return []operation{
		{method: "post", path: "/providers/keycloak", summary: "Link an identity of Keycloak by its token", signedIn: true,
			body: texts("token"), status: 204},
		{method: "delete", path: "/providers/keycloak", summary: "Unlink Keycloak", signedIn: true, status: 204},
	}
}

// postKeycloak gives the identity of a token to the user of a session of this app.
func (a *Auth) postKeycloak(w http.ResponseWriter, r *http.Request) error {
	user, claims, err := a.currentUser(r)
	if err != nil {
		return err
	}
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	text := given.text("token")
	if err := given.err(); err != nil {
		return err
	}
	if claims.keycloak != nil {
		return errReauthRequired
	}
	if err := a.requireRecent(r.Context(), claims); err != nil {
		return err
	}
	token, err := a.keycloak.read(r.Context(), text)
	if errors.Is(err, errInvalidToken) {
		return errNotAToken
	}
	if err != nil {
		return err
	}
	who, _ := a.keycloakProfile(&token.user)
	if err := a.link(r.Context(), who, user.ID, claims.SessionID, a.clients.read(r)); err != nil {
		return err
	}
	return done(w)
}
