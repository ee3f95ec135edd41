package standin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// github has the addresses of GitHub Enterprise Server.
var github = dialect{
	name: nameGitHub, title: "GitHub", scopes: []string{"read:user", "user:email"},
	paths: map[Endpoint]string{
		Authorize: "/login/oauth/authorize", Token: "/login/oauth/access_token", User: "/api/v3/user", Emails: "/api/v3/user/emails",
	},
	serve: map[Endpoint]func(*Provider, http.ResponseWriter, *http.Request){
		Authorize: authorize, Token: githubToken, User: githubUser, Emails: githubEmails,
	},
	number: digits(9),
}

// githubToken answers errors with 200 as well, and with a form to whoever does not ask
// for JSON.
func githubToken(p *Provider, w http.ResponseWriter, r *http.Request) {
	given, refused := p.exchange(r)
	answer := map[string]any{}
	switch {
	case refused == errMethod:
		http.NotFound(w, r)
		return
	case refused != nil:
		answer["error"], answer["error_description"] = refused.onGitHub, "The code passed is incorrect or expired."
	default:
		answer["access_token"], answer["token_type"], answer["scope"] = p.accessToken(given), "bearer", strings.Join(given.scopes, ",")
	}
	p.change(Token, answer)
	if strings.Contains(r.Header.Get("Accept"), "application/json") && !p.formsOnly() {
		answerJSON(w, http.StatusOK, answer)
		return
	}
	form := url.Values{}
	for name, value := range answer {
		text, _ := value.(string)
		form.Set(name, text)
	}
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	_, _ = w.Write([]byte(form.Encode()))
}

func githubUser(p *Provider, w http.ResponseWriter, r *http.Request) {
	given, ok := p.githubBearer(w, r)
	if !ok {
		return
	}
	account := given.account
	answer := map[string]any{
		"id": json.Number(account.Subject), "login": account.Username, "type": "User",
		"name": orNull(account.Name), "avatar_url": account.Picture, "email": orNull(account.Email),
	}
	if account.PrivateEmail {
		answer["email"] = nil
	}
	p.change(User, answer)
	answerJSON(w, http.StatusOK, answer)
}

func githubEmails(p *Provider, w http.ResponseWriter, r *http.Request) {
	given, ok := p.githubBearer(w, r)
	if !ok {
		return
	}
	if !given.may("user:email") {
		answerJSON(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
		return
	}
	emails := append([]Email{}, given.account.MoreEmails...)
	if account := given.account; account.Email != "" {
		visibility := "public"
		if account.PrivateEmail {
			visibility = "private"
		}
		emails = append(emails, Email{account.Email, true, account.Verified, &visibility})
	}
	answerJSON(w, http.StatusOK, emails)
}

// githubBearer refuses what GitHub's API refuses: also clients without a User-Agent.
func (p *Provider) githubBearer(w http.ResponseWriter, r *http.Request) (grant, bool) {
	if r.UserAgent() == "" {
		http.Error(w, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header", http.StatusForbidden)
		return grant{}, false
	}
	given, known := p.bearer(r)
	if !known {
		answerJSON(w, http.StatusUnauthorized, map[string]string{"message": "Bad credentials"})
	}
	return given, known
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// AnswerForms lets GitHub's token endpoint answer with a form whatever it is asked for,
// until mend is called.
func (p *Provider) AnswerForms() (mend func()) {
	return p.fault(func(f *faults) { f.forms = true }, func(f *faults) { f.forms = false })
}

func (p *Provider) formsOnly() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults.forms
}
