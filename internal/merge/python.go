package merge

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// python writes statements up to width columns.
type python struct{ width int }

// widthOf is 88 columns, or as long as the longest line of code that has neither
// strings nor comments, which formatters can't break.
func widthOf(lines []string) int {
	width := 88
	for _, line := range lines {
		line = strings.TrimRight(line, "\r\n")
		if n := utf8.RuneCountInString(line); n > width && n <= 120 && !strings.ContainsAny(line, "#\"'") {
			width = n
		}
	}
	return width
}

var pyStatement = regexp.MustCompile(`^(?:import|from)\s`)

func (python) read(lines []string, ends func(string) bool) (file, bool) {
	_, starts, ok := scanPython(lines)
	if !ok {
		return file{}, false
	}
	from, to := importSpan(lines, starts, ends)
	if from < 0 {
		return file{}, false
	}
	f := file{head: lines[:from], region: lines[from:to], tail: lines[to:]}
	return f, f.usual() && f.readPyItems(starts[from:to])
}

// importSpan goes from the first import, with the comment on it, to the last.
func importSpan(lines []string, starts []bool, ends func(string) bool) (from, to int) {
	from = -1
	for i, line := range lines {
		switch {
		case !starts[i] || strings.TrimLeft(line, " \t\f#\r\n") != line || line == "":
			continue // inside a statement or a block, blank, or a comment
		case pyStatement.MatchString(line):
			if from < 0 {
				from = i
			}
			to = statementEnd(starts, i)
		case from >= 0 && ends(line):
			return withComment(lines, from), to
		}
	}
	return withComment(lines, from), to
}

// withComment takes in the comment directly above, unless the file begins with it.
func withComment(lines []string, from int) int {
	above := from
	for above > 0 && strings.HasPrefix(lines[above-1], "#") {
		above--
	}
	if above == 0 {
		return from
	}
	return above
}

func statementEnd(starts []bool, i int) int {
	for i++; i < len(starts) && !starts[i]; i++ {
	}
	return i
}

func (f *file) readPyItems(starts []bool) bool {
	var lead []string
	for i := 0; i < len(f.region); {
		end := statementEnd(starts, i)
		it := item{text: f.region[i:end], line: len(f.head) + i}
		switch line := f.region[i]; {
		case strings.HasPrefix(line, "#"):
			lead = append(lead, line)
			i = end
			continue
		case pyStatement.MatchString(line):
			imp, ok := parsePyImport(it.text)
			if !ok {
				return false
			}
			it.names = imp.keys()
			it.lead, it.line = lead, it.line-len(lead)
		case len(lead) > 0:
			f.items = append(f.items, item{text: lead, line: it.line - len(lead)})
		}
		f.items, lead, i = append(f.items, it), nil, end
	}
	return true
}

// scanPython returns the code without comments and docstrings, and which lines begin
// a logical line. Not ok: a bracket or a string has no other end.
func scanPython(lines []string) (code []string, starts []bool, ok bool) {
	var quote string // that ends the open string
	depth, hidden, joined := 0, false, false
	ok = true
	for _, line := range lines {
		starts = append(starts, quote == "" && depth == 0 && !joined)
		joined = false
		shown := []byte(line)
		for i := 0; i < len(line); i++ {
			switch c := line[i]; {
			case quote != "" && strings.HasPrefix(line[i:], quote):
				i, quote = i+len(quote)-1, ""
			case quote != "":
				if hidden {
					shown[i] = ' '
				}
				if c == '\\' && line[i+1:] != "\n" {
					i++
				}
			case c == '#':
				shown, i = shown[:i], len(line)
			case c == '"' || c == '\'':
				quote = line[i : i+1]
				if strings.HasPrefix(line[i:], strings.Repeat(quote, 3)) {
					quote = line[i : i+3]
				}
				hidden = len(quote) == 3 && !formatted(line[:i])
				i += len(quote) - 1
			case strings.IndexByte("([{", c) >= 0:
				depth++
			case strings.IndexByte(")]}", c) >= 0:
				depth--
				ok = ok && depth >= 0
			case c == '\\':
				joined = strings.TrimRight(line[i:], "\r\n") == `\`
			}
		}
		if len(quote) == 1 && !strings.HasSuffix(strings.TrimRight(line, "\r\n"), `\`) {
			quote, ok = "", false
		}
		code = append(code, string(shown))
	}
	return code, starts, ok && quote == "" && depth == 0 && !joined
}

// formatted reports whether the string behind text is an f-string, which holds code.
func formatted(text string) bool {
	prefix := text[len(strings.TrimRightFunc(text, unicode.IsLetter)):]
	return len(prefix) <= 2 && strings.ContainsAny(prefix, "fFtT")
}

var pyDotted = regexp.MustCompile(`[\pL_][\pL\pN_]*(?:\.[\pL_][\pL\pN_]*)*`)

func (python) mentions(lines []string) []map[string]bool {
	code, _, _ := scanPython(lines)
	out := make([]map[string]bool, len(lines))
	for i, line := range code {
		out[i] = map[string]bool{}
		for _, dotted := range pyDotted.FindAllString(line, -1) {
			for end, c := range dotted + "." {
				if c == '.' {
					out[i][dotted[:end]] = true
				}
			}
		}
	}
	return out
}

func (python) binds(n name) []string {
	switch {
	case n.as != "":
		return []string{n.as}
	case n.what == "*":
		return nil
	}
	return []string{n.what}
}

// near are statements that import from the same module: what else goes together is
// up to the user's sorter.
func (python) near(a, b item) bool {
	return a.names[0].module != "" && a.names[0].module == b.names[0].module
}

// less sorts as isort and ruff do: "import a" before "from a", far relative modules
// before near ones.
func (python) less(a, b item) bool {
	if c := cmp.Compare(pyRank(a), pyRank(b)); c != 0 {
		return c < 0
	}
	of := func(it item) string { return cmp.Or(it.names[0].module, it.names[0].what) }
	if c := cmp.Compare(natural(of(a)), natural(of(b))); c != 0 {
		return c < 0
	}
	return memberKey(a.names[0].what) < memberKey(b.names[0].what)
}

func pyRank(it item) int {
	module := it.names[0].module
	dots := len(module) - len(strings.TrimLeft(module, "."))
	switch {
	case module == "__future__":
		return -2
	case module == "":
		return -1
	case dots == 0:
		return 0
	}
	return 1000 - dots
}

// memberKey sorts constants before classes before functions.
func memberKey(member string) string {
	first, _ := utf8.DecodeRuneInString(member)
	switch {
	case len(member) > 1 && member == strings.ToUpper(member) && member != strings.ToLower(member):
		return "0" + natural(member)
	case unicode.IsUpper(first):
		return "1" + natural(member)
	}
	return "2" + natural(member)
}

var digits = regexp.MustCompile(`\d+`)

// natural sorts "a2" before "a10", whatever the case.
func natural(s string) string {
	padded := digits.ReplaceAllStringFunc(s, func(n string) string {
		return strings.Repeat("0", max(0, 20-len(n))) + n
	})
	return strings.ToLower(padded) + " " + s
}

// join follows the user where he has one statement a name, or aliases apart.
func (p python) join(items []item, n name, donor item) bool {
	plain := func(n name) bool { return n.as == "" && n.what != "*" }
	mixed := slices.ContainsFunc(donor.names, plain)
	var fit []int
	for i, it := range items {
		if n.module == "" || n.what == "*" || len(it.names) == 0 || it.names[0].module != n.module || it.names[0].what == "*" {
			continue
		}
		if n.as != "" && mixed || slices.ContainsFunc(it.names, func(own name) bool { return plain(own) == plain(n) }) {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 || len(fit) > 1 && !slices.ContainsFunc(fit, func(i int) bool { return len(items[i].names) > 1 }) {
		return false
	}
	it := items[fit[0]]
	at := slices.IndexFunc(it.names, func(own name) bool { return memberKey(own.what) > memberKey(n.what) })
	if at < 0 {
		at = len(it.names)
	}
	items[fit[0]] = p.compose(it, slices.Insert(slices.Clone(it.names), at, n), donor)
	return true
}

func (p python) compose(it item, names []name, donor item) item {
	if slices.Equal(it.names, names) {
		return it
	}
	imp, _ := parsePyImport(it.text)
	known, _ := parsePyImport(donor.text)
	all := slices.Concat(imp.names, known.names)
	imp.names = nil
	for _, n := range names {
		imp.names = append(imp.names, all[slices.IndexFunc(all, func(known pyName) bool { return known.name == n })])
	}
	it.names, it.text = names, imp.write(p.width)
	return it
}
