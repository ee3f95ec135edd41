package edit

import (
	"slices"
	"strings"
)

// pyList are the elements of a call, a dict or an import, some of which go.
type pyList struct {
	open, close int // the brackets; open < 0: none
	elements    []Span
	goes        []bool
}

func (l *pyList) add(start, end int, goes bool) {
	l.elements = append(l.elements, Span{start, end, ""})
	l.goes = append(l.goes, goes)
}

// partOfImport takes some names out of an import statement.
func (c *pyCut) partOfImport(s *Stmt, names map[int]Put) {
	list := pyList{open: -1, close: s.End - 1}
	if at := strings.IndexByte(string(c.f.Src[s.Start:s.Imports[0].Start]), '('); at >= 0 {
		list.open = s.Start + at
	}
	old := ""
	for i, a := range s.Imports {
		put, goes := names[i]
		list.add(a.Start, a.End, goes)
		if put.Old != "" {
			old = put.Old
		}
	}
	c.list(list, old)
}

// list takes elements out of a list of which at least one goes. old is the list as it
// was before ours came: where it had no comma at its end, and stood on one line, it is
// so again. False: what stands between the elements is not only commas and comments.
func (c *pyCut) list(l pyList, old string) bool {
	spans, ok := c.withoutElements(l)
	if !ok {
		return false
	}
	if l.open >= 0 && old != "" {
		if !strings.ContainsAny(old, "\r\n") && c.joinable(l) {
			spans = []Span{c.joined(l, old)}
		} else if at := c.lastComma(l, spans); at >= 0 && !endsInComma(old) {
			spans = append(spans, Span{at, at + 1, ""})
		}
	}
	c.inline = append(c.inline, mergeSpans(spans)...)
	return true
}

func (c *pyCut) withoutElements(l pyList) (spans []Span, ok bool) {
	kept := false
	for i, e := range l.elements {
		span := Span{e.Start, e.End, ""}
		switch {
		case !l.goes[i]:
			kept = true
			continue
		case kept:
			span.Start = l.elements[i-1].End
		case i+1 < len(l.elements):
			span.End = l.elements[i+1].Start
		case l.open >= 0:
			rest := string(c.f.Src[e.End:l.close])
			span.End = e.End + strings.IndexByte(rest, ',') + 1
			span.End = max(span.End, e.End)
		}
		if !c.onlyCommas(span.Start, e.Start) || !c.onlyCommas(e.End, span.End) {
			if span, ok = c.ownLines(e); !ok {
				return nil, false
			}
		}
		spans = append(spans, span)
	}
	return spans, true
}

// onlyCommas reports whether nothing but commas and white space stands there.
func (c *pyCut) onlyCommas(start, end int) bool {
	return strings.Trim(string(c.f.Src[start:end]), ", \t\f\r\n\\") == ""
}

// ownLines are the lines of an element that shares them with nothing but a comma and
// a comment.
func (c *pyCut) ownLines(e Span) (Span, bool) {
	first, last := c.lines[c.lineOf(e.Start)], c.lines[c.lineOf(e.End-1)]
	rest, _, _ := strings.Cut(string(c.f.Src[e.End:last.End]), "#")
	return Span{first.Start, last.End, ""}, firstOnLine(c.f.Src, e.Start) && strings.Trim(rest, ", \t\r\n") == ""
}

// joinable reports whether a list in brackets stands on several lines, without comments
// and with elements of one line each.
func (c *pyCut) joinable(l pyList) bool {
	for _, e := range l.elements {
		if strings.ContainsAny(string(c.f.Src[e.Start:e.End]), "\r\n") {
			return false
		}
	}
	text := c.f.Src[l.open:l.close]
	for _, t := range pyTokens(text) {
		if t.kind == '#' {
			return false
		}
	}
	return strings.ContainsAny(string(text), "\r\n")
}

// joined is the list on one line, in brackets if it had some.
func (c *pyCut) joined(l pyList, old string) Span {
	var kept []string
	for i, e := range l.elements {
		if !l.goes[i] {
			kept = append(kept, string(c.f.Src[e.Start:e.End]))
		}
	}
	text := strings.Join(kept, ", ")
	if !strings.ContainsAny(old, "({") {
		return Span{l.open, l.close + 1, text}
	}
	return Span{l.open + 1, l.close, text}
}

// lastComma is the comma behind the last element that stays, or -1.
func (c *pyCut) lastComma(l pyList, spans []Span) int {
	last := -1
	for i, e := range l.elements {
		if !l.goes[i] {
			last = e.End
		}
	}
	if last < 0 {
		return -1
	}
	for _, t := range pyTokens(c.f.Src[last:l.close]) {
		if t.kind == '.' && c.f.Src[last+t.start] == ',' && !within(spans, last+t.start) {
			return last + t.start
		}
	}
	return -1
}

// endsInComma reports whether the last element of a list has a comma behind it.
func endsInComma(list string) bool {
	tokens := slices.DeleteFunc(pyTokens([]byte(list)), func(t pyToken) bool { return t.kind == '#' })
	n := len(tokens)
	return n > 1 && list[tokens[n-2].start] == ','
}

// mergeSpans joins deletions that touch each other.
func mergeSpans(spans []Span) []Span {
	var out []Span
	for _, s := range spans {
		if n := len(out); n > 0 && s.New == "" && out[n-1].New == "" && s.Start <= out[n-1].End && out[n-1].Start <= s.Start {
			out[n-1].End = max(out[n-1].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}
