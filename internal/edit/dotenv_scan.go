package edit

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// assignment is one variable in an env file, as python-dotenv 1.2 reads it.
type assignment struct {
	key    string
	value  string // without quotes, escapes resolved
	from   int    // where the assignment begins: at "export" or the key
	keyEnd int    // behind the key
	start  int    // the written value, quotes included: [start, end); -1 without "="
	end    int
	quote  byte // ' or ", 0 when there is none
}

func (a assignment) assigned() bool { return a.start >= 0 }

// dotenvScanner walks over the bytes of an env file. A byte that is no UTF-8
// counts as a letter.
type dotenvScanner struct {
	src []byte
	pos int
}

// scanDotenv lists the assignments in order. What python-dotenv can't read it
// skips to the end of the line, and so do we.
func scanDotenv(src []byte) []assignment {
	s := &dotenvScanner{src: src, pos: len(mark(src))}
	var all []assignment
	for s.pos < len(src) {
		s.space(true)
		if s.pos >= len(src) {
			break
		}
		a, isAssignment, ok := s.binding()
		if !ok {
			s.restOfLine()
		} else if isAssignment {
			all = append(all, a)
		}
	}
	return all
}

// binding reads one line: an assignment or a comment. On failure pos is where the
// reader gave up.
func (s *dotenvScanner) binding() (a assignment, isAssignment, ok bool) {
	a = assignment{from: s.pos, start: -1, end: -1}
	s.export()
	isAssignment = s.peek() != '#'
	if isAssignment {
		if a.key, ok = s.key(); !ok {
			return a, false, false
		}
	}
	a.keyEnd = s.pos
	s.space(false)
	if s.peek() == '=' {
		if !s.assigned(&a) {
			return a, false, false
		}
	}
	return a, isAssignment, s.endOfLine()
}

// assigned reads "=" and the value.
func (s *dotenvScanner) assigned(a *assignment) (ok bool) {
	s.pos++
	a.start, a.end = s.pos, s.pos
	s.space(false)
	switch c := s.peek(); {
	case c == '#' && s.pos > a.start: // "KEY= # comment"
		return true
	case c == 0 && s.pos >= len(s.src), c == '\r', c == '\n':
		return true
	case c == '\'' || c == '"':
		a.start, a.quote = s.pos, c
		a.value, ok = s.quotedValue(c)
	default:
		a.start = s.pos
		a.value, ok = s.plainValue(), true
	}
	a.end = s.pos
	if a.quote == 0 {
		a.end = a.start + len(a.value)
	}
	return ok
}

func (s *dotenvScanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

// space skips white space, with newlines only where the caller says so.
func (s *dotenvScanner) space(newlines bool) (skipped bool) {
	for s.pos < len(s.src) {
		r, width := utf8.DecodeRune(s.src[s.pos:])
		if !isPySpace(r) || !newlines && (r == '\r' || r == '\n') {
			break
		}
		s.pos += width
		skipped = true
	}
	return skipped
}

// isPySpace: Python counts the four separators of ASCII as white space.
func isPySpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func (s *dotenvScanner) export() {
	const word = "export"
	start := s.pos
	if !bytes.HasPrefix(s.src[s.pos:], []byte(word)) {
		return
	}
	s.pos += len(word)
	if !s.space(false) {
		s.pos = start
	}
}

func (s *dotenvScanner) key() (string, bool) {
	rest := s.src[s.pos:]
	if s.peek() == '\'' {
		n := bytes.IndexByte(rest[1:], '\'')
		if n < 1 {
			return "", false
		}
		s.pos += n + 2
		return newlines.Replace(string(rest[1 : n+1])), true
	}
	n := bytes.IndexFunc(rest, func(r rune) bool { return r == '=' || r == '#' || isPySpace(r) })
	if n < 0 {
		n = len(rest)
	}
	s.pos += n
	return string(rest[:n]), n > 0
}

func (s *dotenvScanner) quotedValue(quote byte) (string, bool) {
	for i := s.pos + 1; i < len(s.src); i++ {
		switch s.src[i] {
		case '\\':
			i++
		case quote:
			raw := string(s.src[s.pos+1 : i])
			s.pos = i + 1
			return unescape(raw, quote), true
		}
	}
	return "", false
}

// newlines makes every line end "\n", as Python does when it reads a file.
var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func unescape(raw string, quote byte) string {
	raw = newlines.Replace(raw)
	known := `\'`
	if quote == '"' {
		known = `\'"abfnrtv`
	}
	var out strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' && i+1 < len(raw) && strings.IndexByte(known, raw[i+1]) >= 0 {
			i++
			out.WriteByte(escaped(raw[i]))
			continue
		}
		out.WriteByte(raw[i])
	}
	return out.String()
}

func escaped(c byte) byte {
	if i := strings.IndexByte("abfnrtv", c); i >= 0 {
		return "\a\b\f\n\r\t\v"[i]
	}
	return c
}

// plainValue reads to the end of the line; white space and "#" begin a comment.
func (s *dotenvScanner) plainValue() string {
	line := s.line()
	s.pos += len(line)
	value, blank := string(line), -1
	for i, r := range value {
		switch {
		case isPySpace(r) && blank < 0:
			blank = i
		case r == '#' && blank >= 0:
			return value[:blank]
		case !isPySpace(r):
			blank = -1
		}
	}
	return strings.TrimRightFunc(value, isPySpace)
}

func (s *dotenvScanner) line() []byte {
	rest := s.src[s.pos:]
	if n := bytes.IndexAny(rest, "\r\n"); n >= 0 {
		return rest[:n]
	}
	return rest
}

// endOfLine takes a comment and the newline; anything else is an error.
func (s *dotenvScanner) endOfLine() bool {
	start := s.pos
	s.space(false)
	switch s.peek() {
	case '#':
		s.pos += len(s.line())
	case '\r', '\n':
	default:
		if s.pos < len(s.src) {
			s.pos = start
			return false
		}
	}
	s.newline()
	return true
}

func (s *dotenvScanner) restOfLine() {
	s.pos += len(s.line())
	s.newline()
}

func (s *dotenvScanner) newline() {
	if s.peek() == '\r' {
		s.pos++
	}
	if s.peek() == '\n' {
		s.pos++
	}
}
