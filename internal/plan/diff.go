package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Diff shows all changes as one unified diff that git and patch can read, except
// where an env file's values are masked.
func (p *Plan) Diff() string {
	var out strings.Builder
	for _, c := range p.Changes() {
		out.WriteString(c.Diff())
	}
	return out.String()
}

// Diff shows one change.
func (c Change) Diff() string {
	from, to := name("a/", c.Path, c.Old), name("b/", c.Path, c.New)
	if c.brief {
		shown := c.New
		if shown == nil {
			shown = c.Old
		}
		return fmt.Sprintf("--- %s\n+++ %s\n# %d bytes, not shown\n", from, to, len(shown))
	}
	if len(c.Old) == 0 && len(c.New) == 0 {
		return "--- " + from + "\n+++ " + to + "\n" // an empty file has no lines to show
	}
	context := 3
	if c.masked {
		context = 0 // the lines around are secrets too
	}
	edits := udiff.Lines(string(c.Old), string(c.New))
	text, err := udiff.ToUnified(from, to, string(c.Old), edits, context)
	if err != nil {
		return ""
	}
	if c.masked {
		return mask(text, c.shown)
	}
	return text
}

// name is that of one side. A tab ends one with spaces, or patch takes its first
// word for all of it.
func name(side, path string, content []byte) string {
	switch {
	case content == nil:
		return "/dev/null"
	case strings.Contains(path, " "):
		return side + path + "\t"
	}
	return side + path
}

const hidden = "********"

// assignment is a changed line of an env file whose name may be shown. Names are
// upper case there: a lower-case one could be a piece of a value that spans lines.
var assignment = regexp.MustCompile(`^([+-]\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=)`)

func mask(diff string, shown []string) string {
	lines := strings.SplitAfter(diff, "\n")
	for i, line := range lines {
		head := i < 2 || strings.HasPrefix(line, "@@") || strings.HasPrefix(line, `\`)
		if !head && strings.TrimSpace(line) != "" {
			lines[i] = maskLine(line, shown)
		}
	}
	return strings.Join(lines, "")
}

func maskLine(line string, shown []string) string {
	if strings.TrimSpace(line[1:]) == "" {
		return line
	}
	m := assignment.FindStringSubmatch(line)
	switch {
	case m == nil:
		return line[:1] + hidden + "\n"
	case slices.Contains(shown, m[2]):
		return line
	}
	return m[1] + hidden + "\n"
}
