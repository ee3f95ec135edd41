package standin

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// keycloak answers as Keycloak 26 does, below path.
func keycloak(path string) dialect {
	realm := path + "/realms/" + RealmName
	protocol := realm + "/protocol/openid-connect"
	return dialect{
		name: nameKeycloak, title: "Keycloak", path: realm, openID: true, sendsI: true,
		paths: map[Endpoint]string{
			Discovery: realm + "/.well-known/openid-configuration", Keys: protocol + "/certs",
			Authorize: protocol + "/auth", Token: protocol + "/token", User: protocol + "/userinfo",
		},
		serve: map[Endpoint]func(*Provider, http.ResponseWriter, *http.Request){
			Discovery: discover, Keys: realmKeys, Authorize: authorize, Token: realmToken, User: userinfo,
		},
		number: uuid,
	}
}

func uuid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// encryption is the key for encrypting of all realms, which signs nothing.
var encryption = sync.OnceValues(newKey)

// EncryptionKey signs by the key that is published for encrypting, under its name.
func (r *Realm) EncryptionKey() (id string, sign func(input string) []byte, err error) {
	k, err := encryption()
	if err != nil {
		return "", nil, err
	}
	return k.id, k.sign, nil
}

// realmKeys answers the keys that sign, and one that encrypts.
func realmKeys(p *Provider, w http.ResponseWriter, _ *http.Request) {
	other, err := encryption()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	encrypts := other.public()
	encrypts["use"], encrypts["alg"] = "enc", "RSA-OAEP"
	keys := []map[string]string{encrypts}
	p.mu.Lock()
	for _, k := range p.keys {
		keys = append(keys, k.public())
	}
	p.mu.Unlock()
	answer := map[string]any{"keys": keys}
	p.change(Keys, answer)
	answerJSON(w, http.StatusOK, answer)
}

// realmToken answers a code, or a name (RFC 6749, section 4.3), with tokens. A page of
// the client's own origin may ask: Swagger does.
func realmToken(p *Provider, w http.ResponseWriter, r *http.Request) {
	if origin := r.Header.Get("Origin"); p.ownOrigin(origin) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Requested-With")
		w.Header().Set("Vary", "Origin")
	}
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	client, given, refused := p.realmGrant(r)
	if refused != nil {
		answerJSON(w, refused.status, map[string]string{"error": refused.code})
		return
	}
	answer := p.realmTokens(client, given)
	p.change(Token, answer)
	answerJSON(w, http.StatusOK, answer)
}

// ownOrigin is whether pages of an origin get codes of the client.
func (p *Provider) ownOrigin(origin string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.redirects, func(address string) bool {
		u, err := url.Parse(address)
		return err == nil && origin == u.Scheme+"://"+u.Host
	})
}

func (p *Provider) realmGrant(r *http.Request) (client string, given grant, refused *tokenError) {
	if r.PostForm.Get("grant_type") != "password" {
		given, refused = p.exchange(r)
		return p.ClientID, given, refused
	}
	client = r.PostForm.Get("client_id")
	p.mu.Lock()
	defer p.mu.Unlock()
	named := func(a Account) bool { return a.Username == r.PostForm.Get("username") }
	i := slices.IndexFunc(p.accounts, named)
	if i < 0 || client != p.ClientID && client != OtherClient {
		return "", grant{}, errGrant
	}
	return client, grant{account: p.accounts[i], scopes: strings.Fields(r.PostForm.Get("scope"))}, nil
}

// lifespan is how long Keycloak's access tokens are good for unless somebody changes it.
const lifespan = 5 * time.Minute

// realmTokens are what a client is given for one grant.
func (p *Provider) realmTokens(client string, given grant) map[string]any {
	common := map[string]any{
		"iss": p.URL, "sub": given.account.Subject, "azp": client, "sid": rand.Text(), "iat": time.Now().Unix(),
		"exp": time.Now().Add(lifespan).Unix(), "scope": "openid email profile",
	}
	tokenOf := func(kind string, more map[string]any) string {
		claims := maps.Clone(common)
		claims["jti"], claims["typ"] = rand.Text(), kind
		maps.Copy(claims, more)
		return p.signed(claims)
	}
	person := realmPerson(given.account)
	id := maps.Clone(person)
	id["aud"], id["auth_time"], id["nonce"] = client, common["iat"], given.nonce
	answer := map[string]any{
		"access_token":  tokenOf("Bearer", p.realmAccess(client, given.account, person)),
		"refresh_token": tokenOf("Refresh", map[string]any{"aud": p.URL}),
		"id_token":      tokenOf("ID", id),
		"token_type":    "Bearer", "expires_in": int(lifespan.Seconds()), "refresh_expires_in": 1800, "scope": common["scope"],
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	access, _ := answer["access_token"].(string)
	given.until = time.Now().Add(lifespan)
	p.tokens[access] = given
	return answer
}

// realmAccess is what only an access token says.
func (p *Provider) realmAccess(client string, account Account, person map[string]any) map[string]any {
	claims := maps.Clone(person)
	roles := append([]string{"default-roles-" + RealmName, "offline_access", "uma_authorization"}, account.Roles...)
	of := map[string]any{"account": map[string]any{"roles": []string{"manage-account", "view-profile"}}}
	claims["aud"] = "account"
	if len(account.ClientRoles) > 0 {
		of[p.ClientID] = map[string]any{"roles": account.ClientRoles}
	}
	if client == p.ClientID || len(account.ClientRoles) > 0 {
		claims["aud"] = []string{p.ClientID, "account"}
	}
	claims["realm_access"], claims["resource_access"] = map[string]any{"roles": roles}, of
	claims["auth_time"], claims["acr"] = time.Now().Unix(), "1"
	return claims
}

func realmPerson(account Account) map[string]any {
	claims := map[string]any{"preferred_username": account.Username, "email_verified": account.Verified}
	given, family, _ := strings.Cut(account.Name, " ")
	for name, value := range map[string]string{"email": account.Email, "name": account.Name, "given_name": given, "family_name": family} {
		if value != "" {
			claims[name] = value
		}
	}
	return claims
}

// signed makes a token of claims, and remembers it.
func (p *Provider) signed(claims map[string]any) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	signing := p.keys[len(p.keys)-1]
	token := &IDToken{Header: map[string]any{"alg": "RS256", "typ": "JWT", "kid": signing.id}, Claims: claims, Sign: signing.sign}
	text := token.text()
	p.secrets = append(p.secrets, text)
	return text
}
