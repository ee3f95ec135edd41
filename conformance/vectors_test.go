package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

var update = flag.Bool("update", false, "rewrite conformance/vectors and docs/asvs.md")

// The secrets of the vectors; the last one shows that keys are made of UTF-8 bytes.
var vectorSecrets = []string{
	"fastman test vector, not a secret: ascii",
	"fastman test vector, not a secret: " + strings.Repeat("long ", 40),
	"fastman test vector, not a secret: žluťoučký 🔑",
}

var vectorPasswords = []string{
	"correct horse battery staple",
	strings.Repeat("a", 72),
	strings.Repeat("a", 73),
	strings.Repeat("é", 36),                  // 72 bytes
	strings.Repeat("e\u0301", 36),            // 108 bytes as sent, 72 in NFC
	strings.Repeat("é", 36) + "!",            // 73 bytes
	strings.Repeat("\U0001F511", 18) + "key", // 75 bytes, a code point over the 72nd
	strings.Repeat("0123456789abcdef", 64),   // 1,024 bytes
	"\u1112\u1161\u11ab" + strings.Repeat("\uD55C", 30),
	" leading and trailing ",
}

var vectorIdentities = []string{
	"alice@example.com",
	"Alice@Example.COM",
	"Stra\u00dfe",
	"STRASSE",
	"\u1e9eharp",          // capital sharp s
	"\u0130stanbul",       // I with dot above
	"I\u0307stanbul",      // the same, decomposed
	"\u0131stanbul",       // dotless i stays
	"\u039f\u03a3",        // capital sigma
	"\u03bf\u03c2",        // final sigma
	"\u03bf\u03c3",        // sigma
	"\u1112\u1161\u11ab",  // Hangul, conjoining jamo
	"\ud55c",              // Hangul, precomposed
	"Ame\u0301lie",        // combining acute
	"AM\u00c9LIE",         // precomposed
	"\u1e9b\u0323",        // long s with dots: NFC orders the marks
	"\ufb01nance",         // ligature fi
	"\u01f0",              // j with caron folds to two code points
	"\u0390",              // iota with dialytika and tonos folds to three
	"\u0149",              // n preceded by apostrophe
	"\u212bngstr\u00f6m",  // Angstrom sign
	"\u2126",              // Ohm sign
	"\u1f88\u1fb3",        // iota subscript
	"\u13a0\uab70",        // Cherokee folds to capitals
	"\U00010400",          // Deseret, outside the BMP
	"\uff21\uff22",        // full-width letters keep their width
	"q\u0307\u0323",       // marks in the wrong order
	"user.name_01-\u0436", // Cyrillic
}

type hkdfVector struct {
	Secret string `json:"secret"`
	Info   string `json:"info"`
	Key    string `json:"key_hex"`
}

type kidVector struct {
	Secret string `json:"secret"`
	KeyID  string `json:"kid"`
}

type passwordVector struct {
	Password string `json:"password"`
	NFC      string `json:"nfc_utf8_hex"`
	Input    string `json:"bcrypt_input_hex"`
}

type identityVector struct {
	Text string `json:"text"`
	Key  string `json:"key"`
}

type refreshVector struct {
	Secret    string `json:"secret"`
	SessionID string `json:"session_id"`
	Counter   int    `json:"counter"`
	Salt      string `json:"salt"`
	Token     string `json:"refresh_token"`
}

// Whoever ports the app to another stack finds, in the files, exactly what this
// package computes.
func TestVectors(t *testing.T) {
	files := map[string]any{
		"hkdf.json":          hkdfVectors(),
		"kid.json":           kidVectors(),
		"password.json":      passwordVectors(),
		"identity.json":      identityVectors(),
		"refresh_token.json": refreshVectors(),
	}
	for name, vectors := range files {
		compareFile(t, filepath.Join("vectors", name), encodeASCII(t, vectors))
	}
}

func hkdfVectors() []hkdfVector {
	var all []hkdfVector
	for _, secret := range vectorSecrets {
		for _, info := range []string{accessInfo, refreshInfo, bindingInfo} {
			all = append(all, hkdfVector{secret, info, hex.EncodeToString(purposeKey(secret, info))})
		}
	}
	return all
}

func kidVectors() []kidVector {
	var all []kidVector
	for _, secret := range vectorSecrets {
		all = append(all, kidVector{secret, keyID(secret)})
	}
	return all
}

func passwordVectors() []passwordVector {
	var all []passwordVector
	for _, p := range vectorPasswords {
		nfc := norm.NFC.String(p)
		all = append(all, passwordVector{p, hex.EncodeToString([]byte(nfc)), hex.EncodeToString(bcryptInput(p))})
	}
	return all
}

func identityVectors() []identityVector {
	var all []identityVector
	for _, text := range vectorIdentities {
		all = append(all, identityVector{text, identityKey(text)})
	}
	return all
}

func refreshVectors() []refreshVector {
	var all []refreshVector
	for i, counter := range []int{0, 1, 4096} {
		secret := vectorSecrets[i]
		id := b64.EncodeToString(bytes.Repeat([]byte{byte(0xf0 + i)}, 16))
		salt := bytes.Repeat([]byte{byte(i), 0xff}, 16)
		all = append(all, refreshVector{
			secret, id, counter, b64.EncodeToString(salt), refreshToken(secret, id, counter, salt),
		})
	}
	return all
}

// encodeASCII writes JSON with everything outside ASCII escaped, so that no editor
// and no version control normalises the vectors.
func encodeASCII(t *testing.T, v any) []byte {
	t.Helper()
	plain, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, r := range string(plain) {
		if r < 0x80 {
			out.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteToASCII(string(r))
		if r > 0xffff {
			quoted = surrogates(r)
		}
		out.WriteString(strings.Replace(strings.Trim(quoted, `"`), `\x`, `\u00`, 1))
	}
	return append(out.Bytes(), '\n')
}

// surrogates spells a code point past the BMP as JSON does (RFC 8259, section 7).
func surrogates(r rune) string {
	r -= 0x10000
	hexed := func(unit rune) string { return `\u` + strconv.FormatInt(int64(unit), 16) }
	return hexed(0xd800+r>>10) + hexed(0xdc00+r&0x3ff)
}

func compareFile(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s differs from what the contract's formulas give; `go test ./conformance -run TestVectors -update` rewrites it", path)
	}
}

// HKDF with no salt is HKDF with a salt of zeros (RFC 5869, section 2.2): the same
// key, computed by its two steps.
func TestPurposeKeyByHand(t *testing.T) {
	secret := vectorSecrets[0]
	extracted := sign(make([]byte, 32), secret)
	expanded := sign(extracted, accessInfo+"\x01")
	if !bytes.Equal(expanded, purposeKey(secret, accessInfo)) {
		t.Error("the two steps of RFC 5869 give another key")
	}
}

func TestPasswordsOverTheLimitAreHashedFirst(t *testing.T) {
	if got := bcryptInput(strings.Repeat("a", 72)); len(got) != 72 {
		t.Errorf("72 bytes became %d", len(got))
	}
	got := bcryptInput(strings.Repeat("a", 73))
	if mac, err := base64.StdEncoding.DecodeString(string(got)); err != nil || len(mac) != 32 {
		t.Errorf("73 bytes became %q", got)
	}
}
