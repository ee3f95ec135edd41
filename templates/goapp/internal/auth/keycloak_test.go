// fastman: file keycloak
package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// realm is one of Keycloak, as far as its keys go. Tests reach it without a network.
type realm struct {
	t       *testing.T
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	answer  http.HandlerFunc // nil: the keys
	fetches atomic.Int64
}

// Keys are made once: they take long.
var (
	realmKey1 = sync.OnceValue(makeKey)
	realmKey2 = sync.OnceValue(makeKey)
)

func makeKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

const realmIssuer = "http://keycloak.example/realms/test"

func newRealm(t *testing.T) *realm {
	r := &realm{t: t}
	r.publish(jose.JSONWebKey{Key: realmKey1().Public(), KeyID: "one", Use: "sig", Algorithm: "RS256"})
	return r
}

func (r *realm) publish(keys ...jose.JSONWebKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = keys
}

func (r *realm) respond(answer http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *realm) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.fetches.Add(1)
	r.mu.Lock()
	answer, keys := r.answer, r.keys
	r.mu.Unlock()
	if answer != nil {
		answer(w, request)
		return
	}
	if request.URL.Path != "/realms/test/protocol/openid-connect/certs" {
		r.t.Errorf("%s is asked for", request.URL)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
}

// RoundTrip answers, unless whoever asks loses patience first.
func (r *realm) RoundTrip(request *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.ServeHTTP(w, request)
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// hang is an answer that never comes.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// visitor is what a test knows of a realm's tokens here.
type visitor struct {
	*keycloak
	log *logged
}

// visit makes what reads the tokens of a realm. No keys are fetched yet.
func (r *realm) visit() visitor {
	log := &logged{}
	k, err := newKeycloak(r.t.Context(), KeycloakConfig{URL: "http://keycloak.example", Realm: "test", ClientID: "app"},
		slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(k.keys.close)
	k.keys.client.Transport = r
	return visitor{k, log}
}

// status is the one that a guard would answer for a token.
func (v visitor) status(token string) int {
	_, err := v.read(context.Background(), token)
	told, ok := errors.AsType[*problem](err)
	switch {
	case err == nil:
		return 200
	case !ok:
		return 0
	}
	return told.status
}

// token is one that is good, until a test changes it.
type token struct {
	header, claims map[string]any
	key            any // nil: realmKey1
}

func goodToken() token {
	now := time.Now().Unix()
	return token{
		header: map[string]any{"alg": "RS256", "typ": "JWT", "kid": "one"},
		claims: map[string]any{
			"iss": realmIssuer, "aud": []string{"account", "app"}, "typ": "Bearer", "azp": "shop-web",
			"sub": "9c5f41d2", "jti": "1", "iat": now, "exp": now + 300,
			"email": "ann@example.com", "email_verified": true, "preferred_username": "ann", "name": "Ann",
			"realm_access":    map[string]any{"roles": []string{"staff", "admin"}},
			"resource_access": map[string]any{"app": map[string]any{"roles": []string{"editor", "admin"}}, "shop": map[string]any{"roles": []string{"buyer"}}},
		},
	}
}

// with sets a claim; nil takes it out.
func (t token) with(claim string, value any) token {
	t.claims = maps.Clone(t.claims)
	if t.claims[claim] = value; value == nil {
		delete(t.claims, claim)
	}
	return t
}

// under sets a field of the header.
func (t token) under(field string, value any) token {
	t.header = maps.Clone(t.header)
	if t.header[field] = value; value == nil {
		delete(t.header, field)
	}
	return t
}

func (t token) by(key any) token {
	t.key = key
	return t
}

func (t token) String() string {
	header, _ := json.Marshal(t.header)
	claims, _ := json.Marshal(t.claims)
	return t.sign(header, claims)
}

// sign signs what is not even JSON.
func (t token) sign(header, claims []byte) string {
	text := base64url.EncodeToString(header) + "." + base64url.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	switch key := t.key.(type) {
	case nil:
		signature, _ = rsa.SignPKCS1v15(nil, realmKey1(), crypto.SHA256, sum[:])
	case *rsa.PrivateKey:
		if signature, _ = rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:]); t.header["alg"] == "PS256" {
			signature, _ = rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 32})
		}
	case *ecdsa.PrivateKey:
		r, s, _ := ecdsa.Sign(rand.Reader, key, sum[:])
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		signature = mac.Sum(nil)
	}
	return text + "." + base64url.EncodeToString(signature)
}

// Whoever comes with a token of the realm is known by it.
func TestKeycloakToken(t *testing.T) {
	read, err := newRealm(t).visit().read(t.Context(), goodToken().String())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal(read.user)
	const want = `{"id":"9c5f41d2","email":"ann@example.com","username":"ann","name":"Ann","roles":["admin","editor","staff"]}`
	if err != nil || string(shown) != want {
		t.Errorf("%s (%v)", shown, err)
	}
	var claims struct{ Azp string }
	if err := read.user.Claims(&claims); err != nil || claims.Azp != "shop-web" {
		t.Errorf("claims: %+v, %v", claims, err)
	}
	if u := &read.user; !u.HasRoles("admin", "staff") || u.HasRoles("admin", "editor") || !u.HasClientRoles("shop", "buyer") || u.HasClientRoles("none", "buyer") {
		t.Error("roles are of the realm, or of their client")
	}
}

// Nobody gets in with a token that is not the realm's, not for this app, not of this time,
// or not what it should be. The log says why.
func TestKeycloakRefuses(t *testing.T) {
	_, _ = realmKey1(), realmKey2()
	public := x509.MarshalPKCS1PublicKey(&realmKey1().PublicKey)
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		good := goodToken()
		tampered := func(part int) string {
			parts := strings.Split(good.String(), ".")
			parts[part] = strings.Replace(parts[part], parts[part][5:6], string('A'+(parts[part][5]-'A'+1)%26), 1)
			return strings.Join(parts, ".")
		}
		header, _ := json.Marshal(good.header)
		claims, _ := json.Marshal(good.claims)
		twice := func(document []byte, more string) []byte {
			return []byte(strings.Replace(string(document), "{", "{"+more+",", 1))
		}
		whole := good.String()
		otherEnd := whole[:len(whole)-1] + string(whole[len(whole)-1]+1) // of bits that no byte has
		for name, c := range map[string]struct{ token, reason string }{
			"alg none":              {strings.Join(strings.Split(good.under("alg", "none").String(), ".")[:2], ".") + ".", "algorithm"},
			"alg none, signed":      {good.under("alg", "none").String(), "algorithm"},
			"HS256 by public key":   {good.under("alg", "HS256").by(public).String(), "algorithm"},
			"RS512":                 {good.under("alg", "RS512").String(), "algorithm"},
			"PS256 by an RS256 key": {good.under("alg", "PS256").by(realmKey1()).String(), "algorithm"},
			"ES256 by an RSA key":   {good.under("alg", "ES256").String(), "algorithm"},
			"another's key":         {good.by(realmKey2()).String(), "signature"},
			"no kid":                {good.under("kid", nil).String(), "key"},
			"a kid that is no text": {good.under("kid", 1).String(), "key"},
			"unknown kid":           {good.under("kid", "two").String(), "key"},
			"a key for encryption":  {good.under("kid", "enc").by(realmKey2()).String(), "key"},
			"changed claims":        {tampered(1), ""},
			"changed signature":     {tampered(2), "signature"},
			"another spelling":      {otherEnd, ""},
			"another realm":         {good.with("iss", "http://keycloak.example/realms/other").String(), "issuer"},
			"issuer with a slash":   {good.with("iss", realmIssuer+"/").String(), "issuer"},
			"no issuer":             {good.with("iss", nil).String(), "issuer"},
			"another client":        {good.with("aud", "account").String(), "audience"},
			"no audience":           {good.with("aud", nil).String(), "audience"},
			"a part of the name":    {good.with("aud", "app2").String(), "audience"},
			"an odd audience":       {good.with("aud", []any{"app", 1}).String(), "audience"},
			"an ID token":           {good.with("typ", "ID").String(), "type"},
			"a refresh token":       {good.with("typ", "Refresh").String(), "type"},
			"no type":               {good.with("typ", nil).String(), "type"},
			"over in this second":   {good.with("exp", now).String(), "expired"},
			"over for 5 s":          {good.with("exp", now-5).String(), "expired"},
			"never over":            {good.with("exp", nil).String(), "malformed"},
			"over at a text":        {good.with("exp", "9999999999").String(), "malformed"},
			"over far too late":     {good.with("exp", 1e300).String(), "malformed"},
			"of no time":            {good.with("iat", nil).String(), "malformed"},
			"of the future":         {good.with("iat", now+61).String(), "not_yet"},
			"not valid yet":         {good.with("nbf", now+61).String(), "not_yet"},
			"nobody's":              {good.with("sub", nil).String(), "subject"},
			"a number's":            {good.with("sub", 7).String(), "subject"},
			"a long name's":         {good.with("sub", strings.Repeat("é", 256)).String(), "subject"},
			"an extension":          {good.under("crit", []string{"exp"}).String(), "malformed"},
			"two algs":              {good.sign(twice(header, `"alg":"none"`), claims), "malformed"},
			"two issuers":           {good.sign(header, twice(claims, `"iss":"http://evil.example"`)), "malformed"},
			"two roles":             {good.sign(header, twice(claims, `"a":{"b":1,"b":2}`)), "malformed"},
			"no JSON":               {good.sign([]byte("header"), claims), "malformed"},
			"a list":                {good.sign(header, []byte("[]")), "malformed"},
			"null":                  {good.sign(header, []byte("null")), "malformed"},
			"garbage":               {"garbage", "malformed"},
			"five parts":            {whole + ".a.b", "malformed"},
			"a line end":            {whole + "\n", "malformed"},
			"1 MB":                  {good.with("pad", strings.Repeat("a", 1<<20)).String(), "malformed"},
			"over 16 KiB":           {good.with("pad", strings.Repeat("a", 13<<10)).String(), "malformed"},
		} {
			r := newRealm(t)
			r.publish(append(r.keys, jose.JSONWebKey{Key: realmKey2().Public(), KeyID: "enc", Use: "enc", Algorithm: "RSA-OAEP"})...)
			v := r.visit()
			if status := v.status(c.token); status != 401 {
				t.Errorf("%s: %d, want 401", name, status)
			}
			if line := v.log.String(); !strings.Contains(line, `auth.keycloak.refused reason="`+c.reason) {
				t.Errorf("%s: log %q, want %s", name, line, c.reason)
			}
		}
		for name, fine := range map[string]token{
			"a single audience": good.with("aud", "app"), "clocks that differ": good.with("iat", now+60).with("nbf", now+60),
			"a float": good.with("exp", float64(now)+1.5), "any typ of the header": good.under("typ", nil),
		} {
			if status := newRealm(t).visit().status(fine.String()); status != 200 {
				t.Errorf("%s: %d, want 200", name, status)
			}
		}
	})
}

// The log names what has to be set right where it is a setting, and never the token; a
// flood of tokens is no flood of lines.
func TestKeycloakHints(t *testing.T) {
	realmKey1()
	synctest.Test(t, func(t *testing.T) {
		v := newRealm(t).visit()
		long := goodToken().with("aud", strings.Repeat("ü", 500)+"\n").String()
		for range 100 {
			v.status(long)
		}
		line := v.log.String()
		if strings.Count(line, "\n") != 1 || strings.Count(line, "ü") != 200 || !strings.Contains(line, `expected="app"`) || !strings.Contains(line, "mapper of type Audience") {
			t.Errorf("%q", line)
		}
		if strings.Contains(line, long[20:60]) {
			t.Error("the token is in the log")
		}
		time.Sleep(refusalPause)
		if v.status(long); strings.Count(v.log.String(), "\n") != 2 {
			t.Error("after a while it is not said again")
		}
	})
}

// Every algorithm that a realm may be set to works, by the key that is for it.
func TestKeycloakAlgorithms(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := newRealm(t)
	r.publish(
		jose.JSONWebKey{Key: realmKey1().Public(), KeyID: "one"},
		jose.JSONWebKey{Key: realmKey2().Public(), KeyID: "two", Use: "sig", Algorithm: "PS256"},
		jose.JSONWebKey{Key: curve.Public(), KeyID: "curve", Use: "sig", Algorithm: "ES256"},
	)
	v := r.visit()
	good := goodToken()
	for name, c := range map[string]struct {
		token  token
		status int
	}{
		"RS256":              {good, 200},
		"PS256":              {good.under("alg", "PS256").under("kid", "two").by(realmKey2()), 200},
		"ES256":              {good.under("alg", "ES256").under("kid", "curve").by(curve), 200},
		"RS256, PS256's":     {good.under("kid", "two").by(realmKey2()), 401},
		"RS256, the curve's": {good.under("kid", "curve"), 401},
	} {
		if status := v.status(c.token.String()); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
	}
}

// A claim of roles that is no list of roles gives none.
func TestKeycloakMalformedRoles(t *testing.T) {
	v := newRealm(t).visit()
	for _, odd := range []any{nil, "admin", []string{"admin"}, map[string]any{"roles": "admin"}, map[string]any{"roles": []any{"admin", 1}}, map[string]any{"roles": map[string]any{"admin": true}}} {
		read, err := v.read(t.Context(), goodToken().with("realm_access", odd).with("resource_access", map[string]any{"app": odd}).with("email", odd).String())
		if err != nil || read.user.HasRoles("admin") || len(read.user.Roles) > 0 {
			t.Errorf("%v: %v, %v", odd, read.user.Roles, err)
		}
	}
	if read, err := v.read(t.Context(), goodToken().with("resource_access", []any{1}).String()); err != nil || !read.user.HasRoles("admin") {
		t.Errorf("%v, %v", read.user.Roles, err)
	}
}
