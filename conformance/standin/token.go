package standin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

var b64 = base64.RawURLEncoding

// tokenError is an error answer of a token endpoint (RFC 6749, section 5.2).
type tokenError struct {
	status   int
	code     string
	onGitHub string // GitHub's name for it
}

var (
	errMethod   = &tokenError{http.StatusMethodNotAllowed, "invalid_request", "Not Found"}
	errRequest  = &tokenError{http.StatusBadRequest, "invalid_request", "bad_verification_code"}
	errClient   = &tokenError{http.StatusUnauthorized, "invalid_client", "incorrect_client_credentials"}
	errGrant    = &tokenError{http.StatusBadRequest, "invalid_grant", "bad_verification_code"}
	errRedirect = &tokenError{http.StatusBadRequest, "invalid_grant", "redirect_uri_mismatch"}
	errType     = &tokenError{http.StatusBadRequest, "unsupported_grant_type", "unsupported_grant_type"}
)

// exchange checks a request to the token endpoint, and uses up its code.
func (p *Provider) exchange(r *http.Request) (grant, *tokenError) {
	switch {
	case r.Method != http.MethodPost:
		return grant{}, errMethod
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return grant{}, errRequest
	case !p.authenticated(r):
		return grant{}, errClient
	// GitHub does not look at grant_type.
	case p.Name != nameGitHub && r.PostForm.Get("grant_type") != "authorization_code":
		return grant{}, errType
	}
	return p.redeem(r.PostForm)
}

func (p *Provider) redeem(form url.Values) (grant, *tokenError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	given, known := p.grants[form.Get("code")]
	delete(p.grants, form.Get("code"))
	challenge := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case !known || time.Now().After(given.until):
		return grant{}, errGrant
	case form.Get("redirect_uri") != given.redirect:
		return grant{}, errRedirect
	case !equal(b64.EncodeToString(challenge[:]), given.challenge):
		return grant{}, errGrant
	}
	return given, nil
}

// authenticated checks the client's secret, which comes in one way and not in two
// (RFC 6749, section 2.3).
func (p *Provider) authenticated(r *http.Request) bool {
	user, password, basic := r.BasicAuth()
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if !basic && secret == "" && slices.Contains(p.AuthMethods, "none") {
		return id == p.ClientID
	}
	if !basic {
		return slices.Contains(p.AuthMethods, "client_secret_post") && equal(id, p.ClientID) && equal(secret, p.ClientSecret)
	}
	// Both are form-encoded within Basic (RFC 6749, section 2.3.1).
	user, userErr := url.QueryUnescape(user)
	password, passwordErr := url.QueryUnescape(password)
	return slices.Contains(p.AuthMethods, "client_secret_basic") && userErr == nil && passwordErr == nil &&
		secret == "" && (id == "" || id == p.ClientID) && equal(user, p.ClientID) && equal(password, p.ClientSecret)
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// accessToken makes the token that stands for what was granted.
func (p *Provider) accessToken(given grant) string {
	token := p.secret("access")
	p.mu.Lock()
	defer p.mu.Unlock()
	given.until = time.Now().Add(time.Hour)
	p.tokens[token] = given
	return token
}

// token answers as OpenID providers and Discord do.
func token(p *Provider, w http.ResponseWriter, r *http.Request) {
	given, refused := p.exchange(r)
	if refused != nil {
		answerJSON(w, refused.status, map[string]string{"error": refused.code})
		return
	}
	answer := map[string]any{
		"access_token": p.accessToken(given), "token_type": "Bearer", "expires_in": 3600, "scope": strings.Join(given.scopes, " "),
	}
	if p.kind.openID {
		answer["id_token"] = p.idToken(given)
	}
	if p.Name == nameDiscord {
		answer["refresh_token"] = p.secret("refresh")
	}
	p.change(Token, answer)
	answerJSON(w, http.StatusOK, answer)
}
