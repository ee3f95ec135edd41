package standin

import (
	"crypto/rand"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Provider is one stand-in. Its exported fields are set before the first request.
type Provider struct {
	Name         string // google, github, discord, oidc, keycloak
	URL          string // the issuer of an OpenID provider, the base address of the others
	ClientID     string
	ClientSecret string
	// AuthMethods are the ways in which a client may prove its secret:
	// client_secret_basic and client_secret_post, both of them by default; `none` is for
	// clients without one.
	AuthMethods []string

	kind   dialect
	origin string // URL without a path
	mux    *http.ServeMux

	mu        sync.Mutex
	accounts  []Account
	redirects []string
	grants    map[string]grant // by code
	tokens    map[string]grant // by access token
	secrets   []string         // codes and tokens that were handed out
	requests  []Request
	keys      []*key // the newest last; it signs
	faults    faults
}

// dialect is what sets one provider apart from the others.
type dialect struct {
	name   string
	title  string
	path   string   // of the issuer
	openID bool     // answers with an id_token
	sendsI bool     // sends iss with the code (RFC 9207)
	scopes []string // without which there is nothing to sign in by
	paths  map[Endpoint]string
	serve  map[Endpoint]func(*Provider, http.ResponseWriter, *http.Request)
	number func() string // makes up a subject
}

// The names by which fastman calls the providers.
const (
	nameGoogle   = "google"
	nameGitHub   = "github"
	nameDiscord  = "discord"
	nameOIDC     = "oidc"
	nameKeycloak = "keycloak"
)

// Endpoint is one of a provider's addresses.
type Endpoint string

const (
	Discovery Endpoint = "discovery"
	Keys      Endpoint = "keys"
	Authorize Endpoint = "authorize"
	Token     Endpoint = "token"
	User      Endpoint = "user" // userinfo, /user, /users/@me
	Emails    Endpoint = "emails"
)

// Account is somebody who can sign in at a provider.
type Account struct {
	Subject  string // digits only for GitHub and Discord
	Email    string // "" for none
	Verified bool
	Name     string // the full name
	Username string
	Picture  string // an address; for Discord the hash of the avatar, "" for none

	HostedDomain string // Google's `hd`
	PrivateEmail bool   // GitHub: not in /user
	MoreEmails   []Email

	Roles       []string // Keycloak: of the realm
	ClientRoles []string // Keycloak: of its client
}

// Email is an element of GitHub's /user/emails.
type Email struct {
	Email      string  `json:"email"`
	Primary    bool    `json:"primary"`
	Verified   bool    `json:"verified"`
	Visibility *string `json:"visibility"`
}

// Request is what a client has sent to an endpoint.
type Request struct {
	Endpoint       Endpoint
	Form           url.Values // query and body
	User, Password string     // of HTTP Basic
	Header         http.Header
}

// patience is how long a code is good for (RFC 6749, section 4.1.2: at most 10 minutes).
const patience = time.Minute

// grant is what a code or an access token stands for.
type grant struct {
	account                    Account
	redirect, challenge, nonce string
	scopes                     []string
	until                      time.Time
}

func newProvider(kind dialect, origin string) (*Provider, error) {
	signing, err := newKey()
	if err != nil {
		return nil, err
	}
	p := &Provider{
		Name: kind.name, URL: origin + kind.path,
		ClientID: "standin-" + kind.name, ClientSecret: "standin-secret-" + rand.Text(),
		AuthMethods: []string{"client_secret_basic", "client_secret_post"},
		kind:        kind, origin: origin, mux: http.NewServeMux(),
		grants: map[string]grant{}, tokens: map[string]grant{}, keys: []*key{signing},
	}
	for endpoint, handler := range kind.serve {
		p.mux.HandleFunc(kind.paths[endpoint], func(w http.ResponseWriter, r *http.Request) {
			p.record(endpoint, r)
			if !p.broken(endpoint, w, r) {
				handler(p, w, r)
			}
		})
	}
	p.SetAccounts(p.everyday()...)
	return p, nil
}

// everyday are the accounts of somebody who only wants to see a sign-in. Their addresses
// differ from provider to provider: an app does not take one for the other.
func (p *Provider) everyday() []Account {
	at := "@" + p.Name + ".example.com"
	return []Account{
		{Email: "developer" + at, Verified: true, Name: "Developer", Username: "developer", HostedDomain: "example.com"},
		{Email: "private" + at, Verified: true, Name: "Developer with a private address", Username: "private", PrivateEmail: true},
		{Email: "unverified" + at, Name: "Developer whose address is not verified", Username: "unverified"},
	}
}

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// SetAccounts replaces the accounts.
func (p *Provider) SetAccounts(accounts ...Account) {
	p.mu.Lock()
	p.accounts = nil
	p.mu.Unlock()
	for _, account := range accounts {
		p.Put(account)
	}
}

// Put adds an account, or replaces the one of its subject. Without a subject it gets a
// new one.
func (p *Provider) Put(account Account) Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	if account.Subject == "" {
		account.Subject = p.kind.number()
	}
	same := func(other Account) bool { return other.Subject == account.Subject }
	if i := slices.IndexFunc(p.accounts, same); i >= 0 {
		p.accounts[i] = account
	} else {
		p.accounts = append(p.accounts, account)
	}
	return account
}

func (p *Provider) account(subject string) (Account, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.accounts, func(a Account) bool { return a.Subject == subject })
	if i < 0 {
		return Account{}, false
	}
	return p.accounts[i], true
}

// AllowRedirects registers redirect addresses of the client, which are compared to the
// letter.
func (p *Provider) AllowRedirects(addresses ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.redirects = append(p.redirects, addresses...)
}

// Requests returns what clients have sent to an endpoint so far.
func (p *Provider) Requests(to Endpoint) []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Request
	for _, r := range p.requests {
		if r.Endpoint == to {
			all = append(all, r)
		}
	}
	return all
}

// Secrets returns every code and token that was handed out.
func (p *Provider) Secrets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.secrets)
}

func (p *Provider) record(to Endpoint, r *http.Request) {
	seen := Request{Endpoint: to, Header: r.Header.Clone()}
	if r.ParseForm() == nil {
		seen.Form = r.Form
	}
	seen.User, seen.Password, _ = r.BasicAuth()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, seen)
}

// secret makes up a code or token, and remembers it. It looks like nobody's real one.
func (p *Provider) secret(kind string) string {
	text := "standin-" + kind + "-" + rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets = append(p.secrets, text)
	return text
}

// bearer is whom a request to an API speaks for.
func (p *Provider) bearer(r *http.Request) (grant, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") && (p.Name != nameGitHub || !strings.EqualFold(scheme, "token")) {
		return grant{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	given, known := p.tokens[token]
	return given, known && time.Now().Before(given.until)
}

func (g grant) may(scope string) bool { return slices.Contains(g.scopes, scope) }

// digits makes up a number that has no zero in front.
func digits(n int) func() string {
	return func() string {
		least := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n-1)), nil)
		random, _ := rand.Int(rand.Reader, new(big.Int).Mul(least, big.NewInt(9))) // of crypto/rand, which never fails
		return random.Add(random, least).String()
	}
}

// answerJSON writes what no cache keeps.
func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
