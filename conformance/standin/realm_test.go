package standin_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"fastman/conformance/standin"
)

func startRealm(t *testing.T, options standin.Options) *standin.Realm {
	t.Helper()
	r, err := standin.StartRealm(t.Context(), options, "")
	if err != nil {
		t.Fatal(err)
	}
	r.AllowRedirects(callback)
	return r
}

// A page signs somebody in at the realm with PKCE and no secret, and gets three tokens.
func TestRealmSignsIn(t *testing.T) {
	r := startRealm(t, standin.Options{})
	provider, err := oidc.NewProvider(t.Context(), r.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{p: r.Provider, verifier: oauth2.GenerateVerifier(), provider: provider}
	c.config = oauth2.Config{ClientID: r.ClientID, RedirectURL: callback, Scopes: []string{"openid", "email", "profile"}, Endpoint: provider.Endpoint()}
	c.config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	account := r.Put(standin.Account{Username: "someone", Email: "someone@example.com", Verified: true, Name: "Some One"})
	if _, err := c.config.Exchange(t.Context(), c.pick(t, account), oauth2.VerifierOption(oauth2.GenerateVerifier())); err == nil {
		t.Error("a code serves without its verifier")
	}
	token := c.exchange(t, c.pick(t, account))
	c.wantIDToken(t, token, account)
	access, err := provider.Verifier(&oidc.Config{ClientID: r.ClientID}).Verify(t.Context(), token.AccessToken)
	if err != nil || access.Subject != account.Subject || token.RefreshToken == "" {
		t.Errorf("the access token: %v", err)
	}
}

// Pages of the client's own origin may ask for tokens, and no others.
func TestRealmAnswersItsOwnPages(t *testing.T) {
	r := startRealm(t, standin.Options{})
	for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": "", "": ""} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, r.URL+"/protocol/openid-connect/token", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", origin)
		res, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if have := res.Header.Get("Access-Control-Allow-Origin"); have != want {
			t.Errorf("pages of %q: Access-Control-Allow-Origin is %q", origin, have)
		}
	}
}

// A realm that was down is the same one again, and has other keys after a rotation.
func TestRealmComesBack(t *testing.T) {
	r := startRealm(t, standin.Options{})
	keys := r.URL + "/protocol/openid-connect/certs"
	before, _ := r.Key()
	r.Close()
	if res, err := http.Get(keys); err == nil {
		_ = res.Body.Close()
		t.Error("a realm that is down answers")
	}
	if err := r.Restart(); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(keys)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if after, _ := r.Key(); after != before || r.Fetches() != 1 {
		t.Errorf("after the restart the key is %s, was %s; %d fetches", after, before, r.Fetches())
	}
	if err := r.Rotate(); err != nil {
		t.Fatal(err)
	}
	if after, _ := r.Key(); after == before {
		t.Error("a rotation leaves the key")
	}
}

// Nobody else reaches a realm that lets anybody in.
func TestRealmListensOnLoopbackOnly(t *testing.T) {
	if _, err := standin.StartRealm(t.Context(), standin.Options{Host: "0.0.0.0"}, ""); err == nil {
		t.Error("a realm listens on every address")
	}
}

// The realm that is played is the one that people import.
func TestRealmIsThatOfTheFile(t *testing.T) {
	text, err := os.ReadFile("../../docs/development-realm.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Realm   string
		Clients []struct{ ClientID string }
		Users   []struct {
			Username, Email string
			RealmRoles      []string
			ClientRoles     map[string][]string
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	developer := file.Users[0]
	if file.Realm != standin.RealmName || file.Clients[0].ClientID != standin.RealmClient ||
		!slices.Equal(developer.RealmRoles, []string{standin.RealmRole}) || !slices.Equal(developer.ClientRoles[standin.RealmClient], []string{standin.ClientRole}) {
		t.Errorf("the file has the realm %s and %+v", file.Realm, developer)
	}
	r := startRealm(t, standin.Options{})
	res, err := http.PostForm(r.URL+"/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {r.ClientID}, "username": {developer.Username}, "password": {developer.Username},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("%s gets no token: %d", developer.Username, res.StatusCode)
	}
}
