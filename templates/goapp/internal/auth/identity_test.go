// fastman: file jwt or oauth or passkey
package auth

import (
	"strings"
	"testing"
)

// All spellings of a name are one, and different letters stay different.
func TestIdentityKey(t *testing.T) {
	for _, same := range [][]string{
		{"alice", "ALICE", "aLiCe"},
		{"am\u00e9lie", "ame\u0301lie", "AME\u0301LIE"},
		{"stra\u00dfe", "STRASSE", "stra\u1e9ee"},
		{"\u03bf\u03b4\u03cc\u03c2", "\u039f\u0394\u038c\u03a3"},
		{"\ud55c", "\u1112\u1161\u11ab"},
		{"\u13a0\u13f0", "\uab70\u13f8"},
	} {
		for _, other := range same[1:] {
			if identityKey(other) != identityKey(same[0]) {
				t.Errorf("%+q is not %+q", other, same[0])
			}
		}
	}
	for _, pair := range [][2]string{{"rene", "ren\u00e9"}, {"i", "\u0131"}, {"o", "\u03bf"}} {
		if identityKey(pair[0]) == identityKey(pair[1]) {
			t.Errorf("%+q is %+q", pair[0], pair[1])
		}
	}
}

// fastman: if jwt or passkey
// A user name cannot be taken for an address, and holds nothing that is not seen.
func TestUsername(t *testing.T) {
	for name, want := range map[string]string{
		"ada": "ada", "ada.love_lace-1": "ada.love_lace-1", "ame\u0301": "am\u00e9", "\u6f22\u5b57\u5b57": "\u6f22\u5b57\u5b57",
		strings.Repeat("\U00010400", 100): strings.Repeat("\U00010400", 100),
	} {
		if got, err := normalizeUsername(name); err != nil || got != want {
			t.Errorf("%+q becomes %+q (%v)", name, got, err)
		}
	}
	for _, name := range []string{"", "ab", strings.Repeat("x", 101), "a@b", "a b", "ada\n", "ada\u200b", "ada\u0301\u0301", "a/b/c", "ada\U0001f600", "ada\u00b2"} {
		if got, err := normalizeUsername(name); err == nil {
			t.Errorf("%+q becomes %+q", name, got)
		}
	}
}

// fastman: end
// An address is kept as people know it: the domain in Unicode and small letters.
func TestEmail(t *testing.T) {
	for address, want := range map[string]string{
		"Ada@Example.COM":                                  "Ada@example.com",
		"ada+tag@example.co.uk":                            "ada+tag@example.co.uk",
		"ame\u0301lie@example.com":                         "am\u00e9lie@example.com",
		"ada@xn--bcher-kva.example.com":                    "ada@b\u00fccher.example.com",
		"ada@B\u00dcCHER.de":                               "ada@b\u00fccher.de",
		"ada@fa\u00df.de":                                  "ada@fa\u00df.de",
		"ada@\uff45xample\u3002com":                        "ada@example.com",
		"ada@\u4f8b\u3048.jp":                              "ada@\u4f8b\u3048.jp",
		"ada@xn--4dbcagdahymbxekheh6e0a7fei0b.example.com": "ada@\u05dc\u05de\u05d4\u05d4\u05dd\u05e4\u05e9\u05d5\u05d8\u05dc\u05d0\u05de\u05d3\u05d1\u05e8\u05d9\u05dd\u05e2\u05d1\u05e8\u05d9\u05ea.example.com",
		"POSTMASTER@example.com":                           "postmaster@example.com",
	} {
		if got, err := normalizeEmail(address, false); err != nil || got != want {
			t.Errorf("%+q becomes %+q (%v), want %+q", address, got, err, want)
		}
	}
}

// What is no address that a mail could reach, or is more than one, is refused.
func TestNoEmail(t *testing.T) {
	for _, address := range []string{
		"", "ada", "@", "@example.com", "ada@", "ada@localhost", "ada@example", "ada@example.c0", "ada@127.0.0.1", "ada@[127.0.0.1]",
		"a@b@example.com", "<ada@example.com>", "Ada <ada@example.com>", `"a b"@example.com`, "a b@example.com", "ada@example.com ", " ada@example.com",
		"ada@example.com\r\nBcc: b@example.com", "ada\x00@example.com", "ada\u200b@example.com", "ada@exa\u0000mple.com", "ada@example.com\u2028x",
		".ada@example.com", "ada.@example.com", "a..b@example.com", "ada@.example.com", "ada@example..com", "ada@example.com.", "ada@-example.com", "ada@example-.com",
		"ada@ab--c.com", "ada@exam_ple.com", "ada@\U0001f600.com", "ada@xn--e1afmkfd", "ada@xn--a.com", "ada@\u0627x.com", "ada@a\u00b7b.com", "ada@\u0301x.com",
		"ada@x.local", "ada@x.invalid", "ada@x.onion", "ada@x.arpa", "ada@x.test", "=?utf-8?q?a?=@example.com", "\u0301ada@example.com",
		"ada@" + strings.Repeat("a", 64) + ".com", strings.Repeat("a", 250) + "@b.co", "ada@" + strings.Repeat("a.", 130) + "com",
	} {
		if got, err := normalizeEmail(address, false); err == nil {
			t.Errorf("%+q becomes %+q", address, got)
		}
	}
}

// Outside production the domain of tests has addresses.
func TestEmailOfTests(t *testing.T) {
	for _, address := range []string{"ada@test", "ada@x.test"} {
		if got, err := normalizeEmail(address, true); err != nil || got != address {
			t.Errorf("%q becomes %q (%v)", address, got, err)
		}
	}
	if _, err := normalizeEmail("ada@x.local", true); err == nil {
		t.Error("ada@x.local is an address")
	}
}

// fastman: if jwt
// Whoever signs in may write the name in any way.
func TestLoginKey(t *testing.T) {
	for identifier, want := range map[string]string{
		"Ada@EXAMPLE.com": "ada@example.com", "ada@xn--bcher-kva.de": "ada@b\u00fccher.de", "not@an address": "not@an address", "ADA": "ada",
	} {
		if got := loginKey(identifier, false); got != want {
			t.Errorf("%q means %q, want %q", identifier, got, want)
		}
	}
}

// fastman: end
