package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"fastman/internal/feature"
)

// mask is how a SecretStr shows itself; signing with it would be signing with
// something that everybody knows.
const mask = "**********"

// Secrets for processes of the app that a case starts.
const (
	secondSecret = "a second key of the conformance suite that all know"
	thirdSecret  = "a third key of the conformance suite that all know"
)

var keyCases = []Case{
	{
		Name: "keys/kid-is-made-of-the-access-key", Section: "Bytes: kid = first 8 bytes of SHA-256 of the access key, base64url",
		RFC: []string{"RFC 5869 2", "RFC 7515 4.1.4"}, Needs: []Need{NeedSecret}, Run: keyIDFormula,
	},
	{
		Name: "keys/the-token-is-signed-with-the-access-key", Section: "Keys: One key per purpose",
		RFC: []string{"RFC 5869 2", "RFC 7518 3.2"}, Needs: []Need{NeedSecret}, Run: keySigns,
	},
	{
		Name: "keys/nothing-else-signs", Section: "Keys: One key per purpose",
		ASVS: []string{"9.1.1"}, RFC: []string{"RFC 8725 3.5"}, Needs: []Need{NeedSecret}, Run: keyNothingElse,
	},
	{
		Name: "keys/the-mask-of-a-secret-signs-nothing", Section: "Settings: a SecretStr must never sign as its own mask",
		ASVS: []string{"9.1.1"}, Run: keyMask,
	},
	{
		Name: "keys/a-refresh-token-is-no-access-token", Section: "Keys: One key per purpose",
		ASVS: []string{"9.2.2"}, RFC: []string{"RFC 8725 3.12"}, Run: keyRefreshIsNoAccess,
	},
	{
		Name: "keys/the-refresh-token-has-its-form", Section: "Bytes: refresh token <session id>.<counter>.<HMAC, base64url>",
		Needs: []Need{NeedSecret, NeedDB}, Run: refreshForm,
	},
	{
		Name: "keys/a-previous-key-verifies-but-does-not-sign", Section: "Keys: SECRET_KEY_PREVIOUS (comma-separated) verifies only",
		ASVS: []string{"9.1.3"}, Needs: []Need{NeedSecret, NeedBoot}, Run: keyPrevious,
	},
	{
		Name: "keys/a-replaced-key-ends-all-tokens", Section: "Settings: generate:key replaces the key",
		Type: feature.JWT, ASVS: []string{"7.4.1", "9.2.4"}, Needs: []Need{NeedSecret, NeedBoot}, Run: keyReplaced,
	},
	{
		Name: "keys/a-key-is-its-utf-8-bytes", Section: "Keys: HKDF-SHA-256 over the UTF-8 bytes of SECRET_KEY",
		Type: feature.JWT, RFC: []string{"RFC 5869 2"}, Needs: []Need{NeedBoot}, Run: keyBytes,
	},
}

func keyIDFormula(t *T) {
	_, s := t.member()
	if want := keyID(t.target.Secret); s.header["kid"] != want {
		t.Errorf("kid is %v, want %q: the first 8 bytes of SHA-256 of the access key", s.header["kid"], want)
	}
}

func keySigns(t *T) {
	_, s := t.member()
	parts := strings.Split(s.access, ".")
	have, err := b64.DecodeString(parts[2])
	if err != nil || !bytes.Equal(have, sign(t.key(), parts[0]+"."+parts[1])) {
		t.Errorf("the signature is not HMAC-SHA-256 under HKDF(SECRET_KEY, %q)", accessInfo)
	}
}

func keyNothingElse(t *T) {
	_, k := t.forge()
	secret := t.target.Secret
	sum := sha256.Sum256([]byte(secret))
	forged := map[string]string{}
	for name, key := range map[string][]byte{
		"SECRET_KEY itself":         []byte(secret),
		"its SHA-256":               sum[:],
		"its SHA-256 in hex":        []byte(hex.EncodeToString(sum[:])),
		"the refresh key":           purposeKey(secret, refreshInfo),
		"the binding key":           purposeKey(secret, bindingInfo),
		"HKDF without info":         purposeKey(secret, ""),
		"the access key in hex":     []byte(hex.EncodeToString(t.key())),
		"the access key in base64":  []byte(base64.StdEncoding.EncodeToString(t.key())),
		"nothing":                   {},
		"the key id":                []byte(keyID(secret)),
		"the issuer":                []byte(t.target.Issuer),
		"the original's default":    []byte("your-secret-key-here"),
		"32 zeros":                  make([]byte, 32),
		"a cut key":                 t.key()[:16],
		"HKDF of an empty secret":   accessKey(""),
		"HKDF of the text None":     accessKey("None"),
		"HKDF of SecretStr('***')":  accessKey("SecretStr('" + mask + "')"),
		"HKDF of a trimmed secret":  accessKey(secret[:len(secret)-1]),
		"HKDF of a repeated secret": accessKey(secret + secret),
	} {
		forged[name] = k.signed(key)
	}
	t.refused(forged)
}

func keyMask(t *T) {
	_, s := t.member()
	k := genuine(s)
	own := k.head("kid", keyID(mask))
	t.refused(map[string]string{
		"HKDF of the mask":                         k.signed(accessKey(mask)),
		"HKDF of the mask, with the mask's kid":    own.signed(accessKey(mask)),
		"the mask itself":                          k.signed([]byte(mask)),
		"the mask itself, with the mask's kid":     own.signed([]byte(mask)),
		"HKDF of the mask in SecretStr('…')":       k.signed(accessKey("SecretStr('" + mask + "')")),
		"the mask in SecretStr('…')":               k.signed([]byte("SecretStr('" + mask + "')")),
		"HKDF of the mask under the refresh label": k.signed(purposeKey(mask, refreshInfo)),
	})
}

func keyRefreshIsNoAccess(t *T) {
	_, s := t.member()
	t.refused(map[string]string{"the refresh token as it is": s.refresh})
	if t.target.Secret == "" {
		return
	}
	k := genuine(s)
	key := purposeKey(t.target.Secret, refreshInfo)
	t.refused(map[string]string{
		"an access token under the refresh key":       k.signed(key),
		"a rt+jwt under the refresh key":              k.head("typ", "rt+jwt").signed(key),
		"a rt+jwt under the access key":               k.head("typ", "rt+jwt").signed(t.key()),
		"an access token with the refresh key's kid":  k.head("kid", kidOf(key)).signed(key),
		"the same, with the access key's own kid too": k.head("kid", kidOf(key)).signed(t.key()),
	})
}

func kidOf(key []byte) string {
	sum := sha256.Sum256(key)
	return b64.EncodeToString(sum[:8])
}

func refreshForm(t *T) {
	_, s := t.member()
	id, counter, mac, err := splitRefresh(s.refresh)
	if err != nil || id != s.id() || counter != 0 || len(mac) != sha256.Size {
		t.Fatalf("the refresh token is not <sid>.0.<HMAC>: session %q, counter %d, %d bytes (%v)", id, counter, len(mac), err)
	}
	row := t.row("SELECT salt, refresh_counter FROM auth_sessions WHERE id = ?", id)
	salt, err := b64.DecodeString(row[0])
	if err != nil || len(salt) != 32 || row[1] != "0" {
		t.Fatalf("the session's salt has %d bytes, its counter is %s; want 32 and 0 (%v)", len(salt), row[1], err)
	}
	if s.refresh != refreshToken(t.target.Secret, id, 0, salt) {
		t.Errorf("the refresh token's HMAC is not the one over session id, counter and salt")
	}
}

// boot starts the app again with env on top, for as long as the case runs.
func (t *T) boot(env map[string]string) *T {
	instance, err := t.target.Boot(t, env)
	if err != nil {
		t.Fatalf("with %v: %v", sortedKeys(env), err)
	}
	t.defers(instance.Stop)
	if env["ENVIRONMENT"] != "development" { // where mails without a server are logged
		t.target.secrets.watch(instance.Output)
	}
	other := t.on(instance.URL)
	other.target.Output = instance.Output
	if secret, ok := env["SECRET_KEY"]; ok {
		other.target.Secret = secret
	}
	if issuer, ok := env["AUTH_ISSUER"]; ok {
		other.target.Issuer = issuer
	}
	return other
}

func keyPrevious(t *T) {
	if strings.Contains(t.target.Secret, ",") {
		t.skip("needs a SECRET_KEY without commas, which separate the previous keys")
	}
	acc, s := t.member()
	for _, previous := range []string{t.target.Secret, thirdSecret + "," + t.target.Secret, t.target.Secret + ", " + thirdSecret} {
		app := t.boot(map[string]string{"SECRET_KEY": secondSecret, "SECRET_KEY_PREVIOUS": previous})
		app.me(s.access).expect("a token of the previous key", 200)
		fresh := app.signIn(acc)
		if fresh.header["kid"] != keyID(secondSecret) {
			t.Errorf("a new token names the key %v, want the current one", fresh.header["kid"])
		}
		app.me(fresh.access).expect("a token of the current key", 200)
		k := genuine(s)
		app.refused(map[string]string{
			"the previous key under the current kid": k.head("kid", keyID(secondSecret)).signed(t.key()),
			"the current key under the previous kid": k.signed(accessKey(secondSecret)),
			"the list of previous keys as one key":   k.head("kid", keyID(previous+",")).signed(accessKey(previous + ",")),
		})
		t.me(fresh.access).expect("a token of the new key where it is not configured", 401)
	}
}

func keyReplaced(t *T) {
	acc, s := t.member()
	app := t.boot(map[string]string{"SECRET_KEY": secondSecret, "AUTH_ISSUER": "fastman:wonderland", "ACCESS_TOKEN_EXPIRE_MINUTES": "5"})
	app.me(s.access).expect("a token of the replaced key", 401)
	fresh := app.signIn(acc)
	app.me(fresh.access).expect("a token of the new key", 200)
	if fresh.claims["iss"] != "fastman:wonderland" || fresh.claims["aud"] != "fastman:wonderland" {
		t.Errorf("AUTH_ISSUER is not iss and aud: %v, %v", fresh.claims["iss"], fresh.claims["aud"])
	}
	if lifetime := fresh.seconds("exp") - fresh.seconds("iat"); lifetime != 300 {
		t.Errorf("with ACCESS_TOKEN_EXPIRE_MINUTES=5 a token lives %d seconds", lifetime)
	}
	other := genuine(fresh).claim("iss", t.target.Issuer).claim("aud", t.target.Issuer)
	app.refused(map[string]string{"a token for the issuer of before": other.signed(app.key())})
	app.tryRegister("Wonderland").expect("the app's name as a password", http.StatusUnprocessableEntity)
}

func keyBytes(t *T) {
	acc := t.register()
	for _, secret := range []string{"žluťoučký kůň úpěl ďábelské ódy", strings.Repeat("\U0001F511", 8), strings.Repeat("x", 32)} {
		app := t.boot(map[string]string{"SECRET_KEY": secret})
		s := app.signIn(acc)
		if s.header["kid"] != keyID(secret) {
			t.Errorf("a key of %s gives another kid than its UTF-8 bytes", codePoints(secret))
		}
	}
}

// refuses expects that the app does not start, and says why, but not the value.
func (t *T) refuses(what string, env map[string]string, mentions ...string) {
	instance, err := t.target.Boot(context.WithoutCancel(t), env)
	if err == nil {
		instance.Stop()
		t.Errorf("%s: the app starts", what)
		return
	}
	var refused *RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("%s: %v", what, err)
	}
	for _, text := range mentions {
		if !strings.Contains(refused.Output, text) {
			t.Errorf("%s: the app's last words do not mention %q:\n%s", what, text, lastLines(refused.Output))
		}
	}
	for name, value := range env {
		if strings.HasPrefix(name, "SECRET_KEY") && len(value) > 8 && strings.Contains(refused.Output, value) {
			t.Errorf("%s: the app's last words give the value of %s away", what, name)
		}
	}
}

// lastLines is the end of an output, where the reason stands.
func lastLines(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return "  | " + strings.Join(lines[max(0, len(lines)-12):], "\n  | ")
}
