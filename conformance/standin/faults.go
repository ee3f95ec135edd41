package standin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
)

// faults are what was built into a provider.
type faults struct {
	broken  map[Endpoint]http.HandlerFunc
	changes map[Endpoint]func(map[string]any)
	forge   Forgery
	forms   bool // see AnswerForms
}

// Break lets an endpoint answer with something else, until mend is called.
func (p *Provider) Break(at Endpoint, answer http.HandlerFunc) (mend func()) {
	return p.fault(func(f *faults) { f.broken = with(f.broken, at, answer) }, func(f *faults) { delete(f.broken, at) })
}

// Change alters the JSON object that an endpoint answers with, until mend is called.
// GitHub's list of e-mails is no object: see Break.
func (p *Provider) Change(at Endpoint, change func(map[string]any)) (mend func()) {
	return p.fault(func(f *faults) { f.changes = with(f.changes, at, change) }, func(f *faults) { delete(f.changes, at) })
}

// Forge alters the id_tokens that are issued, until mend is called.
func (p *Provider) Forge(forge Forgery) (mend func()) {
	return p.fault(func(f *faults) { f.forge = forge }, func(f *faults) { f.forge = nil })
}

// with returns a copy of the map: another request may be reading the old one.
func with[T any](all map[Endpoint]T, at Endpoint, one T) map[Endpoint]T {
	all = maps.Clone(all)
	if all == nil {
		all = map[Endpoint]T{}
	}
	all[at] = one
	return all
}

func (p *Provider) fault(set, unset func(*faults)) (mend func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	set(&p.faults)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		unset(&p.faults)
	}
}

func (p *Provider) broken(at Endpoint, w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	answer := p.faults.broken[at]
	p.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
	return answer != nil
}

func (p *Provider) change(at Endpoint, answer map[string]any) {
	p.mu.Lock()
	change := p.faults.changes[at]
	p.mu.Unlock()
	if change != nil {
		change(answer)
	}
}

// Status answers with nothing but a status.
func Status(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// Body answers 200 with a text.
func Body(contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, text)
	}
}

// Redirect sends the client elsewhere, and lets it repeat its request there.
func Redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
}

// Flood is an endpoint that answers with JSON of many bytes.
type Flood struct {
	Bytes int64
	sent  atomic.Int64
}

// Sent is how much clients have let themselves be sent, which may be more than they
// have read.
func (f *Flood) Sent() int64 { return f.sent.Load() }

func (f *Flood) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"padding":"`)
	chunk := bytes.Repeat([]byte("x"), 1<<16)
	for left := f.Bytes; left > 0; left -= int64(len(chunk)) {
		n, err := w.Write(chunk)
		f.sent.Add(int64(n))
		if err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, `"}`)
}

// Hanging is an endpoint that does not answer.
type Hanging struct {
	waiting  atomic.Int64
	released chan struct{}
	release  func()
}

// Hang lets an endpoint hang, until Release is called.
func (p *Provider) Hang(at Endpoint) *Hanging {
	h := &Hanging{released: make(chan struct{})}
	mend := p.Break(at, h.serve)
	h.release = sync.OnceFunc(func() {
		mend()
		close(h.released)
	})
	return h
}

// Waiting is how many requests hang.
func (h *Hanging) Waiting() int { return int(h.waiting.Load()) }

// Release ends the requests that hang, without an answer, and mends the endpoint.
func (h *Hanging) Release() { h.release() }

func (h *Hanging) serve(_ http.ResponseWriter, r *http.Request) {
	h.waiting.Add(1)
	defer h.waiting.Add(-1)
	select {
	case <-r.Context().Done():
	case <-h.released:
	}
	panic(http.ErrAbortHandler) // which closes the connection
}

// Forgery alters an id_token before it is signed, or how it is signed.
type Forgery func(*IDToken)

// Claim sets a claim.
func Claim(name string, value any) Forgery {
	return func(t *IDToken) { t.Claims[name] = value }
}

// Without leaves claims out.
func Without(names ...string) Forgery {
	return func(t *IDToken) {
		for _, name := range names {
			delete(t.Claims, name)
		}
	}
}

// AlgNone is RFC 7518, section 3.6: a token that nobody has signed, and that says so.
func AlgNone(t *IDToken) {
	t.Header = map[string]any{"alg": "none"}
	Unsigned(t)
}

// Unsigned leaves the signature out.
func Unsigned(t *IDToken) { t.Sign = func(string) []byte { return nil } }

// Damaged flips a bit of the signature.
func Damaged(t *IDToken) {
	sign := t.Sign
	t.Sign = func(input string) []byte {
		signature := sign(input)
		signature[0] ^= 1
		return signature
	}
}

// WrongKey signs by a key that the provider does not have, under the name of its own.
func (p *Provider) WrongKey() (Forgery, error) {
	other, err := newKey()
	return func(t *IDToken) { t.Sign = other.sign }, err
}

// OwnKey signs by a key that the token brings along in its header.
func (p *Provider) OwnKey() (Forgery, error) {
	other, err := newKey()
	return func(t *IDToken) { t.Header["kid"], t.Header["jwk"], t.Sign = other.id, other.public(), other.sign }, err
}

// HS256 signs by secrets that are none between provider and client for id_tokens: the
// provider's public key (in PEM, with and without the last line break, in DER, its
// modulus), nothing, and the client's secret.
func (p *Provider) HS256() []Forgery {
	p.mu.Lock()
	public := &p.keys[len(p.keys)-1].private.PublicKey
	p.mu.Unlock()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err) // only for other kinds of keys
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	var all []Forgery
	for _, secret := range [][]byte{text, bytes.TrimSpace(text), der, public.N.Bytes(), nil, []byte(p.ClientSecret)} {
		all = append(all, func(t *IDToken) {
			t.Header["alg"] = "HS256"
			t.Sign = func(input string) []byte {
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte(input))
				return mac.Sum(nil)
			}
		})
	}
	return all
}
