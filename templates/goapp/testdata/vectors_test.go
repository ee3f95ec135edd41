package auth

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// The two stacks share one database because they write the same bytes: those of the
// vectors. This file is laid over internal/auth by a test of the folder templates, and
// is not part of what is emitted.

func readVectors[T any](t *testing.T, name string) []T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "conformance", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []T
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%s: %d vectors (%v)", name, len(vectors), err)
	}
	return vectors
}

// One key for each purpose, the same from the same secret.
func TestVectorsOfKeys(t *testing.T) {
	type vector struct {
		Secret, Info string
		Key          string `json:"key_hex"`
	}
	for _, v := range readVectors[vector](t, "hkdf.json") {
		if key, err := deriveKey(v.Secret, v.Info); err != nil || hex.EncodeToString(key) != v.Key {
			t.Errorf("%s of %q: %x (%v)", v.Info, v.Secret, key, err)
		}
	}
}

// A token names its key alike.
func TestVectorsOfKeyIDs(t *testing.T) {
	type vector struct{ Secret, Kid string }
	for _, v := range readVectors[vector](t, "kid.json") {
		if keys, err := newKeys(v.Secret); err != nil || keys.kid != v.Kid {
			t.Errorf("%q: %s (%v)", v.Secret, keys.kid, err)
		}
	}
}

// A refresh token of one stack is the other's.
func TestVectorsOfRefreshTokens(t *testing.T) {
	type vector struct {
		Secret    string
		SessionID string `json:"session_id"`
		Counter   int64
		Salt      string
		Token     string `json:"refresh_token"`
	}
	for _, v := range readVectors[vector](t, "refresh_token.json") {
		issued, err := newTokens(Config{SecretKey: v.Secret})
		if err != nil {
			t.Fatal(err)
		}
		if token := issued.issueRefresh(v.SessionID, v.Counter, v.Salt); token != v.Token {
			t.Errorf("%s.%d: %s", v.SessionID, v.Counter, token)
		}
		given, err := readRefresh(v.Token)
		if err != nil || !issued.isGenuine(given, v.Salt) {
			t.Errorf("%s is refused (%v)", v.Token, err)
		}
	}
}

// The same password goes into bcrypt as the same bytes.
func TestVectorsOfPasswords(t *testing.T) {
	type vector struct {
		Password string
		NFC      string `json:"nfc_utf8_hex"`
		Input    string `json:"bcrypt_input_hex"`
	}
	for _, v := range readVectors[vector](t, "password.json") {
		composed := norm.NFC.String(v.Password)
		if hex.EncodeToString([]byte(composed)) != v.NFC || hex.EncodeToString(bcryptInput(composed)) != v.Input {
			t.Errorf("%+q: %x", v.Password, bcryptInput(composed))
		}
	}
}

// The same names are one name.
func TestVectorsOfIdentities(t *testing.T) {
	type vector struct{ Text, Key string }
	for _, v := range readVectors[vector](t, "identity.json") {
		if key := identityKey(v.Text); key != v.Key {
			t.Errorf("%+q: %+q, want %+q", v.Text, key, v.Key)
		}
	}
}
