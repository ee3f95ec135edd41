package merge

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// pyImport is an import statement of Python with its comments.
type pyImport struct {
	module   string // "" in "import a"
	names    []pyName
	exploded bool   // a line for each name
	comment  string // behind the only line, or the opening bracket
	closing  string // behind the closing bracket
}

type pyName struct {
	name
	lead    []string // comments on the lines above
	comment string
}

func (imp pyImport) keys() (names []name) {
	for _, n := range imp.names {
		names = append(names, n.name)
	}
	return names
}

var pyToken = regexp.MustCompile(`[^\s(),;\\]+|\S`)

// pyParser collects the name that is being read.
type pyParser struct {
	pyImport
	words   []string
	pending pyName
	bad     bool
}

// parsePyImport reads a statement. Not ok: it has a form that can't be written again
// with all its comments.
func parsePyImport(text []string) (pyImport, bool) {
	p := pyParser{pyImport: pyImport{exploded: len(text) > 1}}
	for i, line := range text {
		code, comment, commented := strings.Cut(strings.TrimSpace(line), "#")
		tokens := pyToken.FindAllString(code, -1)
		if i == 0 {
			tokens = p.head(tokens)
		}
		read := p.line(tokens)
		p.exploded = p.exploded && (read == 1) == (i > 0 && i < len(text)-1 && len(tokens) > 0) && read < 2
		if commented {
			p.remark("#"+comment, tokens, read, len(text) == 1)
		}
	}
	p.end()
	return p.pyImport, !p.bad && len(p.names) > 0 && len(p.pending.lead) == 0
}

// head reads "from module import" or "import".
func (p *pyParser) head(tokens []string) []string {
	at := slices.Index(tokens, "import")
	if at < 0 {
		p.bad = true
		return nil
	}
	if at > 0 {
		p.module = strings.Join(tokens[1:at], "")
	}
	return tokens[at+1:]
}

// line reads tokens, and returns how many names begin among them.
func (p *pyParser) line(tokens []string) (begun int) {
	for _, token := range tokens {
		switch token {
		case "(", `\`:
		case ")", ",":
			p.end()
		case ";":
			p.bad = true
		default:
			if len(p.words) == 0 {
				begun++
			}
			p.words = append(p.words, token)
		}
	}
	return begun
}

// end takes the name that was read, if any.
func (p *pyParser) end() {
	n := p.pending
	switch {
	case len(p.words) == 0:
		return
	case len(p.words) == 1:
		n.name = name{p.module, p.words[0], ""}
	case len(p.words) == 3 && p.words[1] == "as":
		n.name = name{p.module, p.words[0], p.words[2]}
	default:
		p.bad = true
	}
	p.names = append(p.names, n)
	p.words, p.pending = nil, pyName{}
}

// remark finds the place of a comment by what stands on its line.
func (p *pyParser) remark(comment string, tokens []string, read int, only bool) {
	switch {
	case only || read == 0 && slices.Contains(tokens, "("):
		p.comment = comment
	case len(tokens) == 0 && len(p.words) == 0:
		p.pending.lead = append(p.pending.lead, comment)
	case slices.Contains(tokens, ")") && read == 0:
		p.closing = comment
	case len(p.words) > 0 && p.pending.comment == "":
		p.pending.comment = comment
	case len(p.words) == 0 && len(p.names) > 0 && p.names[len(p.names)-1].comment == "":
		p.names[len(p.names)-1].comment = comment
	default:
		p.bad = true
	}
}

// write formats the statement as ruff does: on one line where it fits, unless it had
// a line for each name before.
func (imp pyImport) write(width int) []string {
	var names []string
	remarks := imp.closing != ""
	for _, n := range imp.names {
		names = append(names, n.text())
		remarks = remarks || n.comment != "" || len(n.lead) > 0
	}
	head := "import "
	if imp.module != "" {
		head = "from " + imp.module + " import "
	}
	one := head + strings.Join(names, ", ")
	if imp.module == "" || names[0] == "*" || !imp.exploded && !remarks && imp.columns(one) <= width {
		return []string{behind(one, imp.comment)}
	}
	lines := []string{behind(head+"(", imp.comment)}
	for _, n := range imp.names {
		for _, comment := range n.lead {
			lines = append(lines, "    "+comment+"\n")
		}
		lines = append(lines, behind("    "+n.text()+",", n.comment))
	}
	return append(lines, behind(")", imp.closing))
}

// columns counts what formatters count: comments for tools may be longer.
func (imp pyImport) columns(line string) int {
	if !strings.HasPrefix(imp.comment, "# noqa") && !strings.HasPrefix(imp.comment, "# type:") {
		line = strings.TrimSuffix(behind(line, imp.comment), "\n")
	}
	return utf8.RuneCountInString(line)
}

func behind(code, comment string) string {
	if comment == "" {
		return code + "\n"
	}
	return code + "  " + comment + "\n"
}

func (n pyName) text() string {
	if n.as == "" {
		return n.what
	}
	return n.what + " as " + n.as
}
