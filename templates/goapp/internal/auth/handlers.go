// fastman: file jwt or oauth or passkey
package auth

import (
	"net/http"
	"strings"
)

var errSessionNotFound = &problem{status: http.StatusNotFound, detail: "Session not found"}

func (a *Auth) getMe(w http.ResponseWriter, r *http.Request) error {
	user, _, err := a.currentUser(r)
	if err != nil {
		return err
	}
	shown := user.public()
	// fastman: if keycloak
	shown.Roles = append([]string{}, user.roles...) // in JSON a list, also when it is empty
	// fastman: end
	return answer(w, http.StatusOK, shown)
}

func (a *Auth) postRefresh(w http.ResponseWriter, r *http.Request) error {
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	token := given.text("refresh_token")
	if err := given.err(); err != nil {
		return err
	}
	fresh, err := a.refresh(r.Context(), token, a.clients.read(r))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, fresh)
}

func (a *Auth) postLogout(w http.ResponseWriter, r *http.Request) error {
	// fastman: if oauth or ui
	if r.Header.Get("Authorization") == "" && (a.readCookie(r, sessionCookie) != "" || wantsPage(r)) {
		return a.postCookieLogout(w, r)
	}
	// fastman: end
	claims, err := a.readClaims(r)
	if err != nil {
		return err
	}
	// fastman: if keycloak
	if claims.keycloak != nil { // Keycloak alone can end its session
		return done(w)
	}
	// fastman: end
	if err := a.logOut(r.Context(), claims, a.clients.read(r)); err != nil {
		return err
	}
	return done(w)
}

func (a *Auth) getSessions(w http.ResponseWriter, r *http.Request) error {
	user, claims, err := a.currentUser(r)
	if err != nil {
		return err
	}
	all, err := a.listSessions(r.Context(), user.ID)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].Current = all[i].ID == claims.SessionID
	}
	return answer(w, http.StatusOK, all)
}

func (a *Auth) deleteSessions(w http.ResponseWriter, r *http.Request) error {
	user, claims, err := a.currentUser(r)
	if err != nil {
		return err
	}
	if err := a.endOthers(r.Context(), user, claims, a.clients.read(r)); err != nil {
		return err
	}
	return done(w)
}

func (a *Auth) deleteSession(w http.ResponseWriter, r *http.Request) error {
	user, claims, err := a.currentUser(r)
	if err != nil {
		return err
	}
	id := strings.TrimPrefix(r.URL.Path, a.config.Prefix+"/sessions/")
	if err := a.endOne(r.Context(), id, user, claims, a.clients.read(r)); err != nil {
		return err
	}
	return done(w)
}

func (a *Auth) postVerifyRequest(w http.ResponseWriter, r *http.Request) error {
	user, _, err := a.currentUser(r)
	if err != nil {
		return err
	}
	if err := a.requestVerification(r.Context(), user, a.clients.read(r), a.baseURL(r)); err != nil {
		return err
	}
	return answer(w, http.StatusAccepted, struct{}{})
}

func (a *Auth) postVerify(w http.ResponseWriter, r *http.Request) error {
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	token := given.token("token")
	// fastman: if jwt
	password := given.optionalText("password", fits) // instead of a session
	// fastman: end
	if err := given.err(); err != nil {
		return err
	}
	from := a.clients.read(r)
	// fastman: if jwt
	if password != nil && *password != "" && bearer(r.Header.Get("Authorization")) == "" {
		if err := a.verifyWithPassword(r.Context(), token, *password, from); err != nil {
			return err
		}
		return done(w)
	}
	// fastman: end
	user, claims, err := a.currentUser(r)
	if err != nil {
		return err
	}
	if err := a.verifyWithSession(r.Context(), token, user, claims, from); err != nil {
		return err
	}
	return done(w)
}
