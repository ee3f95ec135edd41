package standin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"fastman/conformance/standin"
)

const callback = "https://app.example/auth/callback"

// A developer signs in at each stand-in with the clients that Go apps use.
func TestSignsIn(t *testing.T) {
	all := start(t, standin.Options{})
	for _, p := range all.All() {
		t.Run(p.Name, func(t *testing.T) {
			account := p.Put(standin.Account{Email: "someone@example.com", Verified: true, Name: "Some One", Username: "someone"})
			c := newClient(t, p)
			token := c.exchange(t, c.pick(t, account))
			if p.Name == "google" || p.Name == "oidc" {
				c.wantIDToken(t, token, account)
				return
			}
			c.wantUser(t, token, account)
		})
	}
}

// client is an app of one provider.
type client struct {
	p        *standin.Provider
	config   oauth2.Config
	provider *oidc.Provider
	verifier string
}

func start(t *testing.T, options standin.Options) *standin.Providers {
	t.Helper()
	all, err := standin.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	all.AllowCallbacks("https://app.example/auth")
	return all
}

func newClient(t *testing.T, p *standin.Provider) *client {
	t.Helper()
	c := &client{p: p, verifier: oauth2.GenerateVerifier()}
	c.config = oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: callback}
	switch p.Name {
	case "github":
		c.config.Scopes = []string{"read:user", "user:email"}
		c.config.Endpoint = oauth2.Endpoint{AuthURL: p.URL + "/login/oauth/authorize", TokenURL: p.URL + "/login/oauth/access_token"}
	case "discord":
		c.config.Scopes = []string{"identify", "email"}
		c.config.Endpoint = oauth2.Endpoint{AuthURL: p.URL + "/oauth2/authorize", TokenURL: p.URL + "/api/oauth2/token"}
	default:
		provider, err := oidc.NewProvider(t.Context(), p.URL)
		if err != nil {
			t.Fatal(err)
		}
		c.provider, c.config.Scopes, c.config.Endpoint = provider, []string{"openid", "email", "profile"}, provider.Endpoint()
	}
	c.config.Endpoint.AuthStyle = oauth2.AuthStyleInParams // else it tries both ways
	return c
}

func (c *client) address() string {
	return c.config.AuthCodeURL("the-state", oauth2.S256ChallengeOption(c.verifier), oidc.Nonce("the-nonce"))
}

var browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// press is the browser on the page at address. It returns where it is sent.
func press(t *testing.T, address string, form url.Values) (int, url.Values) {
	t.Helper()
	res, err := browser.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	to, err := url.Parse(res.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == http.StatusFound && !strings.HasPrefix(to.String(), callback+"?") {
		t.Errorf("the browser is sent to %s", to)
	}
	return res.StatusCode, to.Query()
}

// pick chooses the account, and returns the code.
func (c *client) pick(t *testing.T, account standin.Account) string {
	t.Helper()
	status, query := press(t, c.address(), url.Values{"account": {account.Subject}})
	if status != http.StatusFound || query.Get("state") != "the-state" || query.Get("code") == "" {
		t.Fatalf("the choice answers %d with %v", status, query)
	}
	if iss := query.Get("iss"); c.p.Name == "oidc" && iss != c.p.URL {
		t.Errorf("iss in the callback is %q", iss)
	}
	return query.Get("code")
}

func (c *client) exchange(t *testing.T, code string) *oauth2.Token {
	t.Helper()
	token, err := c.config.Exchange(t.Context(), code, oauth2.VerifierOption(c.verifier))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (c *client) verify(ctx context.Context, token *oauth2.Token) (*oidc.IDToken, error) {
	raw, _ := token.Extra("id_token").(string)
	return c.provider.Verifier(&oidc.Config{ClientID: c.p.ClientID}).Verify(ctx, raw)
}

func (c *client) wantIDToken(t *testing.T, token *oauth2.Token, account standin.Account) {
	t.Helper()
	id, err := c.verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Email    string
		Verified bool `json:"email_verified"`
		Name     string
	}
	if err := id.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if id.Subject != account.Subject || id.Nonce != "the-nonce" || claims.Email != account.Email || !claims.Verified || claims.Name != account.Name {
		t.Errorf("the id_token says %+v %+v", id, claims)
	}
	user, err := c.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	if err != nil || user.Subject != account.Subject || user.Email != account.Email || !user.EmailVerified {
		t.Errorf("userinfo says %+v, %v", user, err)
	}
}

func (c *client) wantUser(t *testing.T, token *oauth2.Token, account standin.Account) {
	t.Helper()
	path := map[string]string{"github": "/api/v3/user", "discord": "/api/users/@me"}[c.p.Name]
	user := c.object(t, token, path)
	name := map[string]string{"github": "login", "discord": "username"}[c.p.Name]
	if user[name] != account.Username || user["email"] != account.Email {
		t.Errorf("%s says %v", path, user)
	}
	if id, _ := json.Marshal(user["id"]); strings.Trim(string(id), `"`) != account.Subject {
		t.Errorf("the id is %s, want %s", id, account.Subject)
	}
}

func (c *client) object(t *testing.T, token *oauth2.Token, path string) map[string]any {
	t.Helper()
	res, err := c.config.Client(t.Context(), token).Get(c.p.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	decoder := json.NewDecoder(res.Body)
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d, %v", path, res.StatusCode, err)
	}
	return fields
}

// GitHub keeps a private address out of /user, and tells it at /user/emails.
func TestPrivateEmail(t *testing.T) {
	p := start(t, standin.Options{}).GitHub
	account := p.Put(standin.Account{Email: "private@example.com", Verified: true, PrivateEmail: true, Username: "private",
		MoreEmails: []standin.Email{{Email: "old@example.com", Verified: true}}})
	c := newClient(t, p)
	token := c.exchange(t, c.pick(t, account))
	if user := c.object(t, token, "/api/v3/user"); user["email"] != nil || user["name"] != nil {
		t.Errorf("/user says %v", user)
	}
	res, err := c.config.Client(t.Context(), token).Get(p.URL + "/api/v3/user/emails")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var emails []standin.Email
	if err := json.NewDecoder(res.Body).Decode(&emails); err != nil || len(emails) != 2 || !emails[1].Primary || emails[0].Primary {
		t.Errorf("/user/emails says %v, %v", emails, err)
	}
}

// GitHub answers with a form unless asked for JSON, and with 200 also when it refuses.
func TestGitHubAnswers(t *testing.T) {
	p := start(t, standin.Options{}).GitHub
	for accept, contentType := range map[string]string{"": "application/x-www-form-urlencoded", "application/json": "application/json"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/login/oauth/access_token",
			strings.NewReader(url.Values{"client_id": {p.ClientID}, "client_secret": {p.ClientSecret}, "code": {"wrong"}}.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Accept", accept)
		res, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), contentType) || !strings.Contains(string(body), "bad_verification_code") {
			t.Errorf("Accept %q: %d %s %s", accept, res.StatusCode, res.Header.Get("Content-Type"), body)
		}
	}
}

// A code serves once, to the client that it was made for, for its redirect address and
// with the verifier of its challenge.
func TestCodesAreBound(t *testing.T) {
	for _, p := range start(t, standin.Options{}).All() {
		t.Run(p.Name, func(t *testing.T) {
			account := p.Put(standin.Account{Email: "a@example.com", Username: "a"})
			for what, change := range map[string]func(*client){
				"another verifier":         func(c *client) { c.verifier = oauth2.GenerateVerifier() },
				"no verifier":              func(c *client) { c.verifier = "" },
				"another redirect address": func(c *client) { c.config.RedirectURL += "/" + p.Name },
				"another client":           func(c *client) { c.config.ClientID = "other" },
				"Basic with another secret": func(c *client) {
					c.config.Endpoint.AuthStyle, c.config.ClientSecret = oauth2.AuthStyleInHeader, "other"
				},
				"another secret": func(c *client) { c.config.ClientSecret = "other" },
			} {
				c := newClient(t, p)
				code := c.pick(t, account)
				change(c)
				if _, err := c.config.Exchange(t.Context(), code, oauth2.VerifierOption(c.verifier)); err == nil {
					t.Errorf("the token endpoint takes a code with %s", what)
				}
			}
			c := newClient(t, p)
			c.config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
			code := c.pick(t, account)
			c.exchange(t, code)
			if _, err := c.config.Exchange(t.Context(), code, oauth2.VerifierOption(c.verifier)); err == nil {
				t.Errorf("a code serves twice")
			}
		})
	}
}

// A client without PKCE or with another redirect address gets no code.
func TestRefusesToAuthorize(t *testing.T) {
	for _, p := range start(t, standin.Options{}).All() {
		account := p.Put(standin.Account{Username: "a"})
		for _, c := range []struct {
			name, value string
			status      int
			err         string
		}{
			{"code_challenge", "", http.StatusFound, "invalid_request"},
			{"code_challenge_method", "plain", http.StatusFound, "invalid_request"},
			{"response_type", "token", http.StatusFound, "unsupported_response_type"},
			{"scope", "openid", http.StatusFound, "invalid_scope"},
			{"redirect_uri", callback + "?x", http.StatusBadRequest, ""},
			{"redirect_uri", "https://evil.example/auth/callback", http.StatusBadRequest, ""},
			{"client_id", "other", http.StatusBadRequest, ""},
		} {
			address, _ := url.Parse(newClient(t, p).address())
			query := address.Query()
			query.Set(c.name, c.value)
			address.RawQuery = query.Encode()
			status, sent := press(t, address.String(), url.Values{"account": {account.Subject}})
			if status != c.status || sent.Get("error") != c.err || sent.Has("code") {
				t.Errorf("%s with %s=%s: %d %v", p.Name, c.name, c.value, status, sent)
			}
		}
		if _, sent := press(t, newClient(t, p).address(), url.Values{"cancel": {"1"}}); sent.Get("error") != "access_denied" || sent.Get("state") != "the-state" {
			t.Errorf("%s: who cancels is sent back with %v", p.Name, sent)
		}
	}
}

// The page says that it is no real provider, and offers each account as a button.
func TestPage(t *testing.T) {
	for _, p := range start(t, standin.Options{}).All() {
		p.Put(standin.Account{Subject: "1", Name: `<b>"bold"</b>`, Email: "b@example.com"})
		res, err := browser.Get(newClient(t, p).address())
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		for _, text := range []string{`role="note">local stand-in, not a real provider<`, `<button name="account" value="1">`, "developer@" + p.Name + ".example.com", "&lt;b&gt;", `name="cancel"`, `<html lang="en">`} {
			if !strings.Contains(string(body), text) {
				t.Errorf("the page of %s lacks %s:\n%s", p.Name, text, body)
			}
		}
	}
}

// Forged id_tokens are of the kind that a good client refuses, and keys rotate.
func TestForgeries(t *testing.T) {
	p := start(t, standin.Options{}).Google
	account := p.Put(standin.Account{Email: "a@example.com"})
	c := newClient(t, p)
	attempt := func() error {
		_, err := c.verify(t.Context(), c.exchange(t, c.pick(t, account)))
		return err
	}
	wrong, err := p.WrongKey()
	if err != nil {
		t.Fatal(err)
	}
	own, err := p.OwnKey()
	if err != nil {
		t.Fatal(err)
	}
	forgeries := append(p.HS256(), wrong, own, standin.AlgNone, standin.Unsigned, standin.Damaged,
		standin.Claim("aud", "other"), standin.Claim("iss", "https://evil.example"), standin.Claim("exp", 1))
	for i, forge := range forgeries {
		mend := p.Forge(forge)
		if attempt() == nil {
			t.Errorf("forgery %d is no forgery", i)
		}
		mend()
	}
	for range 2 {
		if err := attempt(); err != nil {
			t.Errorf("after the forgeries, and after new keys: %v", err)
		}
		if err := p.Rotate(); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.Requests(standin.Token)) < len(forgeries) || p.Requests(standin.Token)[0].Form.Get("code_verifier") != c.verifier {
		t.Errorf("the requests were not kept")
	}
}

// An endpoint that hangs does so until it is released, and those that are broken
// answer what they were told to.
func TestFaults(t *testing.T) {
	p := start(t, standin.Options{}).Discord
	account := p.Put(standin.Account{Email: "a@example.com", Username: "a"})
	c := newClient(t, p)
	hanging := p.Hang(standin.Token)
	code, failed := c.pick(t, account), make(chan error)
	go func() {
		_, err := c.config.Exchange(t.Context(), code, oauth2.VerifierOption(c.verifier))
		failed <- err
	}()
	for hanging.Waiting() == 0 {
		select {
		case err := <-failed:
			t.Fatalf("the token endpoint does not hang: %v", err)
		default:
		}
	}
	hanging.Release()
	if <-failed == nil {
		t.Errorf("what hung has answered")
	}
	mend := p.Break(standin.User, standin.Status(http.StatusInternalServerError))
	token := c.exchange(t, c.pick(t, account))
	res, err := c.config.Client(t.Context(), token).Get(p.URL + "/api/users/@me")
	if err != nil || res.StatusCode != http.StatusInternalServerError {
		t.Errorf("a broken endpoint answers %v, %v", res, err)
	}
	mend()
	c.wantUser(t, token, account)
}

// A stand-in on an address that others can reach is not started.
func TestListensOnLoopbackOnly(t *testing.T) {
	for _, host := range []string{"0.0.0.0", "::", "192.168.0.1", "localhost", "example.com"} {
		if _, err := standin.Start(t.Context(), standin.Options{Host: host}); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("a stand-in on %s: %v", host, err)
		}
	}
}

// With TLS, the addresses are https and serve whoever trusts the certificate.
func TestTLS(t *testing.T) {
	all := start(t, standin.Options{TLS: true})
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(all.CertPEM)
	safe := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	if _, err := oidc.NewProvider(oidc.ClientContext(t.Context(), safe), all.OIDC.URL); err != nil || !strings.HasPrefix(all.OIDC.URL, "https://127.0.0.1:") {
		t.Errorf("discovery at %s: %v", all.OIDC.URL, err)
	}
}

// An app is told by the names of its settings, those of its first provider without a name.
func TestEnv(t *testing.T) {
	all := start(t, standin.Options{})
	env := all.Env("google", "github", "discord", "oidc")
	for name, value := range map[string]string{
		"OAUTH_CLIENT_ID": all.Google.ClientID, "OAUTH_GOOGLE_URL": all.Google.URL,
		"OAUTH_GITHUB_CLIENT_SECRET": all.GitHub.ClientSecret, "OAUTH_GITHUB_URL": all.GitHub.URL,
		"OAUTH_DISCORD_CLIENT_ID": all.Discord.ClientID, "OAUTH_OIDC_ISSUER": all.OIDC.URL,
	} {
		if env[name] != value || value == "" {
			t.Errorf("%s is %q, want %q", name, env[name], value)
		}
	}
	if first := all.Env("discord"); first["OAUTH_CLIENT_ID"] != all.Discord.ClientID || first["OAUTH_DISCORD_CLIENT_ID"] != "" {
		t.Errorf("of Discord alone: %v", first)
	}
}
