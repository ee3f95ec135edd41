package edit

import (
	"bytes"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// PyprojectRemove takes packages out of a section of a pyproject.toml or a Pipfile: an
// array of requirements ("project.dependencies") or a table with a key for each
// ("tool.poetry.dependencies", "packages"). What stands on a line with one of them goes
// with it; comments on lines of their own stay.
func PyprojectRemove(src []byte, section string, specs []string) Result {
	r := Result{Status: CannotPlace, Out: src, Snippet: "[" + section + "]\n" + strings.Join(specs, "\n")}
	s, err := scanSection(src, section)
	if err != nil {
		r.Reason = "is not valid TOML: " + err.Error()
		return r
	}
	names := packageNames(specs)
	gone := func(item tomlItem) bool { return slices.Contains(names, item.name) }
	odd := s.braces || slices.ContainsFunc(s.tables, gone)
	if !slices.ContainsFunc(s.items, gone) && !odd {
		return Result{Status: AlreadyThere, Out: src}
	}
	out, err := Apply(src, s.cut(src, gone)...)
	if err != nil || odd || !s.without(out, section, gone) {
		r.Reason = section + " is written in a way that can't be edited"
		return r
	}
	return Result{Status: Done, Out: out}
}

// PyprojectPrune takes a section that holds nothing out, and the table around it when
// that holds nothing else.
func PyprojectPrune(src []byte, section string) Result {
	s, err := scanSection(src, section)
	if err != nil || s.whole.End == 0 || len(s.items) > 0 {
		return Result{Status: AlreadyThere, Out: src}
	}
	out := slices.Concat(src[:s.whole.Start], src[s.whole.End:])
	if _, err := scanSection(out, section); err != nil {
		return Result{Status: AlreadyThere, Out: src}
	}
	return Result{Status: Done, Out: out}
}

// PyprojectHas reports whether a section is there, be it empty.
func PyprojectHas(src []byte, section string) bool {
	s, err := scanSection(src, section)
	return err == nil && (s.there || s.braces || len(s.items) > 0)
}

// tomlItem is an element of an array or a key of a table. Offsets are of the source.
type tomlItem struct {
	name       string // normalised; "" for what is no requirement
	start, end int
}

// section is a list of packages.
type section struct {
	path       []string
	array      bool
	there      bool       // its array, or the header of its table
	braces     bool       // a table in braces
	tables     []tomlItem // packages with tables of their own
	items      []tomlItem
	open, shut int  // of the array: behind "[", before "]"
	whole      Span // what goes when the section is pruned; without an end: it can't be

	header, next int // the table that the section is or stands in; -1: none, the file's end
}

func scanSection(src []byte, name string) (*section, error) {
	s := &section{path: strings.Split(name, "."), header: -1, next: -1}
	base := len(mark(src))
	p := unstable.Parser{}
	p.Reset(src[base:])
	var table []string
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind != unstable.KeyValue {
			table = keyParts(e)
			s.table(table, lineStart(src, base+firstKey(e)))
			continue
		}
		s.keyValue(src, base, slices.Concat(table, keyParts(e)), e)
	}
	if err := p.Error(); err != nil {
		return nil, err
	}
	s.measure(src)
	return s, nil
}

func firstKey(e *unstable.Node) int {
	keys := e.Key()
	keys.Next()
	return int(keys.Node().Raw.Offset)
}

// table takes where the table of the section begins, and the one behind it.
func (s *section) table(path []string, at int) {
	if s.header >= 0 && s.next < 0 {
		s.next = at
	}
	if n := len(s.path); len(path) > n && slices.Equal(path[:n], s.path) {
		s.tables = append(s.tables, tomlItem{name: PackageName(path[n])})
	}
	s.there = s.there || slices.Equal(path, s.path)
	if slices.Equal(path, s.path) || slices.Equal(path, s.path[:len(s.path)-1]) {
		s.header, s.next = at, -1
	}
}

func (s *section) keyValue(src []byte, base int, full []string, e *unstable.Node) {
	start, value := base+firstKey(e), e.Value()
	end := base + rangeEnd(e.Raw)
	if value.Kind == unstable.InlineTable {
		end = tableShut(src, base, value)
	}
	switch n := len(s.path); {
	case slices.Equal(full, s.path) && value.Kind == unstable.Array:
		s.array, s.there, s.shut = true, true, end-1
		keyEnd := base + lastKeyEnd(e)
		s.open = keyEnd + bytes.IndexByte(src[keyEnd:], '[') + 1
		s.elements(src, base, value)
		s.whole = Span{Start: lineStart(src, start), End: nextLine(src, end)}
	case slices.Equal(full, s.path):
		s.braces = true
	case len(full) > n && slices.Equal(full[:n], s.path):
		s.items = append(s.items, tomlItem{PackageName(full[n]), start, end})
	}
}

func (s *section) elements(src []byte, base int, array *unstable.Node) {
	for items := array.Children(); items.Next(); {
		node := items.Node()
		item := tomlItem{start: base + int(node.Raw.Offset), end: base + rangeEnd(node.Raw)}
		switch node.Kind {
		case unstable.String:
			item.name = PackageName(string(node.Data))
		case unstable.InlineTable:
			item.end = tableShut(src, base, node)
		}
		s.items = append(s.items, item)
	}
}

// measure finds what goes with the section: the whole table when nothing else is in
// it, with the blank lines before it.
func (s *section) measure(src []byte) {
	if s.next < 0 {
		s.next = len(src)
	}
	if s.header < 0 || s.whole.End > 0 && s.whole.Start < s.header {
		return
	}
	body := src[nextLine(src, s.header):s.next]
	if s.whole.End > 0 {
		body = slices.Concat(src[nextLine(src, s.header):s.whole.Start], src[s.whole.End:s.next])
	}
	if len(bytes.TrimSpace(body)) == 0 {
		end := s.next - len(body) + len(bytes.TrimLeft(body, "\r\n\t "))
		before := len(bytes.TrimRight(src[:s.header], "\r\n\t "))
		s.whole = Span{Start: nextLine(src, before), End: end}
		if s.next < len(src) {
			s.whole = Span{Start: s.header, End: s.next}
		}
	}
}

// cut lists what is to be deleted.
func (s *section) cut(src []byte, gone func(tomlItem) bool) []Span {
	var spans []Span
	for i := 0; i < len(s.items); i++ {
		if !gone(s.items[i]) {
			continue
		}
		first := i
		for i+1 < len(s.items) && gone(s.items[i+1]) {
			i++
		}
		spans = append(spans, s.cutRun(src, first, i)...)
	}
	return spans
}

// cutRun deletes neighbours, by lines where they stand on lines of their own.
func (s *section) cutRun(src []byte, first, last int) []Span {
	var lines []Span
	for _, item := range s.items[first : last+1] {
		if s.array && !s.alone(src, item) {
			return s.cutWithin(src, first, last)
		}
		lines = append(lines, Span{Start: lineStart(src, item.start), End: nextLine(src, item.end)})
	}
	if s.array && first > 0 && s.ends(src, last) {
		comma := nextMark(src, s.items[first-1].end)
		lines = append(lines, Span{Start: comma, End: comma + 1})
	}
	return lines
}

// ends reports whether an item is the last of its array, without a comma behind it.
func (s *section) ends(src []byte, i int) bool {
	return i == len(s.items)-1 && src[nextMark(src, s.items[i].end)] == ']'
}

// alone reports whether nothing but a comma and a comment shares the item's line.
func (s *section) alone(src []byte, item tomlItem) bool {
	start := lineStart(src, item.start)
	end := item.end + lineRest(src, item.end)
	rest, _, _ := strings.Cut(string(src[item.end:end]), "#")
	rest = strings.TrimSpace(rest)
	return start > s.open && len(bytes.TrimSpace(src[start:item.start])) == 0 && end < s.shut && (rest == "" || rest == ",")
}

// cutWithin deletes neighbours of which some share a line with what stays.
func (s *section) cutWithin(src []byte, first, last int) []Span {
	end := s.items[last].end
	ends := s.ends(src, last)
	if !ends {
		if end = nextMark(src, end) + 1; src[end-1] == ']' {
			end--
		}
	}
	switch {
	case first == 0 && last+1 < len(s.items):
		return []Span{{Start: s.items[0].start, End: s.items[last+1].start}}
	case first == 0:
		return []Span{{Start: s.items[0].start, End: end}}
	}
	comma := nextMark(src, s.items[first-1].end)
	if !ends {
		return []Span{{Start: comma + 1, End: end}}
	}
	before := s.items[first-1].end
	if rest := before + lineRest(src, before); rest < comma {
		return []Span{{Start: rest, End: end}}
	}
	behind := comma + 1
	if bytes.IndexByte(src[behind:s.items[first].start], '\n') >= 0 {
		behind += lineRest(src, behind) // a comment stands there
	}
	return []Span{{Start: comma, End: comma + 1}, {Start: behind, End: end}}
}

// without reports whether out has the section with just what was to stay.
func (s *section) without(out []byte, name string, gone func(tomlItem) bool) bool {
	now, err := scanSection(out, name)
	if err != nil {
		return false
	}
	names := func(items []tomlItem) (all []string) {
		for _, item := range items {
			if !gone(item) {
				all = append(all, item.name)
			}
		}
		return all
	}
	return slices.Equal(names(s.items), names(now.items)) && !slices.ContainsFunc(now.items, gone)
}
