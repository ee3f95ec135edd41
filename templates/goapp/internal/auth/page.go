// fastman: file ui
package auth

import (
	"context"
	"net/http"
)

// The page where people sign in. Its script has the session by a cookie that it cannot
// read, so that nothing on the page can give it away.

// pagePolicy lets the page load what is ours, and be framed by nobody.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"

func (a *Auth) pageEndpoints() map[string]route {
	return map[string]route{
		"/ui":            {http.MethodGet: a.getPage, http.MethodHead: a.getPage},
		"/ui/session":    {http.MethodPost: a.postPageSession},
		"/static/ui.css": {http.MethodGet: a.getStatic, http.MethodHead: a.getStatic},
		"/static/ui.js":  {http.MethodGet: a.getStatic, http.MethodHead: a.getStatic},
	}
}

func (a *Auth) getPage(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self)")
	return answerFile(w, "ui.html")
}

// postPageSession turns the session of a token that has just been given out into one of
// the browser's cookie.
func (a *Auth) postPageSession(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.readClaims(r); err != nil {
		return err
	}
	if err := a.checkOrigin(r); err != nil {
		return err
	}
	_, claims, err := a.recentUser(r)
	if err != nil {
		return err
	}
	cookie, err := a.moveToCookie(r.Context(), claims.SessionID, a.readCookie(r, sessionCookie))
	if err != nil {
		return err
	}
	a.setCookie(w, sessionCookie, cookie, a.config.SessionMax)
	return done(w)
}

// moveToCookie returns the cookie that stands for a session from now on. Another salt
// makes every refresh token of before worthless.
func (a *Auth) moveToCookie(ctx context.Context, sessionID, before string) (cookie string, err error) {
	err = a.store.write(ctx, func(ctx context.Context, db conn) error {
		alive, err := db.exists(ctx, `UPDATE auth_sessions SET salt = $1 WHERE id = $2 RETURNING id`, randomText(32), sessionID)
		if err == nil && !alive {
			err = errInvalidToken
		}
		if err != nil {
			return err
		}
		cookie, err = giveCookie(ctx, db, sessionID, before)
		return err
	})
	return cookie, err
}

// leadToPage has mailed links open the page.
func (m *mailer) leadToPage(page string) {
	m.verifyPage, m.recoveryPage = page+"#verify=", page+"#recover="
	// fastman: if jwt
	m.resetPage = page + "#reset="
	// fastman: end
}
