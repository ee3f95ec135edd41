package edit

import (
	"fmt"
	"slices"
	"strings"
)

// SamePython reports whether two sources differ in nothing but what a formatter
// changes: line breaks and white space, the width of an indentation, the kind of quotes,
// commas before closing brackets, and brackets around a whole expression.
func SamePython(a, b []byte) bool { return pyForm(a, true) == pyForm(b, true) }

// pyForm is source without what a formatter changes; whole with the comments, and the
// blocks in which statements stand.
func pyForm(src []byte, whole bool) string {
	f := formless{src: src, tokens: pyTokens(src), dropped: map[int]bool{}}
	f.dropBrackets()
	var out strings.Builder
	for i, t := range f.tokens {
		text := f.text(i)
		switch {
		case t.kind == '.' && text == `\` || f.dropped[i] || t.kind == '#' && !whole:
			continue
		case text == "," && f.next(i) < len(f.tokens) && strings.Contains(")]}", f.text(f.next(i))):
			continue
		case t.kind == 's' && !strings.Contains(text, `"`):
			text = strings.ReplaceAll(text, "'", `"`)
		}
		if whole && f.begins(i) && t.kind != '#' {
			fmt.Fprintf(&out, "\n%d ", f.level(t.start))
		}
		out.WriteString(text + " ")
	}
	return out.String()
}

type formless struct {
	src     []byte
	tokens  []pyToken
	dropped map[int]bool // brackets around a whole expression
	inside  []bool       // of brackets
	widths  []int        // of the blocks that are open
}

func (f *formless) text(i int) string { return string(f.src[f.tokens[i].start:f.tokens[i].end]) }

// next is the token behind i that is no comment.
func (f *formless) next(i int) int {
	for i++; i < len(f.tokens) && f.tokens[i].kind == '#'; i++ {
	}
	return i
}

// firstOnLine reports whether a line of the source begins with a token.
func (f *formless) firstOnLine(i int) bool {
	return i == 0 || strings.ContainsAny(string(f.src[f.tokens[i-1].end:f.tokens[i].start]), "\r\n")
}

// begins reports whether a statement begins with a token.
func (f *formless) begins(i int) bool {
	return f.firstOnLine(i) && !f.inside[i] && (i == 0 || f.text(i-1) != `\`)
}

// Where brackets may stand around a whole expression: behind a word or sign. In a list
// only those that make no tuple.
var (
	wholeAfter = []string{"=", "+=", "|=", "->", ":", "return", "import", "in", "assert", "if", "elif", "while", "with", "except"}
	listAfter  = append([]string{",", "(", "["}, wholeAfter...)
)

// dropBrackets finds the brackets that a formatter puts around an expression which does
// not fit a line.
func (f *formless) dropBrackets() {
	type bracket struct {
		at    int
		comma bool
	}
	var open []bracket
	f.inside = make([]bool, len(f.tokens))
	for i := range f.tokens {
		f.inside[i] = len(open) > 0
		switch text := f.text(i); {
		case strings.Contains("([{", text):
			open = append(open, bracket{at: i})
		case text == "," && len(open) > 0:
			open[len(open)-1].comma = true
		case strings.Contains(")]}", text) && len(open) > 0:
			last := open[len(open)-1]
			open = open[:len(open)-1]
			if text == ")" && last.at > 0 && f.isWhole(f.sign(last.at-1), f.next(i), len(open) == 0, last.comma) {
				f.dropped[last.at], f.dropped[i] = true, true
			}
		}
	}
}

// sign is a word, or all characters of an operator that ends with a token: == is no =.
func (f *formless) sign(i int) string {
	from := i
	for from > 0 && strings.Contains("=+-|<>!*/%&^@", f.text(from)) && strings.Contains("=+-|<>!*/%&^@", f.text(from-1)) && f.tokens[from-1].end == f.tokens[from].start {
		from--
	}
	return string(f.src[f.tokens[from].start:f.tokens[i].end])
}

// isWhole reports whether what stands before and next to brackets makes them stand
// around a whole expression.
func (f *formless) isWhole(before string, next int, outermost, comma bool) bool {
	if next == len(f.tokens) || outermost && f.firstOnLine(next) || slices.Contains([]string{":", "=", "as"}, f.text(next)) {
		return slices.Contains(wholeAfter, before) || !comma && slices.Contains(listAfter, before)
	}
	return !comma && strings.Contains(",)]}", f.text(next)) && slices.Contains(listAfter, before)
}

// level is the depth of the block in which a statement stands that begins at pos.
func (f *formless) level(pos int) int {
	width := 0
	for pos > 0 && (f.src[pos-1] == ' ' || f.src[pos-1] == '\t') {
		pos, width = pos-1, width+1
	}
	for len(f.widths) > 0 && f.widths[len(f.widths)-1] >= width {
		f.widths = f.widths[:len(f.widths)-1]
	}
	f.widths = append(f.widths, width)
	return len(f.widths)
}
