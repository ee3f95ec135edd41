package edit

import (
	"bytes"
	"slices"
	"strings"
)

// DotenvRemove takes a variable out of an env file where ours says that its value is
// one that fastman wrote. filled: the key was there before, empty, and is again. A
// value of anybody else stays, and so does a comment behind ours.
func DotenvRemove(src []byte, key string, ours func(value string) bool, filled bool) Result {
	if r, refused := refuseUTF16(src, key+"="); refused {
		return r
	}
	var lines, values []Span
	var want [][2]string
	theirs := false
	for _, a := range scanDotenv(src) {
		mine := strings.EqualFold(a.key, key) && a.assigned() && ours(a.value)
		switch {
		case mine && filled:
			values = append(values, a.emptied(src))
			a.value = ""
		case mine:
			lines = append(lines, a.line(src))
			continue
		case strings.EqualFold(a.key, key) && a.value != "":
			theirs = true
		}
		want = append(want, [2]string{a.key, a.value})
	}
	return dotenvRemoved(src, cut(src, append(lines, values...)), key, want, theirs)
}

// dotenvRemoved accepts a removal only when all other variables read as before.
func dotenvRemoved(src, out []byte, key string, want [][2]string, theirs bool) Result {
	r := Result{Status: Done, Out: out}
	if bytes.Equal(out, src) {
		r.Status = AlreadyThere
	}
	if theirs {
		r.Reason, r.Snippet = key+" holds a value of yours", key+"="
		if r.Status == AlreadyThere {
			r.Status = CannotPlace
		}
	}
	if !slices.Equal(pairs(out), want) {
		return Result{Status: CannotPlace, Out: src, Snippet: key + "=", Reason: "a quote around " + key + " is never closed"}
	}
	return r
}

// emptied leaves quotes that were there before: those that the value has no need of.
func (a assignment) emptied(src []byte) Span {
	if a.quote == 0 || a.quote == '\'' && string(src[a.start:a.end]) == quoted(a.value, 0) {
		return Span{a.start, a.end, ""}
	}
	return Span{a.start + 1, a.end - 1, ""}
}

// line is the whole line, or lines, of an assignment; a comment behind it stays.
func (a assignment) line(src []byte) Span {
	s := &dotenvScanner{src: src, pos: a.end}
	s.space(false)
	if s.peek() == '#' {
		return Span{a.from, s.pos, ""}
	}
	s.newline()
	return Span{lineStart(src, a.from), s.pos, ""}
}

// RemoveLines takes out whole lines that puts hold, each once: the last that reads
// so. A line that is gone is no error. It is for .gitignore and its like; variables
// are for DotenvRemove.
func RemoveLines(src []byte, puts []Put) Result {
	var texts []string
	for _, put := range puts {
		texts = append(texts, strings.Split(strings.Trim(put.Text, "\n"), "\n")...)
	}
	if r, refused := refuseUTF16(src, strings.Join(texts, "\n")); refused {
		return r
	}
	at, lines := len(mark(src)), []Span{}
	for line := range bytes.Lines(src[at:]) {
		lines = append(lines, Span{at, at + len(line), ""})
		at += len(line)
	}
	var gone []Span
	for _, line := range slices.Backward(lines) {
		text := strings.TrimRight(string(src[line.Start:line.End]), "\r\n \t")
		if i := slices.Index(texts, text); i >= 0 && text != "" {
			texts = slices.Delete(texts, i, i+1)
			gone = append(gone, line)
		}
	}
	if gone == nil {
		return Result{Status: AlreadyThere, Out: src}
	}
	return Result{Status: Done, Out: cut(src, gone)}
}

// cut makes the replacements of a removal. Where they take the last line of a file
// without a last newline, the line that is last then has none either.
func cut(src []byte, spans []Span) []byte {
	out, err := Apply(src, spans...)
	if err != nil || bytes.HasSuffix(src, []byte("\n")) || bytes.HasSuffix(src, []byte("\r")) {
		return out
	}
	for _, s := range spans {
		if s.End == len(src) && s.New == "" && s.Start == lineStart(src, s.Start) {
			return withoutLineEnd(out)
		}
	}
	return out
}

func withoutLineEnd(src []byte) []byte {
	for _, end := range []string{"\r\n", "\n", "\r"} {
		if bytes.HasSuffix(src, []byte(end)) {
			return src[:len(src)-len(end)]
		}
	}
	return src
}
