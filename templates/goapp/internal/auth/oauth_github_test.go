// fastman: file github
package auth

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/oauth2"
)

// gitHubOf plays the API with two answers.
func gitHubOf(t *testing.T, user, emails string) protocol {
	t.Helper()
	mux := http.NewServeMux()
	for path, answer := range map[string]string{"/api/v3/user": user, "/api/v3/user/emails": emails} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer x" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = w.Write([]byte(answer))
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return newGitHub(OAuthClient{Site: server.URL}, newCalls())
}

// Somebody at GitHub is their number, and owns the primary address if it is verified.
func TestGitHub(t *testing.T) {
	for _, c := range []struct{ user, emails, email, name string }{
		{`{"id":7,"login":"ann","name":"Ann"}`, `[{"email":"b@example.com","verified":true},{"email":"a@example.com","primary":true,"verified":true}]`, "a@example.com", "Ann"},
		{`{"id":7,"login":"ann","name":null,"email":"a@example.com"}`, `[{"email":"a@example.com","primary":true},{"email":"b@example.com","verified":true}]`, "", "ann"},
		{`{"id":7,"login":"ann"}`, `[]`, "", "ann"},
	} {
		who, err := gitHubOf(t, c.user, c.emails).profile(t.Context(), &oauth2.Token{AccessToken: "x"}, authorization{})
		if err != nil || who.subject != "7" || who.email != c.email || who.name != c.name || who.authoritative {
			t.Errorf("%s %s: %+v (%v)", c.user, c.emails, who, err)
		}
	}
	for _, answers := range [][2]string{{`{"login":"ann"}`, `[]`}, {`{"id":7}`, `{}`}, {`{"id":7}`, `null`}, {`<html>`, `[]`}} {
		if who, err := gitHubOf(t, answers[0], answers[1]).profile(t.Context(), &oauth2.Token{AccessToken: "x"}, authorization{}); err == nil {
			t.Errorf("%s: %+v", answers, who)
		}
	}
}

// GitHub itself has its API elsewhere than a GitHub Enterprise.
func TestGitHubAddresses(t *testing.T) {
	for site, api := range map[string]string{"https://github.com": "https://api.github.com", "https://git.example.com": "https://git.example.com/api/v3"} {
		if ours := newGitHub(OAuthClient{Site: site}, nil).(gitHub); ours.api != api {
			t.Errorf("%s: %s", site, ours.api)
		}
	}
}
