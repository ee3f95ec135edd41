// Package merge brings new template text into files that the user has edited: a
// three-way merge of what was emitted last time, the user's file now, and the text
// that is to be emitted.
//
// It merges by line, as "git merge-file" does and never more boldly: what one side
// changed is taken, what both changed alike is taken once, and where both changed
// the same or touching lines differently there is a conflict, two insertions at one
// place included. With a conflict there is no merged text at all.
//
// Import statements of Python and Go merge as sets of names. A name that the
// template added comes in and one that it dropped goes, wherever the user put lines
// of his own; one that the user's code still needs, or that carries his comment,
// stays. One local name for two things is a conflict. Imports that can't be read
// safely, and those behind other code, are lines as any others. A Go file that was
// formatted comes out formatted.
//
// Line ends, byte order mark and the last newline are those of the user's file. No
// line that the user added is ever lost: it is in the merged text, or in a conflict.
package merge

import (
	"bytes"
	"go/format"
	"path"
	"slices"
	"strings"
)

// Kind tells how import statements of a file are merged.
type Kind int

const (
	Text Kind = iota // as any other line
	Python
	Go
)

// KindOf says by the file's name.
func KindOf(name string) Kind {
	switch path.Ext(name) {
	case ".py", ".pyi":
		return Python
	case ".go":
		return Go
	}
	return Text
}

// Result of a merge. Where Conflicts is empty, Text is the merged file; else Text is
// nil and the file must be left as it is.
type Result struct {
	Text      []byte
	Conflicts []Conflict
}

// Conflict is one place that both sides changed differently. The lines are counted
// from 1, first and last; where a side has no lines there the last is one less than
// the first, before which they are missing. The texts have line feeds as line ends.
type Conflict struct {
	TheirsStart, TheirsEnd int
	OursStart, OursEnd     int
	Base, Theirs, Ours     []byte
}

// newConflict takes the indexes at which the lines begin.
func newConflict(base, theirs, ours []string, atTheirs, atOurs int) Conflict {
	join := func(lines []string) []byte { return []byte(strings.Join(lines, "")) }
	return Conflict{
		TheirsStart: atTheirs + 1, TheirsEnd: atTheirs + len(theirs),
		OursStart: atOurs + 1, OursEnd: atOurs + len(ours),
		Base: join(base), Theirs: join(theirs), Ours: join(ours),
	}
}

// Three merges ours (the new template text) into theirs (the user's file now); base
// is what was emitted last time.
func Three(kind Kind, base, theirs, ours []byte) Result {
	form := formOf(theirs)
	b, t, o := form.strip(base), form.strip(theirs), form.strip(ours)
	switch {
	case b == t:
		return Result{Text: form.dress(o)}
	case b == o || t == o:
		return Result{Text: slices.Clone(theirs)}
	}
	lines, conflicts := mergeKind(kind, splitLines(b), splitLines(t), splitLines(o))
	if len(conflicts) > 0 {
		return Result{Conflicts: conflicts}
	}
	merged := strings.Join(lines, "")
	if kind == Go {
		merged = formatAs(t, merged)
	}
	return Result{Text: form.dress(merged)}
}

func mergeKind(kind Kind, base, theirs, ours []string) ([]string, []Conflict) {
	var lang language
	switch kind {
	case Python:
		lang = python{width: widthOf(theirs)}
	case Go:
		lang = golang{}
	}
	if lang != nil {
		if lines, conflicts, ok := mergeFiles(lang, base, theirs, ours); ok {
			return lines, conflicts
		}
	}
	return mergeLines(base, theirs, ours)
}

// formatAs formats Go source when the user's file is formatted.
func formatAs(theirs, merged string) string {
	if formatted, err := format.Source([]byte(theirs)); err != nil || string(formatted) != theirs {
		return merged
	}
	formatted, err := format.Source([]byte(merged))
	if err != nil {
		return merged
	}
	return string(formatted)
}

// form is how a text is written down, apart from its lines.
type form struct {
	bom  bool
	ends bool // it has line ends, and all are the same
	crlf bool // and these are CR LF
}

var bom = []byte("\xef\xbb\xbf")

func formOf(text []byte) form {
	lf, crlf := bytes.Count(text, []byte("\n")), bytes.Count(text, []byte("\r\n"))
	return form{
		bom:  bytes.HasPrefix(text, bom),
		ends: lf > 0 && (crlf == 0 || crlf == lf),
		crlf: lf > 0 && crlf == lf,
	}
}

// strip makes texts comparable. Where the user's line ends are mixed they are part
// of the lines.
func (f form) strip(text []byte) string {
	plain := string(bytes.TrimPrefix(text, bom))
	if f.ends {
		plain = strings.ReplaceAll(plain, "\r\n", "\n")
	}
	return plain
}

func (f form) dress(text string) []byte {
	if f.crlf {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if f.bom {
		text = string(bom) + text
	}
	return []byte(text)
}
