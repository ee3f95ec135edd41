package conformance

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Tokens that are a JWS (RFC 7515) in everything but one point. What can be signed
// over with the app's own key is, so that only that point can be why it is refused.
var jwsCases = []Case{
	{
		Name: "jws/a-key-in-the-header-is-not-believed", Section: "Access token: kid only picks among configured keys",
		ASVS: []string{"9.1.2", "9.1.3"}, RFC: []string{"RFC 8725 3.1", "RFC 8725 3.10", "RFC 7515 4.1.3"}, Run: jwsEmbedded,
	},
	{
		Name: "jws/no-url-of-a-header-is-asked", Section: "Access token: kid only picks among configured keys",
		ASVS: []string{"9.1.3"}, RFC: []string{"RFC 8725 3.10", "RFC 7515 4.1.2"}, Run: jwsFetched,
	},
	{
		Name: "jws/a-token-has-three-parts", Section: "Access token: HS256; header typ: at+jwt, kid",
		ASVS: []string{"9.1.1", "9.1.2"}, RFC: []string{"RFC 7515 7.1", "RFC 7519 7.2"}, Needs: []Need{NeedSecret}, Run: jwsParts,
	},
	{
		Name: "jws/base64url-has-one-spelling", Section: "Access token: HS256; header typ: at+jwt, kid",
		ASVS: []string{"9.1.1"}, RFC: []string{"RFC 7515 2", "RFC 4648 3.5"}, Needs: []Need{NeedSecret}, Run: jwsBase64,
	},
	{
		Name: "jws/json-serializations-are-refused", Section: "Access token: HS256; header typ: at+jwt, kid",
		ASVS: []string{"9.1.1"}, RFC: []string{"RFC 7515 7.2", "RFC 7519 1"}, Needs: []Need{NeedSecret}, Run: jwsJSON,
	},
	{
		Name: "jws/nothing-is-decrypted-or-unpacked", Section: "Access token: One pinned algorithm",
		ASVS: []string{"9.1.2"}, RFC: []string{"RFC 8725 3.6", "RFC 7519 7.2"}, Needs: []Need{NeedSecret}, Run: jwsPacked,
	},
	{
		Name: "jws/any-hmac-value-verifies", Section: "Access token: HS256; header typ: at+jwt, kid",
		RFC: []string{"RFC 7518 3.2"}, Needs: []Need{NeedSecret}, Run: jwsEdges,
	},
	{
		Name: "jws/white-space-in-json-is-allowed", Section: "Access token: HS256; header typ: at+jwt, kid",
		RFC: []string{"RFC 8259 2"}, Needs: []Need{NeedSecret}, Run: jwsSpaces,
	},
}

// keyPair is an attacker's key for one algorithm (RFC 7518, RFC 8037).
type keyPair struct {
	alg    string
	jwk    map[string]any
	public any
	signer crypto.Signer
	sign   func(input []byte) []byte
}

func keyPairs(t *T) []keyPair {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatalf("an RSA key: %v", err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("an EC key: %v", err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatalf("an Ed25519 key: %v", err)
	}
	return []keyPair{rs256(private), ps256(private), es256(t, curve), eddsa(edwards)}
}

func rs256(key *rsa.PrivateKey) keyPair {
	jwk := map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "mine", "n": b64.EncodeToString(key.N.Bytes()), "e": "AQAB"}
	return keyPair{"RS256", jwk, &key.PublicKey, key, func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, _ := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		return signature
	}}
}

func ps256(key *rsa.PrivateKey) keyPair {
	pair := rs256(key)
	pair.alg, pair.jwk["alg"] = "PS256", "PS256"
	pair.sign = func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, _ := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		return signature
	}
	return pair
}

func es256(t *T, key *ecdsa.PrivateKey) keyPair {
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatalf("an EC key: %v", err)
	}
	jwk := map[string]any{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "mine", "x": b64.EncodeToString(point[1:33]), "y": b64.EncodeToString(point[33:]),
	}
	return keyPair{"ES256", jwk, &key.PublicKey, key, func(input []byte) []byte {
		sum := sha256.Sum256(input)
		r, s, _ := ecdsa.Sign(rand.Reader, key, sum[:])
		signature := make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return signature
	}}
}

func eddsa(key ed25519.PrivateKey) keyPair {
	public := key.Public().(ed25519.PublicKey)
	jwk := map[string]any{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "mine", "x": b64.EncodeToString(public)}
	return keyPair{"EdDSA", jwk, public, key, func(input []byte) []byte { return ed25519.Sign(key, input) }}
}

// certificate is one that the attacker has issued to itself.
func (pair keyPair) certificate(t *T) []byte {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pair.public, pair.signer)
	if err != nil {
		t.Fatalf("a certificate: %v", err)
	}
	return der
}

// signedWith is the compact form, signed by the pair.
func (k token) signedWith(pair keyPair) string {
	input := b64.EncodeToString(encodeToken(k.header)) + "." + b64.EncodeToString(encodeToken(k.claims))
	return input + "." + b64.EncodeToString(pair.sign([]byte(input)))
}

func jwsEmbedded(t *T) {
	_, s := t.member()
	t.me(s.access).want(http.StatusOK)
	forged := map[string]string{}
	for _, pair := range keyPairs(t) {
		k := genuine(s).head("alg", pair.alg)
		chain := []string{base64.StdEncoding.EncodeToString(pair.certificate(t))}
		for _, kid := range []any{s.header["kid"], "mine"} {
			named := k.head("kid", kid)
			what := ", kid " + string(encode(kid))
			forged[pair.alg+what] = named.signedWith(pair)
			forged[pair.alg+" with its jwk"+what] = named.head("jwk", pair.jwk).signedWith(pair)
			forged[pair.alg+" with its x5c"+what] = named.head("x5c", chain).signedWith(pair)
			forged[pair.alg+" with its jwk, said to be HS256"+what] = named.head("alg", "HS256").head("jwk", pair.jwk).signedWith(pair)
		}
		nothing := pair
		nothing.sign = func([]byte) []byte { return make([]byte, 64) }
		forged[pair.alg+" with a signature of zeros"] = k.head("jwk", pair.jwk).signedWith(nothing)
	}
	t.refused(forged)
}

// trap is a server on loopback that offers an attacker's keys and counts who comes.
type trap struct {
	url     string
	visited atomic.Int64
}

func (t *T) trap(keys []byte) *trap {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("a server for the attacker's keys: %v", err)
	}
	caught := &trap{url: "http://" + listener.Addr().String()}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				caught.visited.Add(1)
			}
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keys) }),
	}
	go func() { _ = server.Serve(listener) }()
	t.defers(func() { _ = server.Close() })
	return caught
}

// behindAnswer is by when an app has done what it does once it has answered.
const behindAnswer = 200 * time.Millisecond

func (caught *trap) wantNoCalls(t *T, what string) {
	if n := caught.visited.Load(); n > 0 {
		t.Errorf("%s: the app talks to an address that it was led to, %d times", what, n)
	}
}

func jwsFetched(t *T) {
	_, s := t.member()
	t.me(s.access).want(http.StatusOK)
	forged := map[string]string{}
	pairs := keyPairs(t)
	var keys []any
	for _, pair := range pairs {
		keys = append(keys, pair.jwk)
	}
	caught := t.trap(encode(map[string]any{"keys": keys}))
	for _, pair := range pairs {
		k := genuine(s).head("alg", pair.alg).head("kid", "mine")
		for _, name := range []string{"jku", "x5u", "kid", "iss"} {
			forged[pair.alg+" with a "+name] = k.head(name, caught.url+"/keys").signedWith(pair)
		}
		forged[pair.alg+" of an issuer with keys"] = k.claim("iss", caught.url).signedWith(pair)
		own := genuine(s).head("jku", caught.url+"/keys").head("x5u", caught.url+"/keys")
		forged[pair.alg+" said to be HS256"] = own.signedWith(pair)
	}
	t.refused(forged)
	time.Sleep(behindAnswer)
	caught.wantNoCalls(t, "an address in a token's header")
}

// signedText signs the two parts as they stand, in base64 or not.
func signedText(key []byte, header, claims string) string {
	input := header + "." + claims
	return input + "." + b64.EncodeToString(sign(key, input))
}

func jwsParts(t *T) {
	_, k := t.forge()
	compact := k.signed(t.key())
	parts := strings.Split(compact, ".")
	header, claims, mac := parts[0], parts[1], parts[2]
	t.refused(map[string]string{
		"no signature and no dot": header + "." + claims,
		"no claims":               signedText(t.key(), header, ""),
		"no claims and no dot":    header + "." + b64.EncodeToString(sign(t.key(), header)),
		"no header":               signedText(t.key(), "", claims),
		"no header and no dot":    claims + "." + b64.EncodeToString(sign(t.key(), claims)),
		"only claims":             "." + claims + ".",
		"only a signature":        ".." + mac,
		"an empty fourth part":    compact + ".",
		"a fourth part":           compact + ".x",
		"a first part too many":   "x." + compact,
		"twice":                   compact + "." + compact,
		"claims twice":            header + "." + claims + "." + claims + "." + mac,
		"parts in another order":  claims + "." + header + "." + mac,
		"none, and the signature": k.head("alg", "none").signed(t.key()),
		"none, and no signature":  unsigned(k.head("alg", "none")),
	})
}

func jwsBase64(t *T) {
	_, k := t.forge()
	parts := strings.Split(k.signed(t.key()), ".")
	forged := map[string]string{}
	for i, part := range []string{"header", "claims", "signature"} {
		for what, text := range misspelled(parts[i]) {
			changed := append([]string{}, parts...)
			changed[i] = text
			forged["the "+part+" "+what] = strings.Join(changed, ".")
			if i < 2 {
				forged["the "+part+" "+what+", signed"] = signedText(t.key(), changed[0], changed[1])
			}
		}
	}
	t.refused(forged)
}

// misspelled are texts that a lenient decoder of base64 reads as the same bytes.
func misspelled(text string) map[string]string {
	all := map[string]string{
		"with a space inside":     text[:8] + " " + text[8:],
		"with a break inside":     text[:8] + "\t" + text[8:],
		"with a ? before":         "?" + text,
		"with a ? inside":         text[:8] + "?" + text[8:],
		"with a ? behind":         text + "?",
		"with #### behind":        text + "####",
		"with a % escape":         text[:8] + "%3D" + text[8:],
		"with padding inside":     text[:8] + "=" + text[8:],
		"with padding":            text + "=",
		"with twofold padding":    text + "==",
		"with threefold padding":  text + "===",
		"with one character more": text + "A",
	}
	if standard := strings.NewReplacer("-", "+", "_", "/").Replace(text); standard != text {
		all["in the standard alphabet"] = standard
	}
	// Where the last character holds spare bits, setting them changes no byte.
	if spared := len(text) * 6 % 8; spared > 0 {
		all["with a spare bit set"] = text[:len(text)-1] + spare(text[len(text)-1], 1)
	}
	return all
}

func jwsJSON(t *T) {
	_, k := t.forge()
	parts := strings.Split(k.signed(t.key()), ".")
	forged := map[string]string{}
	for what, fields := range map[string]any{
		"flattened": map[string]any{"payload": parts[1], "protected": parts[0], "signature": parts[2]},
		"general": map[string]any{"payload": parts[1], "signatures": []any{
			map[string]any{"protected": parts[0], "signature": parts[2]},
		}},
		"with an open header": map[string]any{"payload": parts[1], "header": k.header, "signature": parts[2]},
		"a list of parts":     parts,
		"a text":              strconv.Quote(strings.Join(parts, ".")),
	} {
		forged[what] = string(encode(fields))
		forged[what+", in base64"] = b64.EncodeToString(encode(fields))
	}
	t.refused(forged)
}

func jwsPacked(t *T) {
	_, k := t.forge()
	var packed bytes.Buffer
	writer, _ := flate.NewWriter(&packed, flate.BestCompression)
	_, _ = writer.Write(encodeToken(k.claims))
	_ = writer.Close()
	parts := strings.Split(k.signed(t.key()), ".")
	envelope := b64.EncodeToString(encodeToken(k.head("alg", "dir").head("enc", "A256GCM").header))
	t.refused(map[string]string{
		"claims that are deflated":      signedParts(hashes["HS256"], t.key(), encodeToken(k.head("zip", "DEF").header), packed.Bytes()),
		"a token for claims":            signedParts(hashes["HS256"], t.key(), encodeToken(k.head("cty", "JWT").header), []byte(k.signed(t.key()))),
		"a token for claims, in quotes": signedParts(hashes["HS256"], t.key(), encodeToken(k.head("cty", "JWT").header), []byte(strconv.Quote(k.signed(t.key())))),
		"five parts":                    envelope + ".." + parts[1] + "." + parts[1] + "." + parts[2],
		"five parts, none empty":        envelope + "." + parts[0] + "." + parts[1] + "." + parts[1] + "." + parts[2],
	})
}

// jwsEdges looks for tokens whose HMAC has a form that trips careless decoders.
func jwsEdges(t *T) {
	_, k := t.forge()
	found := map[string]string{}
	for len(found) < 3 {
		compact := k.claim("jti", rand.Text()).signed(t.key())
		mac := compact[strings.LastIndexByte(compact, '.')+1:]
		switch {
		case strings.HasPrefix(mac, "AA"):
			found["an HMAC that begins with a zero"] = compact
		case strings.HasPrefix(mac, "_") || strings.HasPrefix(mac, "-"):
			found["an HMAC that begins with no letter"] = compact
		case strings.Contains(mac, "--") || strings.Contains(mac, "__"):
			found["an HMAC with two dashes"] = compact
		}
	}
	t.accepted(found)
}

func jwsSpaces(t *T) {
	_, k := t.forge()
	loose := func(fields map[string]any) []byte {
		text, _ := json.MarshalIndent(fields, "\t", " \r\n")
		return append([]byte("\r\n "), text...)
	}
	t.accepted(map[string]string{"spaces and breaks": signedParts(hashes["HS256"], t.key(), loose(k.header), loose(k.claims))})
}
