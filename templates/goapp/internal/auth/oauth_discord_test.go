// fastman: file discord
package auth

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/oauth2"
)

// Somebody at Discord has a picture in any case, and an address if it is verified.
func TestDiscord(t *testing.T) {
	const cdn = "https://cdn.discordapp.com/"
	for _, c := range []struct{ user, email, avatarURL string }{
		{`{"id":"80351110224678912","username":"ann","avatar":"8342","email":"a@example.com","verified":true}`, "a@example.com", cdn + "avatars/80351110224678912/8342.png"},
		{`{"id":"80351110224678912","username":"ann","avatar":"a_8342","email":"a@example.com","verified":false}`, "", cdn + "avatars/80351110224678912/a_8342.gif"},
		{`{"id":"80351110224678912","username":"ann","avatar":null}`, "", cdn + "embed/avatars/5.png"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/users/@me" || r.Header.Get("Authorization") != "Bearer x" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = w.Write([]byte(c.user))
		}))
		defer server.Close()
		who, err := newDiscord(OAuthClient{Site: server.URL}, newCalls()).profile(t.Context(), &oauth2.Token{AccessToken: "x"}, authorization{})
		if err != nil || who.subject != "80351110224678912" || who.name != "ann" || who.email != c.email || who.avatarURL != c.avatarURL {
			t.Errorf("%s: %+v (%v)", c.user, who, err)
		}
	}
}
