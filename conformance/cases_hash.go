package conformance

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"

	"fastman/internal/feature"
)

var hashCases = []Case{
	{
		Name: "hash/is-written-as-bcrypt-2b", Section: "Passwords: bcrypt $2b$",
		Type: feature.JWT, ASVS: []string{"11.4.2"}, Needs: []Need{NeedDB}, Run: hashIsBcrypt,
	},
	{
		Name: "hash/up-to-72-bytes-is-plain-bcrypt", Section: "Passwords: up to 72 plain bcrypt",
		Type: feature.JWT, Needs: []Need{NeedDB}, Run: hashOfShortIsPlain,
	},
	{
		Name: "hash/over-72-bytes-is-hashed-first", Section: "Passwords: base64 of HMAC-SHA-256 under the fixed key fastman/bcrypt/v1",
		Type: feature.JWT, ASVS: []string{"6.2.8"}, Needs: []Need{NeedDB}, Run: hashOfLongIsPrehashed,
	},
	{
		Name: "hash/other-apps-bcrypt-is-accepted", Section: "Passwords: Accepted for verification",
		Type: feature.JWT, Needs: []Need{NeedDB}, Run: hashAcceptsBcrypt,
	},
	{
		Name: "hash/argon2id-is-accepted", Section: "Passwords: Accepted for verification",
		Type: feature.JWT, RFC: []string{"RFC 9106 3.1"}, Needs: []Need{NeedDB}, Run: hashAcceptsArgon2id,
	},
	{
		Name: "hash/imported-bytes-are-tried-as-sent", Section: "Passwords: the bytes as sent once, for imported hashes",
		Type: feature.JWT, Needs: []Need{NeedDB}, Run: hashOfBytesAsSent,
	},
	{
		Name: "hash/is-made-anew-when-the-cost-changed", Section: "Passwords: Rehash at login when the cost changed",
		Type: feature.JWT, ASVS: []string{"11.4.2"}, Needs: []Need{NeedDB}, Run: hashIsRenewed,
	},
	{
		Name: "hash/stays-when-the-cost-is-right", Section: "Passwords: Rehash at login when the cost changed",
		Type: feature.JWT, Needs: []Need{NeedDB}, Run: hashStays,
	},
	{
		Name: "hash/one-that-is-none-is-a-failed-login", Section: "No enumeration: Unknown user, wrong password, inactive, no password",
		Type: feature.JWT, ASVS: []string{"16.5.3"}, Needs: []Need{NeedDB}, Run: hashOfGarbage,
	},
}

func hashIsBcrypt(t *T) {
	acc := t.register()
	hash := t.storedHash(acc)
	if _, err := cost(hash); err != nil || !strings.HasPrefix(hash, "$2b$") {
		t.Errorf("the stored hash begins %.7q and has %d bytes, want $2b$ and 60", hash, len(hash))
	}
	other := t.storedHash(t.registerWith(acc.password))
	if other == hash {
		t.Errorf("two accounts with one password have the same hash")
	}
}

func hashOfShortIsPlain(t *T) {
	for _, password := range []string{"correct horse " + unique(), strings.Repeat("kq7 ", 18), strings.Repeat("e\u0301", 36)} {
		hash := t.storedHash(t.registerWith(password))
		if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(norm.NFC.String(password))); err != nil {
			t.Errorf("%s: bcrypt over the NFC bytes does not match: %v", codePoints(password), err)
		}
	}
}

func hashOfLongIsPrehashed(t *T) {
	for _, password := range []string{strings.Repeat("kq7 ", 18) + "x", strings.Repeat("k7", 512), strings.Repeat("e\u0301", 40)} {
		hash := t.storedHash(t.registerWith(password))
		if err := bcrypt.CompareHashAndPassword([]byte(hash), bcryptInput(password)); err != nil {
			t.Errorf("%s: bcrypt over base64 of the HMAC does not match: %v", codePoints(password), err)
		}
	}
}

// foreignHash is bcrypt as another app has made it.
func foreignHash(t *T, prefix, password string, rounds int) string {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), rounds)
	if err != nil {
		t.Fatalf("bcrypt: %v", err)
	}
	return prefix + strings.TrimPrefix(string(hash), "$2a$")
}

func hashAcceptsBcrypt(t *T) {
	for _, prefix := range []string{"$2a$", "$2b$", "$2y$"} {
		acc := t.register()
		imported := "imported " + unique()
		t.importHash(acc, foreignHash(t, prefix, imported, 5))
		t.login(acc.email, acc.password).expect("the old password after an import of "+prefix, 401)
		t.login(acc.email, imported+"x").expect("a wrong password for "+prefix, 401)
		t.login(acc.email, imported).expect("the password of "+prefix, 200)
		t.login(acc.email, imported).expect("the password of "+prefix+", a second time", 200)
	}
}

func hashAcceptsArgon2id(t *T) {
	acc := t.register()
	imported, salt := "imported "+unique(), []byte("0123456789abcdef")
	const passes, memory, lanes = 2, 8192, 1 // memory in KiB
	sum := argon2.IDKey([]byte(imported), salt, passes, memory, lanes, 32)
	t.importHash(acc, fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", memory, passes, lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)))
	t.login(acc.email, imported+"x").expect("a wrong password", 401)
	t.login(acc.email, imported).expect("the password", 200)
	t.login(acc.email, imported).expect("the password, a second time", 200)
}

func hashOfBytesAsSent(t *T) {
	composed, decomposed := "\u00e9t\u00e9 1936", "e\u0301te\u0301 1936"
	acc := t.register()
	t.importHash(acc, foreignHash(t, "$2b$", decomposed, 5))
	t.login(acc.email, composed).expect("NFC against a hash of the NFD bytes", 401)
	t.login(acc.email, decomposed).expect("NFD against a hash of the NFD bytes", 200)
	t.importHash(acc, foreignHash(t, "$2b$", composed, 5))
	t.login(acc.email, decomposed).expect("NFD against a hash of the NFC bytes", 200)
}

func hashIsRenewed(t *T) {
	acc := t.register()
	configured, err := cost(t.storedHash(acc))
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, other := range []int{4, 5} {
		if other == configured {
			continue
		}
		old := foreignHash(t, "$2b$", acc.password, other)
		t.importHash(acc, old)
		t.login(acc.email, acc.password+"x").want(http.StatusUnauthorized)
		if t.storedHash(acc) != old {
			t.Errorf("a failed login changed the hash")
		}
		t.login(acc.email, acc.password).want(http.StatusOK)
		renewed := t.hashAfter(acc, old)
		if got, err := cost(renewed); err != nil || got != configured {
			t.Errorf("after a login the cost of the hash is %d, want %d (%v)", got, configured, err)
		}
		t.login(acc.email, acc.password).expect("login with the hash made anew", 200)
	}
}

// hashAfter waits until the stored hash is another one than old.
func (t *T) hashAfter(acc account, old string) string {
	deadline := time.Now().Add(10 * time.Second)
	for {
		hash := t.storedHash(acc)
		if hash != old || time.Now().After(deadline) {
			return hash
		}
	}
}

func hashStays(t *T) {
	acc := t.register()
	before := t.storedHash(acc)
	t.signIn(acc)
	if t.storedHash(acc) != before {
		t.Errorf("a login changed a hash of the right cost")
	}
}

func hashOfGarbage(t *T) {
	acc := t.register()
	real := t.storedHash(acc)
	for _, hash := range []string{
		"", " ", "!", "x", "plain text", "$", "$2b$", "$2b$99$" + real[7:], "$2b$04$", real[:59], real + "x",
		"$2b$00$" + real[7:], "$2x$" + real[4:], "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$AAAA",
		"$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$5$rounds=5000$saltsalt$x", strings.Repeat("$2b$", 15), "\u00e9\u00e9\u00e9",
	} {
		t.importHash(acc, hash)
		t.fresh().login(acc.email, acc.password).expect("login over the stored hash "+quoted(hash), 401)
	}
}
