package standin

import (
	"cmp"
	_ "embed"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// page is filled in by name and not as a template of Go: with the package of those in it
// the linker keeps every method of the whole program.
//
//go:embed page.html
var page string

// authorize shows the accounts (GET), and sends the browser back to the client with a
// code for the one that was chosen (POST, with `account` or `cancel`).
func authorize(p *Provider, w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if problem := p.unsafe(query); problem != "" {
		http.Error(w, "local stand-in, not a real provider: "+problem, http.StatusBadRequest)
		return
	}
	if code, problem := p.refused(query); code != "" {
		p.back(w, r, url.Values{"error": {code}, "error_description": {problem}})
		return
	}
	switch r.Method {
	case http.MethodGet:
		p.show(w, r)
	case http.MethodPost:
		p.choose(w, r)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// unsafe is why a browser must not even be sent back (RFC 6749, section 4.1.2.1).
func (p *Provider) unsafe(query url.Values) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(query["client_id"]) != 1 || query.Get("client_id") != p.ClientID:
		return "client_id is not " + p.ClientID
	case len(query["redirect_uri"]) != 1 || !slices.Contains(p.redirects, query.Get("redirect_uri")):
		return "redirect_uri_mismatch: the redirect address is not registered"
	}
	return ""
}

// refused is the error that a client hears of, "" for none.
func (p *Provider) refused(query url.Values) (code, problem string) {
	for name, values := range query {
		if len(values) > 1 {
			return "invalid_request", name + " stands there twice"
		}
	}
	scopes := strings.Fields(query.Get("scope"))
	lacking := func(scope string) bool { return !slices.Contains(scopes, scope) }
	switch {
	case query.Get("response_type") != "code":
		return "unsupported_response_type", "response_type is not code"
	case query.Get("code_challenge_method") != "S256" || len(query.Get("code_challenge")) != 43:
		return "invalid_request", "PKCE with S256 is missing"
	case slices.ContainsFunc(p.kind.scopes, lacking):
		return "invalid_scope", "the scopes lack one of " + strings.Join(p.kind.scopes, " ")
	}
	return "", ""
}

// show is the page on which a developer picks an account.
func (p *Provider) show(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	accounts := slices.Clone(p.accounts)
	p.mu.Unlock()
	var buttons strings.Builder
	for _, a := range accounts {
		buttons.WriteString(button(a))
	}
	body := strings.NewReplacer("{{provider}}", html.EscapeString(p.kind.title), "{{client}}", html.EscapeString(p.ClientID),
		"{{action}}", html.EscapeString(r.URL.RequestURI()), "{{accounts}}", buttons.String()).Replace(page)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	_, _ = w.Write([]byte(body))
}

// button signs in as an account.
func button(a Account) string {
	email := cmp.Or(a.Email, "no e-mail")
	if !a.Verified {
		email += " (not verified)"
	}
	return `
      <li><button name="account" value="` + html.EscapeString(a.Subject) + `"><span>` +
		html.EscapeString(cmp.Or(a.Name, a.Username, a.Subject)) + `</span><span>` + html.EscapeString(email) + `</span></button></li>`
}

func (p *Provider) choose(w http.ResponseWriter, r *http.Request) {
	if r.PostForm.Has("cancel") {
		p.back(w, r, url.Values{"error": {"access_denied"}, "error_description": {"The user has denied access"}})
		return
	}
	account, known := p.account(r.PostForm.Get("account"))
	if !known {
		http.Error(w, "local stand-in, not a real provider: no such account", http.StatusBadRequest)
		return
	}
	p.back(w, r, url.Values{"code": {p.grant(account, r.URL.Query())}})
}

// grant makes the code for an account, bound to what the client has asked with.
func (p *Provider) grant(account Account, query url.Values) string {
	code := p.secret("code")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grants[code] = grant{
		account: account, redirect: query.Get("redirect_uri"), challenge: query.Get("code_challenge"),
		nonce: query.Get("nonce"), scopes: strings.Fields(query.Get("scope")), until: time.Now().Add(patience),
	}
	return code
}

// back sends the browser to the client.
func (p *Provider) back(w http.ResponseWriter, r *http.Request, with url.Values) {
	query := r.URL.Query()
	if query.Has("state") {
		with.Set("state", query.Get("state"))
	}
	if p.kind.sendsI {
		with.Set("iss", p.URL)
	}
	http.Redirect(w, r, query.Get("redirect_uri")+"?"+with.Encode(), http.StatusFound)
}
