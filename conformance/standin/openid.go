package standin

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"time"
)

var openIDRoutes = map[Endpoint]func(*Provider, http.ResponseWriter, *http.Request){
	Discovery: discover, Keys: jwks, Authorize: authorize, Token: token, User: userinfo,
}

var google = dialect{
	name: nameGoogle, title: "Google", openID: true, scopes: []string{"openid", "email", "profile"},
	paths: map[Endpoint]string{
		Discovery: "/.well-known/openid-configuration", Keys: "/oauth2/v3/certs", Authorize: "/o/oauth2/v2/auth", Token: "/token", User: "/v1/userinfo",
	},
	serve: openIDRoutes, number: digits(21),
}

var oidc = dialect{
	name: nameOIDC, title: "OpenID Connect", path: "/tenant", openID: true, sendsI: true, scopes: []string{"openid", "email", "profile"},
	paths: map[Endpoint]string{
		Discovery: "/tenant/.well-known/openid-configuration", Keys: "/tenant/keys", Authorize: "/tenant/authorize", Token: "/tenant/token", User: "/tenant/userinfo",
	},
	serve: openIDRoutes, number: rand.Text,
}

// discover answers OpenID Connect Discovery 1.0, section 4.
func discover(p *Provider, w http.ResponseWriter, _ *http.Request) {
	answer := map[string]any{
		"issuer":                                p.URL,
		"authorization_endpoint":                p.address(Authorize),
		"token_endpoint":                        p.address(Token),
		"userinfo_endpoint":                     p.address(User),
		"jwks_uri":                              p.address(Keys),
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      p.kind.scopes,
		"token_endpoint_auth_methods_supported": p.AuthMethods,
		"code_challenge_methods_supported":      []string{"S256"},
		"claims_supported":                      []string{"aud", "email", "email_verified", "exp", "iat", "iss", "name", "picture", "sub"},
	}
	if p.kind.sendsI {
		answer["authorization_response_iss_parameter_supported"] = true
	}
	p.change(Discovery, answer)
	answerJSON(w, http.StatusOK, answer)
}

func (p *Provider) address(of Endpoint) string { return p.origin + p.kind.paths[of] }

func jwks(p *Provider, w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	keys := []map[string]string{}
	for _, k := range p.keys {
		keys = append(keys, k.public())
	}
	p.mu.Unlock()
	answerJSON(w, http.StatusOK, map[string]any{"keys": keys})
}

// IDToken is what is about to be signed, and the means to sign it.
type IDToken struct {
	Header, Claims map[string]any
	Sign           func(input string) []byte
}

// idToken makes the token of a sign-in, with the faults that were asked for.
func (p *Provider) idToken(given grant) string {
	p.mu.Lock()
	signing := p.keys[len(p.keys)-1]
	forge := p.faults.forge
	p.mu.Unlock()
	token := &IDToken{
		Header: map[string]any{"alg": "RS256", "kid": signing.id, "typ": "JWT"},
		Claims: p.claims(given),
		Sign:   signing.sign,
	}
	if forge != nil {
		forge(token)
	}
	text := token.text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets = append(p.secrets, text)
	return text
}

func (t *IDToken) text() string {
	header, _ := json.Marshal(t.Header)
	claims, _ := json.Marshal(t.Claims)
	input := b64.EncodeToString(header) + "." + b64.EncodeToString(claims)
	return input + "." + b64.EncodeToString(t.Sign(input))
}

func (p *Provider) claims(given grant) map[string]any {
	now := time.Now().Unix()
	claims := map[string]any{"iss": p.URL, "aud": p.ClientID, "azp": p.ClientID, "iat": now, "exp": now + 3600}
	if given.nonce != "" {
		claims["nonce"] = given.nonce
	}
	maps.Copy(claims, p.person(given))
	return claims
}

// person is what the scopes let a client know.
func (p *Provider) person(given grant) map[string]any {
	account, claims := given.account, map[string]any{"sub": given.account.Subject}
	if given.may("email") && account.Email != "" {
		claims["email"], claims["email_verified"] = account.Email, account.Verified
	}
	if given.may("profile") {
		for name, value := range map[string]string{"name": account.Name, "picture": account.Picture, "preferred_username": account.Username} {
			if value != "" {
				claims[name] = value
			}
		}
	}
	if p.Name == nameGoogle {
		delete(claims, "preferred_username")
		if account.HostedDomain != "" {
			claims["hd"] = account.HostedDomain
		}
	}
	return claims
}

func userinfo(p *Provider, w http.ResponseWriter, r *http.Request) {
	given, known := p.bearer(r)
	if !known {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		answerJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	answer := p.person(given)
	p.change(User, answer)
	answerJSON(w, http.StatusOK, answer)
}
