package conformance

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"

	"fastman/conformance/standin"
)

// native is a sign-in of an app on somebody's device, which has the browser do it and
// gets a code for tokens (RFC 8252).
type native struct {
	flow
	redirect, verifier string
}

func newVerifier() string { return rand.Text() + rand.Text() } // 52 characters: RFC 7636, section 4.1

// sha256Text is how hashes of texts are written everywhere: base64url without padding.
func sha256Text(text string) string {
	sum := sha256.Sum256([]byte(text))
	return b64.EncodeToString(sum[:])
}

// challengeID is the id of the row that a state or a code leads to.
func challengeID(secret string) string { return sha256Text(secret) }

// beginNative opens the app's sign-in in a browser of its own.
func (t *T) beginNative(p *standin.Provider, more ...string) native {
	n := native{redirect: appRedirects[0], verifier: newVerifier()}
	query := append([]string{"app_redirect", n.redirect, "code_challenge", sha256Text(n.verifier)}, more...)
	n.flow = t.browser().begin(p, query...)
	return n
}

// code is what the native app is given by its redirect address.
func (n native) code(account standin.Account) string {
	return n.query(account).Get("code")
}

func (n native) query(account standin.Account) url.Values {
	a := n.browser.comeBack(n.choose(account)).want(http.StatusSeeOther)
	to := a.header.Get("Location")
	if !strings.HasPrefix(to, n.redirect) {
		a.fatalf("the native app is sent %q", to)
	}
	return queryOf(to)
}

func exchangeCode(code, verifier string) call {
	return post("/token", map[string]any{"code": code, "code_verifier": verifier})
}

// signInNatively is a whole sign-in with tokens.
func (t *T) signInNatively(p *standin.Provider, account standin.Account) session {
	n := t.beginNative(p)
	return t.session(t.send(exchangeCode(n.code(account), n.verifier)).want(http.StatusOK))
}

// newcomer is somebody new from a provider, with tokens.
func (t *T) newcomer(p *standin.Provider) (account, session) {
	identity := person(p)
	s := t.signInNatively(p, identity)
	fields := t.me(s.access).want(http.StatusOK).object()
	return account{id: number(fields["id"]), email: identity.Email, identity: identity}, s
}
