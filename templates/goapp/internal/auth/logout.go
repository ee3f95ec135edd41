// fastman: file oauth or ui
package auth

import (
	"errors"
	"net/http"
	"strings"
)

// logoutPage asks whoever was led here without wanting to.
const logoutPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign out</title>
<form method="post"><button>Sign out</button></form>
</html>
`

// getLogout is for links. Other sites have links too, and pictures, and browsers fetch
// what nobody has clicked yet (Fetch Metadata Request Headers, section 2).
func (a *Auth) getLogout(w http.ResponseWriter, r *http.Request) error {
	if !isOwnNavigation(r) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(logoutPage)) // a client that has hung up reads no answer
		return nil
	}
	if err := a.endCookieSession(w, r); err != nil && !isSignedOut(err) {
		return err
	}
	return redirect(w, "/", http.StatusSeeOther)
}

func isOwnNavigation(r *http.Request) bool {
	site, mode := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Sec-Fetch-Mode")
	return (site == "" || site == "same-origin" || site == "none") && (mode == "" || mode == "navigate") &&
		!strings.Contains(r.Header.Get("Sec-Purpose")+r.Header.Get("Purpose"), "prefetch")
}

// postCookieLogout is for scripts and for the form of logoutPage.
func (a *Auth) postCookieLogout(w http.ResponseWriter, r *http.Request) error {
	err := a.endCookieSession(w, r)
	if wantsPage(r) && (err == nil || isSignedOut(err)) {
		return redirect(w, "/", http.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	return done(w)
}

func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

func isSignedOut(err error) bool {
	return errors.Is(err, errInvalidToken) || errors.Is(err, errNotAuthenticated)
}

// endCookieSession ends the session of the cookie, and deletes the cookie in any case
// but that another site asks.
func (a *Auth) endCookieSession(w http.ResponseWriter, r *http.Request) error {
	cookie := a.readCookie(r, sessionCookie)
	if cookie == "" {
		return errNotAuthenticated
	}
	_, claims, err := a.cookieUser(r, cookie)
	if err == nil {
		err = a.logOut(r.Context(), claims, a.clients.read(r))
	}
	if err == nil || isSignedOut(err) {
		a.setCookie(w, sessionCookie, "", 0)
	}
	return err
}

// redirect sends a browser on, to the letter. Nobody keeps the answer, as its address
// may hold a code.
func redirect(w http.ResponseWriter, address string, status int) error {
	w.Header().Set("Location", address)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	return nil
}
