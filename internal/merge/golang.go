package merge

import (
	"go/parser"
	"go/scanner"
	"go/token"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// golang reads import declarations with one import a line.
type golang struct{}

var (
	goSpec       = regexp.MustCompile("^(import\\s+|\\s*)(?:(\\S+)\\s+)?(\"[^\"]*\"|`[^`]*`)\\s*(?://.*)?$")
	goComment    = regexp.MustCompile(`^\s*//`)
	goBracket    = regexp.MustCompile(`^(?:import \(|\))$`)
	majorVersion = regexp.MustCompile(`^v\d+$`)
)

func isBracket(it item) bool {
	return len(it.names) == 0 && len(it.text) == 1 && goBracket.MatchString(strings.TrimSpace(it.text[0]))
}

func (golang) read(lines []string, _ func(string) bool) (file, bool) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "", strings.Join(lines, ""), parser.ImportsOnly)
	if err != nil || len(parsed.Imports) == 0 {
		return file{}, false
	}
	line := func(pos token.Pos) int { return files.PositionFor(pos, false).Line }
	from, to := line(parsed.Decls[0].Pos())-1, line(parsed.Decls[len(parsed.Decls)-1].End())
	f := file{head: lines[:from], region: lines[from:to], tail: lines[to:]}
	ok := f.usual() && f.readGoItems()
	return f, ok && len(f.names()) == len(parsed.Imports)
}

// readGoItems reads the lines of the region. Imports without brackets are given
// some, which only counts when the region changes.
func (f *file) readGoItems() bool {
	var lead []string
	brackets, single := 0, 0
	for i, line := range f.region {
		trimmed := strings.TrimSpace(line)
		spec := goSpec.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if goComment.MatchString(line) {
			lead = append(lead, "\t"+trimmed+"\n")
			continue
		}
		it := item{lead: lead, text: []string{line}, line: len(f.head) + i - len(lead)}
		switch {
		case spec != nil:
			what, err := strconv.Unquote(spec[3])
			if err != nil || what == "C" { // cgo reads the comment above
				return false
			}
			it.names = []name{{what: what, as: spec[2]}}
			it.text[0] = "\t" + strings.TrimPrefix(strings.TrimRight(line, "\r\n"), spec[1]) + "\n"
			single += strings.Count(spec[1], "import")
		case goBracket.MatchString(trimmed):
			brackets++
		case trimmed != "":
			return false
		}
		if it.names == nil && len(lead) > 0 {
			f.items = append(f.items, item{text: lead, line: it.line})
			it.lead, it.line = nil, it.line+len(lead)
		}
		f.items, lead = append(f.items, it), nil
	}
	if single > 0 {
		open, closed := item{text: []string{"import (\n"}}, item{text: []string{")\n"}}
		f.items = append(append([]item{open}, f.items...), closed)
	}
	return single == 0 || brackets == 0
}

// mentions are the identifiers in front of a dot.
func (golang) mentions(lines []string) []map[string]bool {
	src := []byte(strings.Join(lines, ""))
	files := token.NewFileSet()
	f := files.AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(f, src, func(token.Position, string) {}, 0)
	out := make([]map[string]bool, len(lines))
	var before, last token.Token
	var qualifier string
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return out
		}
		if tok == token.PERIOD && last == token.IDENT && before != token.PERIOD {
			at := f.PositionFor(pos, false).Line - 1
			if out[at] == nil {
				out[at] = map[string]bool{}
			}
			out[at][qualifier] = true
		}
		before, last, qualifier = last, tok, lit
	}
}

// binds suggests names by the path where there is no alias: the package behind
// "github.com/wneessen/go-mail" is mail.
func (golang) binds(n name) []string {
	switch n.as {
	case "_", ".":
		return nil
	case "":
		full := n.what
		if majorVersion.MatchString(path.Base(full)) {
			full = path.Dir(full)
		}
		base, _, _ := strings.Cut(path.Base(full), ".v") // gopkg.in/yaml.v3
		return []string{base, strings.TrimPrefix(base, "go-"), strings.TrimSuffix(base, "-go")}
	}
	return []string{n.as}
}

// near parts the standard library, whose paths have no dot in the first element, from
// all else.
func (golang) near(a, b item) bool {
	standard := func(it item) bool {
		first, _, _ := strings.Cut(it.names[0].what, "/")
		return !strings.Contains(first, ".")
	}
	return standard(a) == standard(b)
}

func (golang) less(a, b item) bool { return a.names[0].what < b.names[0].what }

func (golang) join([]item, name, item) bool { return false }

func (golang) compose(it item, _ []name, _ item) item { return it }
