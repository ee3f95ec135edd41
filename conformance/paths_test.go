package conformance

import "testing"

// Whoever has moved routes finds the cases asking where they are now.
func TestMovedRoutes(t *testing.T) {
	target := Target{Prefix: "/account", Paths: Paths{
		"POST /login": "/account/sign-in", "GET /login/{}": "/account/with/{}/start", "DELETE /sessions/{}": "/devices/{}", "DELETE /sessions": "",
		"POST /providers/keycloak": "/account/providers/keycloak", "POST /providers/{}": "/link/{}",
	}}
	for asked, want := range map[[2]string]string{
		{"POST", "/login"}:              "/account/sign-in",
		{"POST", "/login?next=/x"}:      "/account/sign-in?next=/x",
		{"POST", "/login//"}:            "/account/sign-in//",
		{"PUT", "/login"}:               "/account/sign-in",
		{"GET", "/login/github?next=/"}: "/account/with/github/start?next=/",
		{"DELETE", "/sessions/a/b"}:     "/devices/a/b",
		{"DELETE", "/sessions/"}:        "/account/sessions/",
		{"POST", "/providers/keycloak"}: "/account/providers/keycloak",
		{"POST", "/providers/google"}:   "/link/google",
		{"GET", "/me"}:                  "/account/me",
		{"GET", "//health"}:             "/health",
	} {
		if have := target.path(asked[0], asked[1]); have != want {
			t.Errorf("%s %s is asked for at %s, want %s", asked[0], asked[1], have, want)
		}
	}
	tt := newT(t.Context(), target)
	for c, want := range map[[2]string]string{{"DELETE", "/sessions"}: "DELETE /sessions", {"GET", "/sessions"}: "", {"DELETE", "/sessions/a"}: "", {"POST", "/login"}: ""} {
		if have := tt.gone(call{method: c[0], path: c[1]}); have != want {
			t.Errorf("%v is gone: %q, want %q", c, have, want)
		}
	}
}
