// fastman: file jwt or oauth or passkey
package auth

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	emailMaxRunes  = 320 // RFC 5321, section 4.5.3.1: 64 + "@" + 255
	emailMaxBytes  = 254 // RFC 3696, erratum 1690
	domainMaxBytes = 253 // RFC 1035, section 2.3.4, less the root
)

const errEmail = refusal("Value is not a valid e-mail address")

var (
	// localPart is the dot-atom of RFC 5322, section 3.2.3, with RFC 6531's letters.
	localPart = regexp.MustCompile(dotted(`[\w!#$%&'*+\-/=?^{|}~` + "`" + `\x{80}-\x{10ffff}]+`))
	// hostname is of RFC 1123, section 2.1, in labels of at most 63 bytes.
	hostname = regexp.MustCompile(dotted(`[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?`))
)

func dotted(part string) string { return `^` + part + `(?:\.` + part + `)*$` }

// specialDomains have no mail that could be delivered from elsewhere (RFC 6761).
var specialDomains = []string{"arpa", "invalid", "local", "localhost", "onion", "test"}

// sharedMailboxes are of a role, and their names have no case (RFC 2142).
var sharedMailboxes = []string{
	"info", "marketing", "sales", "support", "abuse", "noc", "security", "postmaster",
	"hostmaster", "usenet", "news", "webmaster", "www", "uucp", "ftp",
}

// normalizeEmail returns the form that is stored: domain in lower case and Unicode,
// all in NFC. allowTest lets the domain "test" pass.
func normalizeEmail(address string, allowTest bool) (string, error) {
	// Mail software decodes "=?" into another address (RFC 2047).
	if utf8.RuneCountInString(address) > emailMaxRunes || strings.Contains(address, "=?") {
		return "", errEmail
	}
	local, domain, _ := strings.Cut(address, "@")
	normalLocal, ok := normalizeLocal(local)
	if !ok {
		return "", errEmail
	}
	ascii, normalDomain, ok := normalizeDomain(domain, allowTest)
	if !ok {
		return "", errEmail
	}
	normal := normalLocal + "@" + normalDomain
	if max(len(address), len(normal), len(normalLocal+"@"+ascii)) > emailMaxBytes {
		return "", errEmail
	}
	return normal, nil
}

func normalizeLocal(local string) (string, bool) {
	normal := norm.NFC.String(local)
	if !isLocalPart(local) || !isLocalPart(normal) {
		return "", false
	}
	if lower := strings.ToLower(normal); slices.Contains(sharedMailboxes, lower) {
		normal = lower
	}
	return normal, true
}

func isLocalPart(local string) bool { return localPart.MatchString(local) && isSafe(local) }

// isSafe refuses what would change how the text beside it reads: control and format
// characters, spaces, and a combining mark at the beginning.
func isSafe(text string) bool {
	for i, r := range text {
		if !unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && (i == 0 || !unicode.Is(unicode.M, r)) {
			return false
		}
	}
	return true
}

// normalizeDomain returns a domain as it is sent and as it is shown.
func normalizeDomain(domain string, allowTest bool) (ascii, shown string, ok bool) {
	if utf8.RuneCountInString(domain) > domainMaxBytes || !isSafe(domain) {
		return "", "", false
	}
	ascii, shown, ok = convertDomain(domain)
	if !ok || len(ascii) > domainMaxBytes || !hostname.MatchString(ascii) {
		return "", "", false
	}
	dot := strings.LastIndexByte(ascii, '.')
	if top := ascii[dot+1:]; top != "test" || !allowTest {
		ok = dot > 0 && top[len(top)-1] > '9' && !slices.Contains(specialDomains, top)
	}
	return ascii, shown, ok
}
