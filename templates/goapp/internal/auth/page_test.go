// fastman: file ui
package auth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// askAs sends a request with headers as "Name: value".
func (a *app) askAs(method, path string, headers ...string) answered {
	a.Helper()
	r := httptest.NewRequest(method, "/auth"+path, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	a.auth.ServeHTTP(w, r)
	return answered{a.T, w, method + " " + path}
}

func (a answered) cookie() string {
	a.Helper()
	for _, cookie := range a.Result().Cookies() {
		if cookie.Name == sessionCookie && cookie.HttpOnly && cookie.SameSite == http.SameSiteLaxMode {
			return "Cookie: " + sessionCookie + "=" + cookie.Value
		}
	}
	a.Fatalf("%s: no cookie", a.asked)
	return ""
}

// The page exchanges its token for a cookie that it cannot read; its refresh token is
// worth nothing then.
func TestPageSession(t *testing.T) {
	a := newApp(t)
	d, _ := a.holder("ann@example.com")
	opened := decode[Token](a.use(d).want(200))
	bearer, own := "Authorization: Bearer "+opened.AccessToken, "Sec-Fetch-Site: same-origin"
	a.askAs("POST", "/ui/session", own).want(401)
	a.askAs("POST", "/ui/session", bearer).want(403)
	a.askAs("POST", "/ui/session", bearer, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example").want(403)
	cookie := a.askAs("POST", "/ui/session", bearer, own).want(204).cookie()
	a.askAs("GET", "/me", cookie).want(200)
	a.send("POST", "/refresh", "", object{"refresh_token": opened.RefreshToken}).want(401)
	next := decode[Token](a.use(d).want(200))
	again := a.askAs("POST", "/ui/session", "Authorization: Bearer "+next.AccessToken, own, cookie).want(204).cookie()
	a.askAs("GET", "/me", cookie).want(401)
	a.askAs("POST", "/logout", again, "Sec-Fetch-Site: cross-site").want(403)
	a.askAs("POST", "/logout", again, own).want(204)
	a.askAs("GET", "/me", again).want(401)
	old := decode[Token](a.use(d).want(200)).AccessToken
	a.exec("UPDATE auth_sessions SET authenticated_at = '2020-01-01 00:00:00.000000'")
	a.askAs("POST", "/ui/session", "Authorization: Bearer "+old, own).want(403)
}

// Other sites can neither frame the page nor run anything on it.
func TestPage(t *testing.T) {
	a := newApp(t)
	for path, kind := range map[string]string{"/ui": "text/html", "/static/ui.css": "text/css", "/static/ui.js": "text/javascript"} {
		served := a.askAs("GET", path).want(200)
		if have := served.Header().Get("Content-Type"); have != kind+"; charset=utf-8" {
			t.Errorf("%s: %s", path, have)
		}
		if policy := served.Header().Get("Content-Security-Policy"); path == "/ui" && !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", path, policy)
		}
	}
}
