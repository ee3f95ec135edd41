// fastman: file jwt or oauth or passkey
package auth

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// domainNames maps a domain to the one form that UTS #46 gives it.
var domainNames = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule())

// convertDomain returns the A-labels and the U-labels of a domain, if IDNA 2008 lets
// it be registered (RFC 5891). UTS #46 alone would let symbols and emoji pass.
func convertDomain(domain string) (ascii, shown string, ok bool) {
	ascii, err := domainNames.ToASCII(domain)
	if err != nil {
		return "", "", false
	}
	shown, err = domainNames.ToUnicode(ascii)
	if err != nil {
		return "", "", false
	}
	for label := range strings.SplitSeq(shown, ".") {
		if !isRegistrable([]rune(label)) {
			return "", "", false
		}
	}
	return ascii, shown, true
}

// notRegistrable are the letters, digits and marks that RFC 5892 rules out: by its
// sections 2.6 (exceptions), 2.8 (ignorable blocks) and 2.9 (old Hangul).
var notRegistrable = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0640, Hi: 0x0640, Stride: 1}, {Lo: 0x07fa, Hi: 0x07fa, Stride: 1},
		{Lo: 0x1100, Hi: 0x11ff, Stride: 1}, {Lo: 0x20d0, Hi: 0x20ff, Stride: 1},
		{Lo: 0x302e, Hi: 0x302f, Stride: 1}, {Lo: 0x3031, Hi: 0x3035, Stride: 1},
		{Lo: 0x303b, Hi: 0x303b, Stride: 1}, {Lo: 0xa960, Hi: 0xa97c, Stride: 1},
		{Lo: 0xd7b0, Hi: 0xd7fb, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1d100, Hi: 0x1d24f, Stride: 1}},
}

// isRegistrable applies the rules of RFC 5892 to a label that UTS #46 has mapped.
func isRegistrable(label []rune) bool {
	for i, r := range label {
		switch {
		case r == '-', r == '\u06fd', r == '\u06fe', r == '\u0f0b', r == '\u3007': // section 2.6
		case r == '\u200c', r == '\u200d': // idna checks the joiners, as an option of UTS #46
		case isContextual(r):
			if !fitsContext(label, i) {
				return false
			}
		case !unicode.In(r, unicode.L, unicode.Nd, unicode.Mn, unicode.Mc), unicode.Is(notRegistrable, r):
			return false
		}
	}
	return true
}

// isContextual reports whether RFC 5892, appendix A, lets r stand in some places only.
func isContextual(r rune) bool {
	return strings.ContainsRune("\u00b7\u0375\u05f3\u05f4\u30fb", r) || isArabicIndic(r) || isExtendedArabicIndic(r)
}

func isArabicIndic(r rune) bool { return '\u0660' <= r && r <= '\u0669' }

func isExtendedArabicIndic(r rune) bool { return '\u06f0' <= r && r <= '\u06f9' }

func fitsContext(label []rune, i int) bool {
	text := string(label)
	switch r := label[i]; {
	case r == '\u00b7': // A.3: between two l, as in Catalan
		return i > 0 && i+1 < len(label) && label[i-1] == 'l' && label[i+1] == 'l'
	case r == '\u0375': // A.4: before Greek
		return i+1 < len(label) && unicode.Is(unicode.Greek, label[i+1])
	case r == '\u30fb': // A.7: beside any Japanese script
		return strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) })
	case isArabicIndic(r): // A.8 and A.9: digits of one kind
		return !strings.ContainsFunc(text, isExtendedArabicIndic)
	case isExtendedArabicIndic(r):
		return !strings.ContainsFunc(text, isArabicIndic)
	default: // A.5 and A.6: after Hebrew
		return i > 0 && unicode.Is(unicode.Hebrew, label[i-1])
	}
}
