// fastman: file jwt
package auth

import (
	"strings"
	"testing"
)

const testCost = 4 // the least that bcrypt takes, for tests to be fast

// What is guessed first is no password.
func TestPolicyRefusesWhatIsGuessed(t *testing.T) {
	policy := passwordPolicy{minLength: 8, appName: "Lovelace's"}
	for _, password := range []string{
		"short12", "\u00e9\u00e9\u00e9\u00e9", "Password123", "ada@example.com", "ADA.LOVELACE", "countess", "lovelace's", "am\u00e9lie.1",
	} {
		if policy.check(password, "countess@example.com", "ada.lovelace") == nil &&
			policy.check(password, "ada@example.com", "ame\u0301lie.1") == nil {
			t.Errorf("%q is taken", password)
		}
	}
}

// What cannot be hashed or looked up is refused before it is tried.
func TestTextFits(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, strings.Repeat("x", 1024): true, strings.Repeat("\u00e9", 512): true,
		strings.Repeat("x", 1025): false, strings.Repeat("\u00e9", 513): false, "x\x00": false, "\x00": false,
	} {
		if _, err := fits(text); (err == nil) != want {
			t.Errorf("%.20q, %d bytes: %v", text, len(text), err)
		}
	}
}

// A password needs length, and no mix of characters.
func TestPolicyAsksForLengthOnly(t *testing.T) {
	policy := passwordPolicy{minLength: 8, appName: "app"}
	for _, password := range []string{"        ", "zqwvkxmj", strings.Repeat("\U0001f511", 8), "password\npassword1"} {
		if err := policy.check(password, "", ""); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// A password is found again, and every byte of it counts, past bcrypt's 72 too.
func TestPasswordIsExact(t *testing.T) {
	for _, password := range []string{"correct horse", strings.Repeat("x", 72), strings.Repeat("x", 72) + "right", "caf\u00e9 au lait"} {
		stored, err := hashPassword(password, testCost)
		if err != nil || !strings.HasPrefix(stored, "$2b$04$") {
			t.Fatalf("%q is stored as %q (%v)", password, stored, err)
		}
		if !verifyPassword(password, stored, testCost) || needsRehash(stored, testCost) {
			t.Errorf("%q is not recognised", password)
		}
		for _, other := range []string{password + "x", password[:len(password)-1], strings.ToUpper(password)} {
			if verifyPassword(other, stored, testCost) {
				t.Errorf("%q is taken for %q", other, password)
			}
		}
	}
}

// Keyboards may compose letters differently, and other apps may have hashed them so.
func TestPasswordInAnyNormalForm(t *testing.T) {
	stored, err := hashPassword("caf\u00e9 au lait", testCost)
	if err != nil || !verifyPassword("cafe\u0301 au lait", stored, testCost) {
		t.Errorf("NFD is not recognised (%v)", err)
	}
	const ofBytesAsSent = "$2b$04$......................nQN80Y/rE9Aid64nOJU6CeOuIugGL5i" // "cafe\u0301 au lait"
	if !verifyPassword("cafe\u0301 au lait", ofBytesAsSent, testCost) || verifyPassword("caf\u00e9 au lait", ofBytesAsSent, testCost) {
		t.Error("a hash of the bytes as sent is not recognised")
	}
}

// Hashes of other apps are understood, and made anew at the next sign-in.
func TestForeignHashes(t *testing.T) {
	stored, err := hashPassword("correct horse", testCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{
		strings.Replace(stored, "$2b$", "$2a$", 1), strings.Replace(stored, "$2b$", "$2y$", 1),
		"$argon2id$v=19$m=64,t=1,p=1$qfrLlicK47KfN56mRdXFqg$IYQR7GFvrglPQIS7uBCf22+m9P5zJJrOL49+OYnZrS0",
	} {
		if !verifyPassword("correct horse", foreign, testCost) || verifyPassword("wrong horse", foreign, testCost) {
			t.Errorf("%s is not understood", foreign)
		}
		if !needsRehash(foreign, testCost) {
			t.Errorf("%s stays", foreign)
		}
	}
}

// A damaged hash lets nobody in, and asks for no more than a hash may.
func TestDamagedHashes(t *testing.T) {
	for _, stored := range []string{
		"", "plain", "$2b$04$short", "$2b$99$" + strings.Repeat(".", 53), "$2b$04$" + strings.Repeat("-", 53), "$2x$04$" + strings.Repeat(".", 53),
		"$argon2id$x", "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAA", "$argon2id$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=999,p=1$c2FsdHNhbHQ$AAAAAAAAAAA", "$argon2id$v=19$m=64,t=0,p=0$c2FsdHNhbHQ$AAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=300$c2FsdHNhbHQ$AAAAAAAAAAA", "$argon2id$v=19$m=7,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAA",
	} {
		if verifyPassword("anything", stored, testCost) || verifyPassword("", stored, testCost) {
			t.Errorf("%q lets somebody in", stored)
		}
	}
}
