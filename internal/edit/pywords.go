package edit

import (
	"bytes"
	"regexp"
	"strings"
)

// pyToken is a word, a string or a comment of Python source, or one other byte that
// is no white space.
type pyToken struct {
	kind       byte // 'w', 's', '#', '.'
	start, end int
}

// pyTokens splits source far enough to tell names from what is written about them.
// Letters that are not ASCII are part of words, in any encoding.
func pyTokens(src []byte) []pyToken {
	var all []pyToken
	for pos := 0; pos < len(src); {
		t := pyToken{'.', pos, pos + 1}
		switch c := src[pos]; {
		case strings.IndexByte(" \t\f\r\n", c) >= 0:
			pos++
			continue
		case c == '#':
			t.kind, t.end = '#', pos+len(restOfLine(src[pos:]))
		case c == '\'' || c == '"':
			t.kind, t.end = 's', stringEnd(src, pos)
		case isWord(c):
			t = wordOrString(src, pos)
		}
		all = append(all, t)
		pos = t.end
	}
	return all
}

func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func restOfLine(src []byte) []byte {
	if n := bytes.IndexAny(src, "\r\n"); n >= 0 {
		return src[:n]
	}
	return src
}

var stringPrefix = regexp.MustCompile(`^(?i:[rbuft]|[bft]r|r[bft])$`)

// wordOrString: letters directly in front of a quote may say what the string is.
func wordOrString(src []byte, start int) pyToken {
	end := start
	for end < len(src) && isWord(src[end]) {
		end++
	}
	if end < len(src) && (src[end] == '\'' || src[end] == '"') && stringPrefix.Match(src[start:end]) {
		return pyToken{'s', start, stringEnd(src, end)}
	}
	return pyToken{'w', start, end}
}

// stringEnd is behind the string whose opening quote is at pos. A backslash takes the
// next byte with it in raw strings as well.
func stringEnd(src []byte, pos int) int {
	quote := src[pos : pos+1]
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(src[pos:], triple) {
		quote = triple
	}
	for i := pos + len(quote); i < len(src); i++ {
		switch {
		case src[i] == '\\':
			i++
		case bytes.HasPrefix(src[i:], quote):
			return i + len(quote)
		case len(quote) == 1 && (src[i] == '\n' || src[i] == '\r'):
			return i // not closed: an f-string with quotes of its own inside
		}
	}
	return len(src)
}

// typeLike is a string that may hold the name of something: an annotation, an entry
// of __all__, the field that a validator is for.
var typeLike = regexp.MustCompile(`^\w*["']+[A-Za-z_][\w.\[\]|]*(?:(?:, | \| )[\w.\[\]|]+)*["']+$`)

var pyWord = regexp.MustCompile(`[A-Za-z_]\w*`)

// uses finds where the code, outside the spans, uses a name: as itself, and with
// attributes as x.name as well. Prose in strings and comments is no use.
func (f *PyFile) uses(name string, attributes bool, outside []Span) (pos int, found bool) {
	tokens := pyTokens(f.Src)
	for i, t := range tokens {
		text := string(f.Src[t.start:t.end])
		isAttribute := i > 0 && f.Src[tokens[i-1].start] == '.' && tokens[i-1].kind == '.'
		switch {
		case within(outside, t.start):
		case t.kind == 'w' && text == name && (attributes || !isAttribute),
			t.kind == 's' && mentions(text, name):
			return t.start, true
		}
	}
	return 0, false
}

func within(spans []Span, pos int) bool {
	for _, s := range spans {
		if s.Start <= pos && pos < s.End {
			return true
		}
	}
	return false
}

func mentions(text, name string) bool {
	prefix := strings.ToLower(text[:strings.IndexAny(text, `"'`)])
	if !strings.ContainsAny(prefix, "ft") && !typeLike.MatchString(text) {
		return false
	}
	for _, word := range pyWord.FindAllString(text, -1) {
		if word == name {
			return true
		}
	}
	return false
}

// essence is code without what a formatter changes: white space, comments, the kind
// of quotes, a comma before a closing bracket, brackets around an import's names.
func essence(code []byte) string { return pyForm(code, false) }
