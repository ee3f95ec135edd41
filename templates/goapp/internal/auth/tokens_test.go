// fastman: file jwt or oauth or passkey
package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func newTestTokens(t *testing.T, secrets ...string) *tokens {
	t.Helper()
	signs, err := newTokens(Config{SecretKey: secrets[0], PreviousSecretKeys: secrets[1:], Issuer: "fastman:app", AccessTokenLifetime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return signs
}

// A token is good for who knows the key, also after the key was replaced.
func TestAccessToken(t *testing.T) {
	signs := newTestTokens(t, "old")
	token, err := signs.issueAccess(7, randomText(16), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, reads := range []*tokens{signs, newTestTokens(t, "new", "old")} {
		if claims, err := reads.readAccess(token); err != nil || claims.UserID != 7 {
			t.Errorf("%+v, %v", claims, err)
		}
	}
	if _, err := newTestTokens(t, "new").readAccess(token); err == nil {
		t.Error("a token of an unknown key is accepted")
	}
}

// What is not exactly as we write it is refused, whoever has signed it.
func TestForgedToken(t *testing.T) {
	signs := newTestTokens(t, "secret")
	now := time.Now().Unix()
	genuine := jwt.MapClaims{
		"iss": "fastman:app", "aud": "fastman:app", "sub": "7", "sid": randomText(16), "jti": "x", "iat": now, "nbf": now, "exp": now + 60,
	}
	forge := func(change func(*jwt.Token, jwt.MapClaims)) string {
		claims := jwt.MapClaims{}
		for name, value := range genuine {
			claims[name] = value
		}
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
		token.Header["typ"], token.Header["kid"] = tokenType, signs.keys.kid
		change(token, claims)
		text, err := token.SignedString(signs.keys.access[signs.keys.kid])
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if _, err := signs.readAccess(forge(func(*jwt.Token, jwt.MapClaims) {})); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*jwt.Token, jwt.MapClaims){
		"expired":                  func(_ *jwt.Token, c jwt.MapClaims) { c["exp"] = now },
		"not yet":                  func(_ *jwt.Token, c jwt.MapClaims) { c["nbf"] = now + 3600 },
		"another issuer":           func(_ *jwt.Token, c jwt.MapClaims) { c["iss"] = "other" },
		"an audience of two":       func(_ *jwt.Token, c jwt.MapClaims) { c["aud"] = []string{"fastman:app", "other"} },
		"no session":               func(_ *jwt.Token, c jwt.MapClaims) { delete(c, "sid") },
		"a time that is text":      func(_ *jwt.Token, c jwt.MapClaims) { c["exp"] = "9999999999" },
		"a time that is no second": func(_ *jwt.Token, c jwt.MapClaims) { c["exp"] = float64(now) + 60.5 },
		"a name in capitals":       func(_ *jwt.Token, c jwt.MapClaims) { c["EXP"] = c["exp"]; delete(c, "exp") },
		"a user with a zero":       func(_ *jwt.Token, c jwt.MapClaims) { c["sub"] = "07" },
		"the type of an ID token":  func(k *jwt.Token, _ jwt.MapClaims) { k.Header["typ"] = "JWT" },
		"no key":                   func(k *jwt.Token, _ jwt.MapClaims) { delete(k.Header, "kid") },
		"an extension":             func(k *jwt.Token, _ jwt.MapClaims) { k.Header["crit"] = []string{"b64"} },
		"another algorithm":        func(k *jwt.Token, _ jwt.MapClaims) { k.Method = jwt.SigningMethodHS512; k.Header["alg"] = "HS512" },
		"over 4 KiB":               func(_ *jwt.Token, c jwt.MapClaims) { c["x"] = strings.Repeat("x", 4096) },
	} {
		if _, err := signs.readAccess(forge(change)); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	for _, garbage := range []string{"", ".", "..", "a.b.c", strings.Repeat(".", 100), "\xff.\xff.\xff"} {
		if _, err := signs.readAccess(garbage); err == nil {
			t.Errorf("%q: accepted", garbage)
		}
	}
}

// A refresh token fits one session, one counter and one salt.
func TestRefreshToken(t *testing.T) {
	signs := newTestTokens(t, "secret")
	id, salt := randomText(16), randomText(32)
	given, err := readRefresh(signs.issueRefresh(id, 3, salt))
	if err != nil || given.sessionID != id || given.counter != 3 || !signs.isGenuine(given, salt) {
		t.Errorf("%+v, %v", given, err)
	}
	if signs.isGenuine(given, randomText(32)) || signs.isGenuine(given, "!") || newTestTokens(t, "other").isGenuine(given, salt) {
		t.Error("a foreign token is genuine")
	}
	for _, text := range []string{"", id, id + ".03." + salt, id + ".-1." + salt, id + ".3." + salt + "=", " " + given.text, given.text + "\n"} {
		if _, err := readRefresh(text); err == nil {
			t.Errorf("%q has the form", text)
		}
	}
}
