// fastman: file jwt
package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"
)

const (
	textMaxBytes   = 1024 // of what is hashed or looked up
	bcryptMaxBytes = 72
	prehashKey     = "fastman/bcrypt/v1"
)

// commonPasswords has one a line, as identityKey folds them.
//
//go:embed common_passwords.txt
var commonPasswords string

// fits bounds what is hashed or looked up, and keeps out what databases cannot store.
func fits(text string) (string, error) {
	if strings.ContainsRune(text, 0) {
		return "", refusal("Value must not contain NUL")
	}
	if len(text) > textMaxBytes {
		return "", refusal(fmt.Sprintf("Value is longer than %d bytes", textMaxBytes))
	}
	return text, nil
}

// passwordPolicy refuses what is guessed first; NIST SP 800-63B asks for no mix of
// characters.
type passwordPolicy struct {
	minLength int // characters
	appName   string
}

func (p passwordPolicy) check(password, email, username string) error {
	if utf8.RuneCountInString(norm.NFC.String(password)) < p.minLength {
		return refusal(fmt.Sprintf("Password must have at least %d characters", p.minLength))
	}
	folded := identityKey(password)
	if isCommon(folded) {
		return refusal("Password is one of the most common ones")
	}
	localPart := email[:max(0, strings.LastIndexByte(email, '@'))]
	for _, own := range []string{email, localPart, username, p.appName} {
		if folded == identityKey(own) {
			return refusal("Password must not be your name, your e-mail or this app's name")
		}
	}
	return nil
}

func isCommon(folded string) bool {
	if strings.Contains(folded, "\n") {
		return false
	}
	return strings.HasPrefix(commonPasswords, folded+"\n") || strings.Contains(commonPasswords, "\n"+folded+"\n")
}

func hashPassword(password string, cost int) (string, error) {
	hash, err := bcrypt.GenerateFromPassword(bcryptInput(norm.NFC.String(password)), cost)
	if err != nil {
		return "", err
	}
	// The same algorithm: $2b$ says that it has no bug which this one never had.
	return strings.Replace(string(hash), "$2a$", "$2b$", 1), nil
}

// verifyPassword takes the time of a hash of this cost for every kind of failure; an
// account without a password has "" stored.
func verifyPassword(password, stored string, cost int) bool {
	composed := norm.NFC.String(password)
	if matches(composed, stored, cost) {
		return true
	}
	// A hash from elsewhere may be of the bytes as sent.
	return password != composed && matches(password, stored, cost)
}

func needsRehash(stored string, cost int) bool {
	return !strings.HasPrefix(stored, fmt.Sprintf("$2b$%02d$", cost))
}

// bcryptInput fits a long password into bcrypt, which reads 72 bytes.
func bcryptInput(password string) []byte {
	if len(password) <= bcryptMaxBytes {
		return []byte(password)
	}
	mac := hmac.New(sha256.New, []byte(prehashKey))
	mac.Write([]byte(password))
	return []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

var bcryptHash = regexp.MustCompile(`^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$`)

func matches(password, stored string, cost int) bool {
	if strings.HasPrefix(stored, "$argon2id$") {
		return matchesArgon2(password, stored) || spend(cost)
	}
	known := bcryptHash.FindStringSubmatch(stored)
	if known == nil {
		return spend(cost)
	}
	if bcrypt.CompareHashAndPassword([]byte(stored), bcryptInput(password)) == nil {
		return true
	}
	// A cheaper hash has taken 2^n steps; 2^n + ... + 2^(cost-1) more make 2^cost.
	cheaper, _ := strconv.Atoi(known[1])
	for ; cheaper < cost; cheaper++ {
		spend(cheaper)
	}
	return false
}

// spend takes the time of one hash, so that no answer tells a name that exists.
func spend(cost int) bool {
	hash := fmt.Sprintf("$2b$%02d$%s", cost, strings.Repeat(".", 53))
	_ = bcrypt.CompareHashAndPassword([]byte(hash), nil)
	return false
}

// The most that a stored hash may ask for. RFC 9106, section 4, recommends 2 GiB and
// one pass, or 64 MiB and three.
const (
	argon2MaxMemory = 2 << 20 // KiB
	argon2MaxPasses = 100
)

var argon2Hash = regexp.MustCompile(`^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,})\$([A-Za-z0-9+/]{6,})$`)

func matchesArgon2(password, stored string) bool {
	parts := argon2Hash.FindStringSubmatch(stored)
	if parts == nil {
		return false
	}
	memory, _ := strconv.ParseUint(parts[1], 10, 32)
	passes, _ := strconv.ParseUint(parts[2], 10, 32)
	lanes, tooMany := strconv.ParseUint(parts[3], 10, 8)
	salt, noSalt := base64.RawStdEncoding.DecodeString(parts[4])
	want, noSum := base64.RawStdEncoding.DecodeString(parts[5])
	if tooMany != nil || noSalt != nil || noSum != nil || lanes == 0 || passes == 0 ||
		passes > argon2MaxPasses || memory > argon2MaxMemory || memory < 8*lanes {
		return false
	}
	sum := argon2.IDKey([]byte(password), salt, uint32(passes), uint32(memory), uint8(lanes), uint32(len(want)))
	return subtle.ConstantTimeCompare(sum, want) == 1
}
