// fastman: file jwt or oauth or passkey
package auth

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Names that people sign in with: what is allowed, and when two of them are one.

// fastman: if jwt or passkey
const (
	usernameMin = 3 // characters, of the NFC form
	usernameMax = 100
)

// fastman: end
// identityKey maps all spellings of a name to one, by Unicode's rules, not the
// database's.
func identityKey(text string) string {
	return strings.Map(foldCherokee, cases.Fold().String(norm.NFC.String(text)))
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

// fastman: if jwt
// loginKey returns the e-mail key that a sign-in means, or without an "@" the
// username key.
func loginKey(identifier string, allowTest bool) string {
	if strings.Contains(identifier, "@") {
		if email, err := normalizeEmail(identifier, allowTest); err == nil {
			identifier = email
		}
	}
	return identityKey(identifier)
}

// fastman: end
// fastman: if jwt or passkey
// normalizeUsername returns the NFC form of 3 to 100 letters, digits, dots,
// underscores, hyphens.
func normalizeUsername(name string) (string, error) {
	name = norm.NFC.String(name)
	if length := utf8.RuneCountInString(name); length < usernameMin || length > usernameMax {
		return "", refusal("Username must have 3 to 100 characters")
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !inUsername(r) }) {
		return "", refusal("Username may hold letters, digits and . _ - only")
	}
	return name, nil
}

func inUsername(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-", r)
}

// fastman: end
