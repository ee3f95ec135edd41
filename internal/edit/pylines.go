package edit

import (
	"bytes"
	"strings"
)

// lineStart is the offset of the first byte of the physical line that holds pos.
func lineStart(src []byte, pos int) int {
	start := bytes.LastIndexAny(src[:pos], "\r\n") + 1
	if start == 0 && bytes.HasPrefix(src, utf8BOM) {
		return min(pos, len(utf8BOM))
	}
	return start
}

var utf8BOM = []byte("\xef\xbb\xbf")

// lineEnd is the offset after the newline that ends the logical line whose last
// token ends at pos. Between the two stand only blanks, a semicolon, a comment, or
// a backslash that joins the next line.
func lineEnd(src []byte, pos int) int {
	for {
		next := bytes.IndexAny(src[pos:], "\r\n")
		if next < 0 {
			return len(src)
		}
		rest := src[pos : pos+next]
		pos += next
		joined := bytes.HasSuffix(rest, []byte(`\`)) && !bytes.Contains(rest, []byte("#"))
		pos += newlineLen(src[pos:])
		if !joined {
			return pos
		}
	}
}

func newlineLen(src []byte) int {
	if bytes.HasPrefix(src, []byte("\r\n")) {
		return 2
	}
	return 1
}

// indentAt is the white space before the first statement on the line of pos. A
// form feed in it starts the count anew.
func indentAt(src []byte, pos int) string {
	start := lineStart(src, pos)
	end := start
	for end < len(src) && strings.IndexByte(" \t\f", src[end]) >= 0 {
		end++
	}
	indent := string(src[start:end])
	return indent[strings.LastIndexByte(indent, '\f')+1:]
}

// firstOnLine reports whether only white space stands before pos on its line.
func firstOnLine(src []byte, pos int) bool {
	return len(bytes.Trim(src[lineStart(src, pos):pos], " \t\f")) == 0
}

// sameLine reports whether b begins on the logical line on which a ends.
func sameLine(src []byte, a, b Stmt) bool { return b.Start < lineEnd(src, a.End) }

// lastOfLine follows the statements that are joined to body[i] by semicolons.
func lastOfLine(src []byte, body []Stmt, i int) int {
	for i+1 < len(body) && sameLine(src, body[i], body[i+1]) {
		i++
	}
	return i
}

// firstOfLine goes back over the statements that body[i] is joined to.
func firstOfLine(src []byte, body []Stmt, i int) int {
	for i > 0 && sameLine(src, body[i-1], body[i]) {
		i--
	}
	return i
}

// after is the insertion of whole lines behind the logical line that ends at pos.
// A file without a last newline stays without one.
func (f *PyFile) after(pos int, lines ...string) Span {
	nl := f.Newline()
	text := strings.Join(lines, nl)
	at := lineEnd(f.Src, pos)
	if at == len(f.Src) && at > 0 && strings.IndexByte("\r\n", f.Src[at-1]) < 0 {
		return Span{at, at, nl + text}
	}
	return Span{at, at, text + nl}
}

// before is the insertion of whole lines in front of the line of pos.
func (f *PyFile) before(pos int, lines ...string) Span {
	at := lineStart(f.Src, pos)
	return Span{at, at, strings.Join(lines, f.Newline()) + f.Newline()}
}

func indented(indent string, lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		if line != "" {
			out[i] = indent + line
		}
	}
	return out
}

// done makes the replacements and reports what was put.
func (f *PyFile) done(puts []Put, spans ...Span) Result {
	out, err := Apply(f.Src, spans...)
	if err != nil {
		return f.cannot(err.Error(), "")
	}
	return Result{Status: Done, Out: out, Puts: puts}
}

func (f *PyFile) there() Result { return Result{Status: AlreadyThere, Out: f.Src} }

func (f *PyFile) cannot(reason, snippet string) Result {
	return Result{Status: CannotPlace, Out: f.Src, Reason: reason, Snippet: snippet}
}
