package edit

import (
	"maps"
	"slices"
	"strings"
)

// pyImport is an import statement of one name: "from module import name as as", or
// "import module" when name is "".
type pyImport struct{ module, name, as string }

func parseImport(line string) pyImport {
	code, _, _ := strings.Cut(line, "#")
	w := strings.Fields(code)
	imp := pyImport{}
	switch {
	case len(w) >= 4 && w[0] == "from":
		imp.module, imp.name = w[1], w[3]
	case len(w) >= 2:
		imp.module = w[1]
	}
	if len(w) > 2 && w[len(w)-2] == "as" {
		imp.as = w[len(w)-1]
	}
	return imp
}

// path is what is imported, dotted.
func (i pyImport) path() string { return strings.Trim(i.module+"."+i.name, ".") }

func (i pyImport) local() string {
	switch {
	case i.as != "":
		return i.as
	case i.name != "":
		return i.name
	}
	return i.module
}

func (i pyImport) line() string {
	text := "import " + i.module
	if i.name != "" {
		text = "from " + i.module + " import " + i.name
	}
	if i.as != "" {
		text += " as " + i.as
	}
	return text
}

// localName is the name by which something is imported at top level before limit.
func (f *PyFile) localName(path string, limit int) string {
	for i := range f.Body {
		s := &f.Body[i]
		if s.Start >= limit {
			break
		}
		for _, a := range s.Imports {
			if s.Kind == "from" && f.Absolute(s)+"."+a.Name == path {
				return a.Local()
			}
		}
	}
	return ""
}

// freeAlias renames the import when the file uses its name for something else.
func (f *PyFile) freeAlias(imp pyImport, name string) (pyImport, string) {
	taken := false
	f.Walk(func(s *Stmt) { taken = taken || s.Binds(name) })
	if !taken {
		return imp, name
	}
	imp.as = "fastman_" + name
	return imp, imp.as
}

// importSpan inserts import lines before limit: in sorted order among the imports
// of the same package, else behind the last import of the leading block. False:
// the imports share the line of what stands at limit.
func (f *PyFile) importSpan(limit int, module string, lines ...string) (Span, bool) {
	last, sorted := f.leadingImports(limit, module)
	switch {
	case len(f.Body) == 0:
		return f.after(len(f.Src), lines...), true
	case sorted >= 0 && f.Body[sorted].Module > module:
		return f.before(f.Body[sorted].Start, lines...), true
	case sorted >= 0:
		return f.after(f.Body[sorted].End, lines...), true
	case last >= 0:
		end := lastOfLine(f.Src, f.Body, last)
		if f.Body[end].Start >= limit {
			return Span{}, false
		}
		return f.after(f.Body[end].End, append([]string{""}, lines...)...), true
	case f.Body[0].Start < limit && isDocstring(&f.Body[0]):
		end := lastOfLine(f.Src, f.Body, 0)
		return f.after(f.Body[end].End, append([]string{""}, lines...)...), f.Body[end].Start < limit
	}
	return f.before(f.Body[0].Start, append(lines, "")...), true
}

// leadingImports finds the last import before the first definition, and the
// statement of the same package next to which the module sorts; -1 where none is.
// Calls between imports (a path or an environment being set up) don't end the block.
func (f *PyFile) leadingImports(limit int, module string) (last, sorted int) {
	last, sorted = -1, -1
	for i := range f.Body {
		s := &f.Body[i]
		if s.Start >= limit || s.Kind == "def" || s.Kind == "class" {
			break
		}
		if s.Kind != "import" && s.Kind != "from" {
			continue
		}
		last = i
		if s.Kind == "from" && s.Level == 0 && sameSection(s.Module, module) && f.aloneOnLine(i) &&
			(sorted < 0 || s.Module <= module) {
			sorted = i
		}
	}
	return last, sorted
}

// sameSection reports whether import sorters keep two modules together: those of
// one package, and pydantic with pydantic_settings.
func sameSection(a, b string) bool {
	a, _, _ = strings.Cut(a, ".")
	b, _, _ = strings.Cut(b, ".")
	return a == b || strings.HasPrefix(a, "pydantic") && strings.HasPrefix(b, "pydantic")
}

func (f *PyFile) aloneOnLine(i int) bool {
	return firstOfLine(f.Src, f.Body, i) == i && lastOfLine(f.Src, f.Body, i) == i
}

func isDocstring(s *Stmt) bool {
	return s.Kind == "expr" && s.Value != nil && s.Value.Kind == "str"
}

// Import is "from Module import Name".
type Import struct{ Module, Name string }

// importSpans gives the file names it lacks: merged into a line that imports from
// the same module, or on lines of their own.
func (f *PyFile) importSpans(limit int, wanted []Import) (spans []Span, puts []Put) {
	wanted = slices.Clone(wanted)
	slices.SortStableFunc(wanted, func(a, b Import) int { return strings.Compare(importOrder(a.Name), importOrder(b.Name)) })
	missing := map[string][]string{}
	for i, w := range wanted {
		if f.localName(w.Module+"."+w.Name, limit) == w.Name || slices.Contains(wanted[:i], w) {
			continue
		}
		if span, merged, old := f.mergeImport(limit, w); merged {
			puts = append(puts, importPut(w.Module, w.Name, "", old))
			spans = join(spans, span)
			continue
		}
		missing[w.Module] = append(missing[w.Module], w.Name)
	}
	for _, module := range slices.Sorted(maps.Keys(missing)) {
		names := missing[module]
		line := "from " + module + " import " + strings.Join(names, ", ")
		if span, ok := f.importSpan(limit, module, line); ok {
			for _, name := range names {
				puts = append(puts, importPut(module, name, span.New, ""))
			}
			spans = join(spans, span)
		}
	}
	return spans, puts
}

// importPut is a name that was imported with the lines of inserted, or merged into the
// statement old.
func importPut(module, name, inserted, old string) Put {
	text := likeInserted("from "+module+" import "+name+"\n", inserted)
	return Put{Kind: "import", Key: name, Text: text, Old: old}
}

// likeInserted gives text the blank lines above and below that inserted has.
func likeInserted(text, inserted string) string {
	lead, trail := blankEnds(unixText(inserted))
	return strings.Repeat("\n", lead) + text + strings.Repeat("\n", trail)
}

// join adds an insertion; two at one place become one.
func join(spans []Span, with Span) []Span {
	for i := range spans {
		if spans[i].Start == with.Start && spans[i].End == with.End {
			spans[i].New += with.New
			return spans
		}
	}
	return append(spans, with)
}

// mergeImport adds a name to "from module import a, b", in the order that import
// sorters keep: constants, classes, functions.
func (f *PyFile) mergeImport(limit int, w Import) (at Span, merged bool, into string) {
	for i := range f.Body {
		s := &f.Body[i]
		if s.Start >= limit || s.Kind != "from" || s.Level != 0 || s.Module != w.Module || s.Imports[0].Name == "*" {
			continue
		}
		into = unixText(string(f.Src[s.Start:s.End]))
		for _, a := range s.Imports {
			if importOrder(a.Name) > importOrder(w.Name) {
				return Span{a.Start, a.Start, w.Name + "," + f.gap(a.Start)}, true, into
			}
		}
		end := s.Imports[len(s.Imports)-1]
		return Span{end.End, end.End, "," + f.gap(end.Start) + w.Name}, true, into
	}
	return Span{}, false, ""
}

// gap is what stands between two names of an import: a blank, or a new line where
// each name has its own.
func (f *PyFile) gap(pos int) string {
	if firstOnLine(f.Src, pos) {
		return f.Newline() + indentAt(f.Src, pos)
	}
	return " "
}

func importOrder(name string) string {
	switch {
	case name == strings.ToUpper(name):
		return "0" + name
	case name[0] >= 'A' && name[0] <= 'Z':
		return "1" + name
	}
	return "2" + name
}
