// fastman: file oauth or ui
package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A session that a browser holds by a cookie. The cookie is 256 random bits, of which
// the row has the hash alone; the id of a session opens nothing.

const sessionCookie = "auth_session"

// cookieIdle is in seconds. The use of a session is written down so often, which is
// what keeps it from being idle.
const cookieIdle = 5 * 60

var errCrossSite = &problem{status: http.StatusForbidden, detail: "Cross-site request refused"}

// selectCookieUser is selectCurrentUser for a cookie, which also returns the session,
// and whether its use has to be written down.
var selectCookieUser = fmt.Sprintf(`SELECT `+userColumns+`, auth_sessions.id,
	auth_sessions.last_seen_at < clock_timestamp() + make_interval(secs => -%d)
	FROM auth_sessions JOIN users ON users.id = auth_sessions.user_id
	WHERE auth_sessions.cookie_hash = $1 AND users.is_active`, cookieIdle)

// setCookie lets browsers alone read the cookie, and send it here alone: also from
// links of other sites, but with no form or picture of them (RFC 6265bis). Without a
// value it deletes the cookie.
func (a *Auth) setCookie(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	if value == "" {
		lifetime = -time.Second
	}
	http.SetCookie(w, &http.Cookie{
		Name: a.cookieName(name), Value: value, Path: "/", MaxAge: int(lifetime / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.config.production(),
	})
}

// cookieName has in production the prefix that keeps other hosts of the domain from
// setting the cookie.
func (a *Auth) cookieName(name string) string {
	if a.config.production() {
		return "__Host-" + name
	}
	return name
}

func (a *Auth) readCookie(r *http.Request, name string) string {
	cookie, err := r.Cookie(a.cookieName(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// readSessionCookie returns no cookie beside an Authorization header, which wins.
func (a *Auth) readSessionCookie(r *http.Request) string {
	if r.Header.Get("Authorization") != "" {
		return ""
	}
	return a.readCookie(r, sessionCookie)
}

// cookieUser is currentUser for a cookie.
func (a *Auth) cookieUser(r *http.Request, cookie string) (*User, *Claims, error) {
	if err := a.checkOrigin(r); err != nil {
		return nil, nil, err
	}
	ctx, cancel := a.store.reading(r.Context())
	defer cancel()
	var claims Claims
	var unwritten bool
	user, err := scanUser(rowWith{a.store.findCookie.row(ctx, hashOneTime(cookie)), []any{&claims.SessionID, &unwritten}})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, errInvalidToken
	}
	if err != nil {
		return nil, nil, err
	}
	if unwritten {
		a.jobs.submit(func(ctx context.Context) { a.writeUse(ctx, claims.SessionID) })
	}
	claims.UserID = user.ID
	return user, &claims, nil
}

// checkOrigin refuses what a page of another site has made a browser send. Unlike a
// token, a cookie goes with it. What sends neither header is no browser of today.
func (a *Auth) checkOrigin(r *http.Request) error {
	unsafe := r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
	unknown := r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == ""
	if unsafe && unknown || a.origins.Check(r) != nil {
		return errCrossSite
	}
	return nil
}

func (a *Auth) writeUse(ctx context.Context, sessionID string) {
	err := a.store.write(ctx, func(ctx context.Context, db conn) error {
		return db.exec(ctx, fmt.Sprintf(`UPDATE auth_sessions SET last_seen_at = clock_timestamp(),
			expires_at = clock_timestamp() + make_interval(secs => $1)
			WHERE id = $2 AND last_seen_at < clock_timestamp() + make_interval(secs => -%d)`, cookieIdle),
			int(a.config.SessionIdle/time.Second), sessionID)
	})
	if err != nil {
		a.logFailure(ctx, err)
	}
}

// giveCookie returns a new cookie for a session. The session that the browser had before
// ends.
func giveCookie(ctx context.Context, db conn, sessionID, before string) (string, error) {
	if before != "" {
		err := db.exec(ctx, `DELETE FROM auth_sessions WHERE cookie_hash = $1 AND id <> $2`, hashOneTime(before), sessionID)
		if err != nil {
			return "", err
		}
	}
	cookie := randomText(32)
	return cookie, db.exec(ctx, `UPDATE auth_sessions SET cookie_hash = $1 WHERE id = $2`, hashOneTime(cookie), sessionID)
}
