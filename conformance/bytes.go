package conformance

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// The byte formats that both stacks share, computed here a second time and from
// nothing but the contract: what the app writes is compared with this.

const (
	accessInfo  = "fastman/access/v1"
	refreshInfo = "fastman/refresh/v1"
	bindingInfo = "fastman/binding/v1"
	prehashKey  = "fastman/bcrypt/v1"

	// bcryptLimit is how many bytes bcrypt reads; the rest it would ignore.
	bcryptLimit = 72
)

var b64 = base64.RawURLEncoding

// purposeKey is the key of one purpose: HKDF-SHA-256 (RFC 5869), no salt, 32 bytes.
func purposeKey(secret, info string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, info, sha256.Size)
	if err != nil {
		panic(err) // only for lengths over 255 hashes
	}
	return key
}

func accessKey(secret string) []byte { return purposeKey(secret, accessInfo) }

// keyID names the access key in a token's header without giving it away.
func keyID(secret string) string {
	sum := sha256.Sum256(accessKey(secret))
	return b64.EncodeToString(sum[:8])
}

// identityKey is what makes e-mails and usernames unique: the full case folding
// of the NFC form.
func identityKey(s string) string {
	return strings.Map(foldCherokee, cases.Fold().String(norm.NFC.String(s)))
}

// foldCherokee corrects x/text, which folds Cherokee to small letters. Unicode's
// CaseFolding.txt has it fold to capitals, the older half of the script.
func foldCherokee(r rune) rune {
	switch {
	case 0xab70 <= r && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case 0x13f8 <= r && r <= 0x13fd:
		return r - 8
	}
	return r
}

// bcryptInput is what bcrypt is given for a password.
func bcryptInput(password string) []byte {
	plain := []byte(norm.NFC.String(password))
	if len(plain) <= bcryptLimit {
		return plain
	}
	return []byte(base64.StdEncoding.EncodeToString(sign([]byte(prehashKey), string(plain))))
}

// refreshToken is `<session id>.<counter>.<HMAC over both and the session's salt>`.
func refreshToken(secret, sessionID string, counter int, salt []byte) string {
	head := sessionID + "." + strconv.Itoa(counter) + "."
	return head + b64.EncodeToString(sign(purposeKey(secret, refreshInfo), head+string(salt)))
}

// splitRefresh takes a refresh token apart.
func splitRefresh(token string) (sessionID string, counter int, mac []byte, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", 0, nil, fmt.Errorf("%d parts, want 3", len(parts))
	}
	if counter, err = strconv.Atoi(parts[1]); err != nil {
		return "", 0, nil, err
	}
	mac, err = b64.DecodeString(parts[2])
	return parts[0], counter, mac, err
}

func sign(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
