package conformance

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"fastman/conformance/standin"
)

// Realm is a realm of Keycloak whose tokens the app takes: a real server's, or a
// stand-in's. It is the one of docs/development-realm.json with somebody besides, who has
// no roles, and a second client, whose tokens are not for the app.
type Realm struct {
	URL          string // KEYCLOAK_URL
	Name         string
	ClientID     string
	ClientSecret string
	// Key returns what the realm signs with, so that a case can make a token that is
	// wrong in one point and in nothing else.
	Key func() *rsa.PrivateKey
	// Other is another realm of the same server, with the same clients and users.
	Other *Realm
	// Standin can be broken; it is nil for a real server.
	Standin *standin.Realm

	roots *x509.CertPool // nil for those of the system
}

// StandinRealm is the realm that a stand-in plays. Another one has to be given.
func StandinRealm(r *standin.Realm) *Realm {
	return &Realm{
		URL: r.Base, Name: standin.RealmName, ClientID: r.ClientID, ClientSecret: r.ClientSecret, Standin: r, roots: r.Roots(),
		Key: func() *rsa.PrivateKey {
			_, private := r.Key()
			return private
		},
	}
}

// Env is what an app must be told to take the realm's tokens.
func (r *Realm) Env() map[string]string {
	return map[string]string{
		"KEYCLOAK_URL": r.URL, "KEYCLOAK_REALM": r.Name, "KEYCLOAK_CLIENT_ID": r.ClientID, "KEYCLOAK_CLIENT_SECRET": r.ClientSecret,
	}
}

func (r *Realm) issuer() string { return r.URL + "/realms/" + r.Name }

func (r *Realm) endpoint(name string) string { return r.issuer() + "/protocol/openid-connect/" + name }

// The users of every realm. Their passwords are their names.
const (
	developer = "developer" // has the role admin, and of the client the role editor
	somebody  = "somebody"
)

// ssoTokens are what a realm gives for one sign-in.
type ssoTokens struct{ access, refresh, id string }

// issued asks the realm for the tokens of a user by a client.
func (t *T) issued(r *Realm, client, user string) ssoTokens {
	form := url.Values{
		"grant_type": {"password"}, "client_id": {client}, "username": {user}, "password": {user}, "scope": {"openid email profile"},
	}
	answer, err := r.ask("token", form)
	if err != nil {
		t.Fatalf("the realm %s gives %s no token: %v", r.Name, user, err)
	}
	return ssoTokens{answer["access_token"], answer["refresh_token"], answer["id_token"]}
}

// ask posts a form, and returns the texts of the JSON object that comes back.
func (r *Realm) ask(endpoint string, form url.Values) (map[string]string, error) {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: r.roots}}
	client := &http.Client{Timeout: 30 * time.Second, Transport: transport}
	res, err := client.PostForm(r.endpoint(endpoint), form)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %s (%v)", res.StatusCode, excerpt(body), err)
	}
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for name, value := range fields {
		texts[name], _ = value.(string)
	}
	return texts, nil
}

// ssoToken is an access token of the realm, ready to be changed and signed again.
func (t *T) ssoToken(user string) token {
	r := t.target.Realm
	header, claims, err := parseToken(t.issued(r, r.ClientID, user).access)
	if err != nil {
		t.Fatalf("the realm's access token: %v", err)
	}
	return token{header, claims}
}

// arrival is a token of somebody new, who has no roles.
func (t *T) arrival() token {
	return t.as(t.ssoToken(somebody))
}

// as is the token in the name of somebody whom the app has never seen.
func (t *T) as(k token) token {
	name := unique()
	return k.claim("sub", subject()).claim("email", name+"@example.com").claim("email_verified", true).
		claim("preferred_username", name).claim("name", "Name of "+name)
}

func subject() string {
	text := strings.ToLower(rand.Text())
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// sealed is the token as the realm signs it.
func (t *T) sealed(k token) string { return k.signedWith(rs256(t.target.Realm.Key())) }

// ownRealm starts the app again with a stand-in realm that nobody else uses, once
// prepare has been at it.
func (t *T) ownRealm(options standin.Options, path string, prepare func(*standin.Realm), more ...string) (*T, *standin.Realm) {
	own, err := standin.StartRealm(t, options, path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.defers(own.Close)
	if prepare != nil {
		prepare(own)
	}
	realm := StandinRealm(own)
	env := realm.Env()
	for i := 0; i < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	app := t.boot(env)
	app.target.Realm = realm
	return app, own
}
