package conformance

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"
)

// token is an access token made by hand (RFC 7515, RFC 9068).
type token struct{ header, claims map[string]any }

// genuine is the token of a session, ready to be changed and signed again.
func genuine(s session) token { return token{maps.Clone(s.header), maps.Clone(s.claims)} }

// claim returns the token with one claim set; nothing is removed by a value of nil,
// that is null.
func (k token) claim(name string, value any) token {
	claims := maps.Clone(k.claims)
	claims[name] = value
	return token{k.header, claims}
}

func (k token) without(name string) token {
	claims := maps.Clone(k.claims)
	delete(claims, name)
	return token{k.header, claims}
}

func (k token) head(name string, value any) token {
	header := maps.Clone(k.header)
	header[name] = value
	return token{header, k.claims}
}

func (k token) headWithout(name string) token {
	header := maps.Clone(k.header)
	delete(header, name)
	return token{header, k.claims}
}

// signed is the compact form, signed with HMAC-SHA-256.
func (k token) signed(key []byte) string { return k.signedBy(sha256.New, key) }

func (k token) signedBy(h func() hash.Hash, key []byte) string {
	return signedParts(h, key, encodeToken(k.header), encodeToken(k.claims))
}

// signedParts signs a header and claims that are given as text, valid or not.
func signedParts(h func() hash.Hash, key []byte, header, claims []byte) string {
	input := b64.EncodeToString(header) + "." + b64.EncodeToString(claims)
	mac := hmac.New(h, key)
	mac.Write([]byte(input))
	return input + "." + b64.EncodeToString(mac.Sum(nil))
}

func encodeToken(fields map[string]any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(fields); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(out.Bytes())
}

// hashes are those of HS256, HS384 and HS512 (RFC 7518, section 3.2).
var hashes = map[string]func() hash.Hash{
	"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New,
}

// parseToken reads header and claims without checking the signature.
func parseToken(compact string) (header, claims map[string]any, err error) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return nil, nil, fmt.Errorf("%d parts, want 3", len(parts))
	}
	if header, err = decodePart(parts[0]); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	if claims, err = decodePart(parts[1]); err != nil {
		return nil, nil, fmt.Errorf("claims: %w", err)
	}
	return header, claims, nil
}

func decodePart(part string) (map[string]any, error) {
	text, err := b64.DecodeString(part)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return fields, decoder.Decode(&fields)
}

// seconds reads a NumericDate; it is 0 when the claim is anything but an integer.
func (s session) seconds(claim string) int64 {
	n, _ := s.claims[claim].(json.Number)
	whole, err := n.Int64()
	if err != nil {
		return 0
	}
	return whole
}

// forge returns a member's session and a token of it, which the app accepts as
// long as nothing is changed: it is what makes the refusal of a change mean something.
func (t *T) forge() (session, token) {
	_, s := t.member()
	k := genuine(s)
	t.me(k.signed(t.key())).expect("an unchanged token, signed with the access key", 200)
	return s, k
}

func (t *T) key() []byte { return accessKey(t.target.Secret) }

// refused expects 401, with the challenge, for each token that was made by hand.
func (t *T) refused(tokens map[string]string) {
	for _, what := range sortedKeys(tokens) {
		a := t.me(tokens[what]).expect(what, 401)
		if a.status == 401 && a.header.Get("WWW-Authenticate") != "Bearer" {
			a.errorf("%s: 401 without the challenge", what)
		}
	}
}

func (t *T) accepted(tokens map[string]string) {
	for _, what := range sortedKeys(tokens) {
		t.me(tokens[what]).expect(what, 200)
	}
}

// inTime asks until an answer has come before a second was over, so that what was
// said of the clock is true when the app looks at it.
func (t *T) inTime(ask func() *answer) *answer {
	for {
		start := time.Now()
		if a := ask(); time.Since(start) < time.Second {
			return a
		}
		if t.Err() != nil {
			t.Fatalf("no answer within a second")
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
