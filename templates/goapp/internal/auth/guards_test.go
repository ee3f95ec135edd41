// fastman: file jwt
package auth

import (
	"net/http"
	"testing"
)

// Each guard lets through whom it names, and tells the handler who it is.
func TestGuards(t *testing.T) {
	a := newApp(t)
	token := a.member("ann@example.com").AccessToken
	greet := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ClaimsFrom(r.Context()) == nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		if user := UserFrom(r.Context()); user != nil {
			_, _ = w.Write([]byte(user.Email))
		}
	})
	for _, c := range []struct {
		name   string
		guard  func(http.Handler) http.Handler
		opens  string // what must be true of the user besides
		detail string
	}{
		{"RequireClaims", RequireClaims, "", ""},
		{"RequireUser", RequireUser, "", ""},
		{"RequireRecentLogin", RequireRecentLogin, "UPDATE auth_sessions SET authenticated_at = created_at", "reauth_required"},
		{"RequireVerifiedUser", RequireVerifiedUser, "UPDATE users SET email_verified_at = created_at", "E-mail address is not verified"},
		{"RequireSuperuser", RequireSuperuser, "UPDATE users SET is_superuser = TRUE", "Forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			guarded := a.auth.Middleware(c.guard(greet))
			a.exec("UPDATE auth_sessions SET authenticated_at = '2020-01-01 00:00:00.000000'")
			a.ask(guarded, "GET", "/", "", nil).want(401)
			a.ask(guarded, "GET", "/", token+"x", nil).want(401)
			if c.opens != "" {
				if answer := a.ask(guarded, "GET", "/", token, nil).want(403); decode[object](answer)["detail"] != c.detail {
					t.Errorf("detail: %s", answer.Body)
				}
				a.exec(c.opens)
			}
			if body := a.ask(guarded, "GET", "/", token, nil).want(200).Body.String(); c.name != "RequireClaims" && body != "ann@example.com" {
				t.Errorf("the handler sees %q", body)
			}
		})
	}
	a.ask(RequireUser(greet), "GET", "/", token, nil).want(500)
}

// The claims of a token outlive its session until the token ends; a user does not.
func TestClaimsAskNoDatabase(t *testing.T) {
	a := newApp(t)
	token := a.member("ann@example.com").AccessToken
	a.send("POST", "/logout", token, nil).want(204)
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	a.ask(a.auth.Middleware(RequireClaims(nothing)), "GET", "/", token, nil).want(200)
	a.ask(a.auth.Middleware(RequireUser(nothing)), "GET", "/", token, nil).want(401)
}
