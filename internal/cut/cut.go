// Package cut takes the types that a user did not choose out of a template.
//
// A template is a complete app with every type switched on. A section is a pair
// of whole lines, in the comment syntax of the file:
//
//	# fastman: if oauth or passkey
//	…
//	# fastman: end
//
// and "# fastman: file oauth" on the first line makes the whole file a section;
// with "only" behind it the set must hold no other type, and "and" asks for one of
// further words as well. A provider ("google") is named like a type. There is no else,
// no not and no nesting: a type only ever adds lines. What is left carries no marker,
// and no import that only a removed line used.
package cut

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"

	"fastman/internal/feature"
)

// marker matches a line that is a marker and nothing else. The space behind the
// comment sign is required: gofmt moves directives that lack it.
var marker = regexp.MustCompile(`^\s*(?:#|//|--|/\*|<!--) fastman: (.*?)(?: \*/| -->)?\s*$`)

// File cuts one template. It returns keep == false when the set does not hold
// what the whole file is for. A malformed marker is an error with name and line.
func File(name string, src []byte, set feature.Set) (out []byte, keep bool, err error) {
	lines := strings.SplitAfter(string(src), "\n")
	if words, ok := directive(lines[0]); ok && words[0] == "file" {
		keep, err := holds(words[1:], set)
		if err != nil || !keep {
			return nil, false, located(name, 1, err)
		}
		lines = withoutConstraint(lines[1:])
	}
	kept, cutAny, err := sections(name, lines, set)
	if err != nil {
		return nil, false, err
	}
	text := strings.Join(kept, "")
	if len(kept) < len(lines) { // a section at the end leaves the blank lines before it
		text, err = tidy(name, strings.TrimRight(text, "\n")+"\n", cutAny)
	}
	return []byte(text), true, err
}

// withoutConstraint drops the build constraint of a Go file for one set alone, which keeps
// it out of the template: it declares what files for all other sets declare.
func withoutConstraint(lines []string) []string {
	if len(lines) > 2 && strings.HasPrefix(lines[1], "//go:build fastman") {
		return lines[3:] // with the empty lines around it
	}
	return lines
}

// tidy takes out what only removed lines used.
func tidy(name, text string, cutAny bool) (string, error) {
	switch {
	case path.Ext(name) == ".py" && cutAny:
		return dropUnusedImports(text), nil
	case path.Ext(name) == ".go":
		out, err := tidyGo(text)
		return out, located(name, 1, err)
	}
	return text, nil
}

// sections returns the lines outside sections and inside those that set holds.
func sections(name string, lines []string, set feature.Set) (kept []string, cutAny bool, err error) {
	open, inside := 0, true // line of the open "if", and whether its lines are kept
	for i, line := range lines {
		words, ok := directive(line)
		switch {
		case !ok && inside:
			kept = append(kept, line)
		case !ok:
			cutAny = true
		case words[0] == "if" && open == 0:
			open = i + 1
			if inside, err = holds(words[1:], set); err != nil {
				return nil, false, located(name, i+1, err)
			}
		case words[0] == "end" && len(words) == 1 && open > 0:
			open, inside = 0, true
		default:
			return nil, false, located(name, i+1, fmt.Errorf("misplaced marker %q", strings.Join(words, " ")))
		}
	}
	if open > 0 {
		return nil, false, located(name, open, fmt.Errorf("section has no end"))
	}
	return kept, cutAny, nil
}

func directive(line string) (words []string, ok bool) {
	m := marker.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
	if m == nil {
		return nil, false
	}
	words = strings.Fields(m[1])
	if len(words) == 0 {
		words = []string{""}
	}
	return words, true
}

// holds evaluates what a marker says: never nothing, in a template that is not wrong.
func holds(words []string, set feature.Set) (bool, error) {
	if len(words) == 0 {
		return false, fmt.Errorf("marker names no type")
	}
	return set.Holds(strings.Join(words, " "))
}

func located(name string, line int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s:%d: %w", name, line, err)
}

// Marked reports whether src still carries a marker; emitted code must not.
func Marked(src []byte) bool {
	for line := range bytes.SplitSeq(src, []byte("\n")) {
		if marker.Match(line) {
			return true
		}
	}
	return false
}
