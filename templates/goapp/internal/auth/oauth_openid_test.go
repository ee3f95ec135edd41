// fastman: file google or oidc
package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"
)

// issuer is an OpenID provider as far as an id_token needs one.
type issuer struct {
	*httptest.Server
	key      *rsa.PrivateKey
	kid      string
	metadata map[string]any // besides what every issuer says
	userInfo map[string]any
	asked    atomic.Int64 // for what it says of itself
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{metadata: map[string]any{}}
	i.rotate(t)
	mux := http.NewServeMux()
	for path, answer := range map[string]func() any{"/.well-known/openid-configuration": i.describe, "/keys": i.keys, "/userinfo": func() any { return i.userInfo }} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer())
		})
	}
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) rotate(t *testing.T) {
	t.Helper()
	var err error
	if i.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	i.kid = randomText(4)
}

func (i *issuer) describe() any {
	i.asked.Add(1)
	all := map[string]any{"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
		"jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}}
	for name, value := range i.metadata {
		all[name] = value
	}
	return all
}

func (i *issuer) keys() any {
	number := func(n *big.Int) string { return base64url.EncodeToString(n.Bytes()) }
	return map[string]any{"keys": []object{{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": i.kid,
		"n": number(i.key.N), "e": number(big.NewInt(int64(i.key.E)))}}}
}

// claims are those of a token that is right, with changes.
func (i *issuer) claims(changes object) jwt.MapClaims {
	all := jwt.MapClaims{"iss": i.URL, "aud": "us", "sub": "7", "nonce": "n", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"email": "ann@example.com", "email_verified": true, "name": "Ann", "picture": "https://example.com/ann.png"}
	for name, value := range changes {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

func (i *issuer) sign(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) *oauth2.Token {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = i.kid
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return (&oauth2.Token{AccessToken: "x"}).WithExtra(map[string]any{"id_token": text})
}

// open is our side of the issuer.
func (i *issuer) open() *openID {
	return newOpenID(OAuthClient{ID: "us", Secret: "a secret", Site: i.URL}, newCalls())
}

// Whoever the issuer vouches for is who they say; a new key of it is found.
func TestIDToken(t *testing.T) {
	i := newIssuer(t)
	ours := i.open()
	for range 2 {
		who, err := ours.profile(t.Context(), i.sign(t, jwt.SigningMethodRS256, i.key, i.claims(object{"azp": "us"})), authorization{Nonce: "n"})
		if err != nil || who.subject != "7" || who.email != "ann@example.com" || who.name != "Ann" || who.avatarURL != "https://example.com/ann.png" {
			t.Fatalf("%+v (%v)", who, err)
		}
		i.rotate(t)
	}
	if asked := i.asked.Load(); asked != 1 {
		t.Errorf("the issuer was asked %d times", asked)
	}
}

// A token that anything is wrong with stands for nobody, and the log says what it is.
func TestForgedIDTokens(t *testing.T) {
	i := newIssuer(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := i.claims(nil)
	try := func(name, problem string, token *oauth2.Token) {
		who, err := i.open().profile(t.Context(), token, authorization{Nonce: "n"})
		if err == nil {
			_, err = who.clean(false)
		}
		if failed, ok := errors.AsType[failure](err); !ok || failed.problem != problem {
			t.Errorf("%s: %+v (%v)", name, who, err)
		}
	}
	try("none at all", "header", &oauth2.Token{AccessToken: "x"})
	try("alg none", "header", i.sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good))
	try("HS256 by the public key", "header", i.sign(t, jwt.SigningMethodHS256, i.key.N.Bytes(), good))
	try("an algorithm that is not named", "header", i.sign(t, jwt.SigningMethodRS512, i.key, good))
	try("another key", "signature", i.sign(t, jwt.SigningMethodRS256, other, good))
	for name, c := range map[string]struct {
		problem string
		changes object
	}{
		"no subject":                      {"it is empty, too long or no text", object{"sub": nil}},
		"another issuer":                  {"iss", object{"iss": "https://example.com"}},
		"another audience":                {"aud", object{"aud": "them"}},
		"no audience":                     {"aud", object{"aud": nil}},
		"another nonce":                   {"nonce", object{"nonce": "m"}},
		"no nonce":                        {"nonce", object{"nonce": nil}},
		"authorized for another":          {"azp", object{"azp": "them"}},
		"of two audiences, for neither":   {"azp", object{"aud": []string{"us", "them"}}},
		"of two audiences, for the other": {"azp", object{"aud": []string{"us", "them"}, "azp": "them"}},
		"over":                            {"exp", object{"exp": time.Now().Unix() - 1}},
		"without end":                     {"exp", object{"exp": nil}},
		"without beginning":               {"iat or nbf", object{"iat": nil}},
		"of tomorrow":                     {"iat or nbf", object{"iat": time.Now().Add(time.Hour).Unix()}},
		"for later":                       {"iat or nbf", object{"nbf": time.Now().Add(2 * time.Minute).Unix()}},
	} {
		try(name, c.problem, i.sign(t, jwt.SigningMethodRS256, i.key, i.claims(c.changes)))
	}
}

// An address counts that the issuer says is verified, in the id_token or in userinfo,
// which has to be about the same user.
func TestOpenIDAddress(t *testing.T) {
	i := newIssuer(t)
	i.metadata["userinfo_endpoint"] = i.URL + "/userinfo"
	for _, c := range []struct {
		claims, userInfo object
		email            string
		fails            bool
	}{
		{claims: object{"email_verified": false}},
		{claims: object{"email_verified": "true"}},
		{claims: object{"email_verified": nil}},
		// fastman: if oidc
		{claims: object{"email_verified": nil, "xms_edov": true}, email: "ann@example.com"},
		{claims: object{"email_verified": nil, "xms_edov": "1"}, email: "ann@example.com"},
		{claims: object{"email_verified": nil, "xms_edov": false}},
		// fastman: end
		{claims: object{"email": nil}, userInfo: object{"sub": "7", "email": "a@example.com", "email_verified": true}, email: "a@example.com"},
		{claims: object{"email": nil}, userInfo: object{"sub": "8", "email": "a@example.com", "email_verified": true}, fails: true},
		{claims: object{"email": nil}, userInfo: object{"sub": "7"}},
	} {
		i.userInfo = c.userInfo
		who, err := i.open().profile(t.Context(), i.sign(t, jwt.SigningMethodRS256, i.key, i.claims(c.claims)), authorization{Nonce: "n"})
		if (err != nil) != c.fails || who.email != c.email {
			t.Errorf("%v %v: %q (%v)", c.claims, c.userInfo, who.email, err)
		}
	}
}

// What an issuer says of itself is taken only from the issuer, and only for addresses
// that nobody on the way can change.
func TestDiscovery(t *testing.T) {
	for name, value := range map[string]any{
		"issuer":                 "https://example.com",
		"authorization_endpoint": "http://example.com/authorize",
		"token_endpoint":         "http://169.254.169.254/token",
		"jwks_uri":               "file:///etc/passwd",
		"userinfo_endpoint":      "http://10.0.0.1/",
	} {
		i := newIssuer(t)
		i.metadata[name] = value
		if where, err := i.open().server(t.Context()); err == nil {
			t.Errorf("%s: %+v", name, where)
		}
	}
	i := newIssuer(t)
	i.metadata["authorization_response_iss_parameter_supported"] = true
	i.metadata["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
	where, err := i.open().server(t.Context())
	if err != nil || where.issuer != i.URL || where.AuthStyle != oauth2.AuthStyleInParams {
		t.Errorf("%+v (%v)", where, err)
	}
}

// fastman: if google
// Google gives out the addresses of Gmail and of its Workspaces, and no others.
func TestGoogleAddresses(t *testing.T) {
	i := newIssuer(t)
	ours := newGoogle(OAuthClient{ID: "us", Secret: "a secret", Site: i.URL}, newCalls())
	for _, c := range []struct {
		claims object
		own    bool
	}{
		{object{"email": "Ann@Gmail.com"}, true},
		{object{"hd": "example.com"}, true},
		{object{}, false},
		{object{"email": "ann@gmail.com.example.com"}, false},
		{object{"email": "ann@gmail.com", "email_verified": false}, false},
	} {
		who, err := ours.profile(t.Context(), i.sign(t, jwt.SigningMethodRS256, i.key, i.claims(c.claims)), authorization{Nonce: "n"})
		if err != nil || who.authoritative != c.own {
			t.Errorf("%v: %v (%v)", c.claims, who.authoritative, err)
		}
	}
}

// fastman: end
