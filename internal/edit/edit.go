// Package edit changes source text of the user without reprinting it: bytes in,
// bytes out. Every byte that an edit does not name stays as it was: comments,
// line endings, encoding, order, a missing last newline.
package edit

import (
	"errors"
	"fmt"
	"sort"
)

// Status says how an edit ended.
type Status int

const (
	Done         Status = iota // the text was changed
	AlreadyThere               // what was asked for is there; the text is unchanged
	CannotPlace                // no certain place was found; the text is unchanged
)

// Put is one piece of text that an edit put into a file. The manifest keeps it,
// so that a later removal can find it even after the file was reformatted.
type Put struct {
	Kind string `json:"kind"`          // "import", "include", "setup", "setting", "env", "ignore", "package", …
	Key  string `json:"key"`           // the name the piece is known by: a variable, a field, a package
	Text string `json:"text"`          // what was inserted, with "\n" line ends; never a secret
	In   string `json:"in,omitempty"`  // what it belongs to: the class of a setting, the full name of a router
	Old  string `json:"old,omitempty"` // what stood in its place, or around it: "pass", "nil", "KEY=", the statement it was merged into
}

// Result is the outcome of one edit of one file.
type Result struct {
	Status  Status
	Out     []byte // the new text; the old one unless Status is Done
	Puts    []Put
	Reason  string // CannotPlace: why, one line
	Snippet string // CannotPlace: the exact lines for the user to paste

	// Of a removal, Puts are the pieces that stand still. One that is Done has a
	// Reason where some of them are the user's to decide on, and then Snippet are
	// the lines to delete by hand.
}

// Span replaces the bytes [Start, End) by New. Start == End inserts.
type Span struct {
	Start, End int
	New        string
}

var errOverlap = errors.New("overlapping edits")

// Apply makes all replacements at once. Spans that overlap, or two insertions at
// one place, are an error: their order would be a guess.
func Apply(src []byte, spans ...Span) ([]byte, error) {
	sorted := append([]Span(nil), spans...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Start < sorted[j].Start })
	out := make([]byte, 0, len(src)+256)
	last, lastStart := 0, -1
	for _, s := range sorted {
		if s.Start < last || s.Start == lastStart || s.End < s.Start || s.End > len(src) {
			return nil, fmt.Errorf("%w at byte %d", errOverlap, s.Start)
		}
		out = append(out, src[last:s.Start]...)
		out = append(out, s.New...)
		last, lastStart = s.End, s.Start
	}
	return append(out, src[last:]...), nil
}
