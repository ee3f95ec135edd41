package cut

import (
	"regexp"
	"strings"
)

var (
	importLine = regexp.MustCompile(`^(?:from (\S+) )?import (.+)$`)
	// Docstrings speak of names without using them. Other strings stay: the
	// braces of an f-string are code.
	docstring = regexp.MustCompile(`(?s)"""(?:\\.|[^\\])*?"""`)
	comment   = regexp.MustCompile(`(?m)(?:^|\s)#.*$`)
)

// dropUnusedImports removes top-level imports that nothing in text uses any more.
// It reads the plain forms that formatted templates hold, one statement a line or
// one name a line in parentheses, and leaves lines with a comment alone.
func dropUnusedImports(text string) string {
	lines := strings.SplitAfter(text, "\n")
	code := usedText(lines)
	var out []string
	for i := 0; i < len(lines); i++ {
		end := statementEnd(lines, i)
		if end == 0 {
			out = append(out, lines[i])
			continue
		}
		kept := usedImport(lines[i:end], code)
		if len(kept) == 0 {
			out, end = closeGap(out, lines, end)
		}
		out = append(out, kept...)
		i = end - 1
	}
	return strings.Join(out, "")
}

// usedText is everything in which a use of an imported name may stand.
func usedText(lines []string) string {
	var rest strings.Builder
	for i := 0; i < len(lines); i++ {
		if end := statementEnd(lines, i); end > 0 {
			i = end - 1
			continue
		}
		rest.WriteString(lines[i])
	}
	return comment.ReplaceAllString(docstring.ReplaceAllString(rest.String(), ""), "")
}

// statementEnd returns the index behind the import statement that starts at
// lines[i], or 0 when none starts there.
func statementEnd(lines []string, i int) int {
	line := strings.TrimRight(lines[i], "\r\n")
	if !importLine.MatchString(line) || strings.Contains(line, "#") {
		return 0
	}
	if !strings.HasSuffix(line, "(") {
		return i + 1
	}
	for j := i + 1; j < len(lines); j++ {
		if strings.HasPrefix(lines[j], ")") {
			return j + 1
		}
	}
	return 0
}

// usedImport returns the statement without its unused names; nil when none is left.
func usedImport(statement []string, code string) []string {
	if len(statement) > 1 {
		kept := []string{statement[0]}
		for _, line := range statement[1 : len(statement)-1] {
			if used(strings.TrimSuffix(strings.TrimSpace(line), ","), code) {
				kept = append(kept, line)
			}
		}
		if len(kept) == 1 {
			return nil
		}
		return append(kept, statement[len(statement)-1])
	}
	line := strings.TrimRight(statement[0], "\r\n")
	m := importLine.FindStringSubmatch(line)
	var names []string
	for name := range strings.SplitSeq(m[2], ", ") {
		if m[1] == "__future__" || used(name, code) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{strings.TrimSuffix(line, m[2]) + strings.Join(names, ", ") + "\n"}
}

// used looks for what an import clause ("a.b", "a as b", "a") binds.
func used(clause, code string) bool {
	name := clause
	if _, alias, ok := strings.Cut(clause, " as "); ok {
		name = alias
	}
	// "import a.b" binds a, and is used as a.b.
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).MatchString(code)
}

// closeGap joins the blank lines around a removed statement, so that groups of
// imports stay one blank line apart and definitions two.
func closeGap(out, lines []string, next int) ([]string, int) {
	blank := func(s string) bool { return strings.TrimSpace(s) == "" }
	if next >= len(lines) || !blank(lines[next]) {
		return out, next
	}
	if len(out) > 0 && blank(out[len(out)-1]) {
		return out[:len(out)-1], next
	}
	for len(out) == 0 && next < len(lines) && blank(lines[next]) {
		next++
	}
	return out, next
}
