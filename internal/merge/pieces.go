package merge

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// Piece is one change of a text, kept so that it can be undone: the lines New stand
// where the lines Old stood. Above and Below are the lines around New.
type Piece struct {
	Line  int   `json:"line"` // of the new text, from 0: where New begins
	Old   Lines `json:"old,omitempty"`
	New   Lines `json:"new,omitempty"`
	Above Lines `json:"above,omitempty"`
	Below Lines `json:"below,omitempty"`
}

// Lines is a string that survives JSON also where it is not UTF-8.
type Lines string

const inBase64 = "base64:"

// MarshalJSON writes the text as it is where JSON can hold it.
func (t Lines) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) && !strings.HasPrefix(string(t), inBase64) {
		return json.Marshal(string(t))
	}
	return json.Marshal(inBase64 + base64.StdEncoding.EncodeToString([]byte(t)))
}

// UnmarshalJSON reads what MarshalJSON has written.
func (t *Lines) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if coded, found := strings.CutPrefix(text, inBase64); found {
		plain, err := base64.StdEncoding.DecodeString(coded)
		*t = Lines(plain)
		return err
	}
	*t = Lines(text)
	return nil
}

// Pieces says what made after of before.
func Pieces(before, after []byte) []Piece {
	old, new := splitLines(string(before)), splitLines(string(after))
	ids := numbering{}
	var pieces []Piece
	for _, h := range diff(ids.of(old), ids.of(new)) {
		pieces = append(pieces, Piece{
			Line:  h.new.from,
			Old:   Lines(strings.Join(old[h.old.from:h.old.to], "")),
			New:   Lines(strings.Join(new[h.new.from:h.new.to], "")),
			Above: Lines(lineAt(new, h.new.from-1)),
			Below: Lines(lineAt(new, h.new.to)),
		})
	}
	return pieces
}

func lineAt(lines []string, i int) string {
	if i < 0 || i >= len(lines) {
		return ""
	}
	return lines[i]
}

// Undo takes pieces out of a text that may have changed elsewhere since. Each is looked
// for near its place, without regard to line ends; what comes back has the line ends of
// the text. ok is false when a piece is no longer there as it was, or could be in
// several places; the text is then as it was given.
func Undo(text []byte, pieces []Piece) (out []byte, ok bool) {
	lines := splitLines(string(text))
	ending := endingOf(lines)
	for _, p := range slices.Backward(pieces) {
		old, new := splitLines(string(p.Old)), splitLines(string(p.New))
		at := find(lines, p, new)
		if at < 0 {
			return text, false
		}
		// A checkout with other line ends: what comes back has them as well.
		around := []string{lineAt(lines, at-1), lineAt(lines, at+len(new))}
		if !slices.Equal(lines[at:at+len(new)], new) || len(new) == 0 && !slices.Equal(around, []string{string(p.Above), string(p.Below)}) {
			old = withEnding(old, ending)
		}
		lines = slices.Concat(lines[:at], old, lines[at+len(new):])
	}
	return []byte(strings.Join(lines, "")), true
}

// find returns where the lines of a piece stand: at the place that is expected, else at
// the only one, or the only one between the same two lines.
func find(lines []string, p Piece, new []string) int {
	var all, between []int
	for at := 0; at+len(new) <= len(lines); at++ {
		if !matches(lines[at:at+len(new)], new) {
			continue
		}
		all = append(all, at)
		if sameLine(lineAt(lines, at-1), string(p.Above)) && sameLine(lineAt(lines, at+len(new)), string(p.Below)) {
			if at == p.Line {
				return at
			}
			between = append(between, at)
		}
	}
	switch {
	case len(between) == 1:
		return between[0]
	case len(all) == 1 && strings.TrimSpace(string(p.New)) != "":
		return all[0]
	}
	return -1
}

func matches(lines, wanted []string) bool {
	return slices.EqualFunc(lines, wanted, sameLine)
}

func sameLine(a, b string) bool { return bare(a) == bare(b) }

// bare is a line without its end; that it has one is a part of it.
func bare(line string) string {
	if text, found := strings.CutSuffix(line, "\r\n"); found {
		return text + "\n"
	}
	return line
}

// endingOf is the line end that all lines have; "" where they differ.
func endingOf(lines []string) string {
	windows, ended := 0, 0
	for _, line := range lines {
		if strings.HasSuffix(line, "\n") {
			ended++
		}
		if strings.HasSuffix(line, "\r\n") {
			windows++
		}
	}
	switch windows {
	case 0:
		return "\n"
	case ended:
		return "\r\n"
	}
	return ""
}

// withEnding gives lines that end the line end of a whole text, where it has one.
func withEnding(lines []string, ending string) []string {
	if ending == "" {
		return lines
	}
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = line
		if text, found := strings.CutSuffix(bare(line), "\n"); found {
			out[i] = text + ending
		}
	}
	return out
}
