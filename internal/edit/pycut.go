package edit

import (
	"bytes"
	"slices"
	"strings"
)

// pyCut turns statements that go into spans: with their lines and the blank lines that
// came with them, and with something in their place where a body would be empty.
type pyCut struct {
	f       *PyFile
	lines   []Span // the physical lines, with their ends
	dropped []bool // by line
	marked  map[*Stmt]Put
	order   []pyNode
	names   map[*Stmt]map[int]Put // names of import statements
	inline  []Span
}

func newPyCut(f *PyFile) *pyCut {
	c := &pyCut{f: f, marked: map[*Stmt]Put{}, names: map[*Stmt]map[int]Put{}}
	for at := len(mark(f.Src)); at < len(f.Src); {
		end := lineEndAt(f.Src, at)
		c.lines = append(c.lines, Span{at, end, ""})
		at = end
	}
	c.dropped = make([]bool, len(c.lines))
	return c
}

// lineEndAt is behind the line end that ends the physical line of pos.
func lineEndAt(src []byte, pos int) int {
	n := bytes.IndexAny(src[pos:], "\r\n")
	if n < 0 {
		return len(src)
	}
	return pos + n + newlineLen(src[pos+n:])
}

// statement marks one that goes.
func (c *pyCut) statement(n pyNode, put Put) {
	if _, twice := c.marked[n.Stmt]; !twice {
		c.marked[n.Stmt] = put
		c.order = append(c.order, n)
	}
}

// name marks one name of an import statement; with the last one the statement goes.
func (c *pyCut) name(n pyNode, i int, put Put) {
	if c.names[n.Stmt] == nil {
		c.names[n.Stmt] = map[int]Put{}
	}
	c.names[n.Stmt][i] = put
	if len(c.names[n.Stmt]) == len(n.Imports) {
		c.statement(n, put)
	}
}

// gone are the spans of the statements that go.
func (c *pyCut) gone() []Span {
	spans := slices.Clone(c.inline)
	for _, n := range c.order {
		spans = append(spans, Span{n.Start, n.End, ""})
	}
	return spans
}

// spans are the replacements that take out all that is marked.
func (c *pyCut) spans() []Span {
	for s, names := range c.names {
		if len(names) < len(s.Imports) {
			c.partOfImport(s, names)
		}
	}
	var bodies []*Stmt
	for _, n := range c.order {
		if !slices.Contains(bodies, n.outer) {
			bodies = append(bodies, n.outer)
		}
	}
	for _, outer := range bodies {
		c.body(outer)
	}
	return append(c.inline, c.droppedSpans()...)
}

func (c *pyCut) droppedSpans() (spans []Span) {
	for i, line := range c.lines {
		switch {
		case !c.dropped[i]:
		case i > 0 && c.dropped[i-1]:
			spans[len(spans)-1].End = line.End
		default:
			spans = append(spans, line)
		}
	}
	return spans
}

// body takes the marked statements out of one body; outer is nil for the module's.
func (c *pyCut) body(outer *Stmt) {
	body := c.f.Body
	if outer != nil {
		body = outer.Body
		if c.fold(outer) {
			return
		}
	}
	run := pyRun{cut: c, body: body}
	for i := 0; i < len(body); {
		last := lastOfLine(c.f.Src, body, i)
		switch whole := c.isWhole(body[i : last+1]); {
		case !whole:
			c.partOfLine(body[i : last+1])
		case !firstOnLine(c.f.Src, body[i].Start):
			c.inline = append(c.inline, Span{body[i].Start, body[last].End, "pass"})
		case c.needsFiller(outer, body, i, last):
			run.fill(i)
			c.inline = append(c.inline, Span{body[i].Start, body[last].End, c.filler(outer)})
		default:
			run.add(i, last)
		}
		i = last + 1
	}
	run.end()
}

// isWhole reports whether all statements of a line go.
func (c *pyCut) isWhole(line []Stmt) bool {
	for i := range line {
		if _, goes := c.marked[&line[i]]; !goes {
			return false
		}
	}
	return true
}

// partOfLine takes statements out of a line that others stay on.
func (c *pyCut) partOfLine(line []Stmt) {
	kept := false
	for i := range line {
		_, goes := c.marked[&line[i]]
		switch {
		case !goes:
			kept = true
		case kept:
			c.inline = append(c.inline, Span{line[i-1].End, line[i].End, ""})
		default:
			c.inline = append(c.inline, Span{line[i].Start, line[i+1].Start, ""})
		}
	}
}

// lineOf is the index of the physical line that holds pos.
func (c *pyCut) lineOf(pos int) int {
	i, _ := slices.BinarySearchFunc(c.lines, pos, func(line Span, pos int) int {
		if line.End <= pos {
			return -1
		}
		return 1
	})
	return min(i, len(c.lines)-1)
}

func (c *pyCut) text(line int) string {
	return strings.TrimSpace(string(c.f.Src[c.lines[line].Start:c.lines[line].End]))
}

func (c *pyCut) drop(first, last int) {
	for i := first; i <= last; i++ {
		c.dropped[i] = true
	}
}

// dropComments drops the comments above a statement that its Put brought along, and
// returns the first line of the statement or of those directly above it.
func (c *pyCut) dropComments(s *Stmt) int {
	at := c.lineOf(s.Start)
	var own []string
	for line := range strings.Lines(c.marked[s].Text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			own = append(own, prose(line))
		}
	}
	top := at
	for top > 0 && strings.HasPrefix(c.text(top-1), "#") {
		top--
	}
	for first := top; first < at; first++ { // they may be wrapped in another way by now
		var words []string
		for i := first; i < at; i++ {
			words = append(words, prose(c.text(i)))
		}
		if strings.Join(words, " ") == strings.Join(own, " ") {
			c.drop(first, at-1)
			return first
		}
	}
	for i := top; i < at; i++ {
		if slices.Contains(own, prose(c.text(i))) {
			c.drop(i, i)
		}
	}
	return at
}

// prose is a comment's text without its layout.
func prose(comment string) string {
	return strings.Join(strings.Fields(strings.TrimLeft(comment, "# \t")), " ")
}

// pyRun is a run of lines that go, with nothing but blank lines between them.
type pyRun struct {
	cut         *pyCut
	body        []Stmt
	first, last int // statements; last < first: none
	top, bottom int // lines
	open        bool
}

func (r *pyRun) add(first, last int) {
	top, bottom := r.cut.dropComments(&r.body[first]), r.cut.lineOf(r.body[last].End-1)
	if r.open && !r.follows(top) {
		r.end()
	}
	if !r.open {
		r.first, r.top, r.open = first, top, true
	}
	r.cut.drop(r.top, bottom)
	r.last, r.bottom = last, bottom
}

// fill ends the run where a filler takes the place of a statement.
func (r *pyRun) fill(at int) {
	top := r.cut.dropComments(&r.body[at])
	if r.open && r.follows(top) {
		r.cut.drop(r.top, top-1)
		r.open = false
	}
	r.end()
}

// follows reports whether only blank lines part the run from a line.
func (r *pyRun) follows(line int) bool {
	for i := r.bottom + 1; i < line; i++ {
		if r.cut.text(i) != "" && !r.cut.dropped[i] {
			return false
		}
	}
	return true
}

// end closes the gap that the run leaves.
func (r *pyRun) end() {
	if !r.open {
		return
	}
	r.open = false
	above, below := r.cut.blanks(r.top-1, -1), r.cut.blanks(r.bottom+1, 1)
	gap := r.gap(len(above), len(below))
	spare := append(above, below...)
	if gap == len(above) {
		spare = append(below, above...)
	}
	for _, line := range spare[:len(spare)-gap] {
		r.cut.dropped[line] = true
	}
}

// blanks are the blank lines from one on, up or down, the nearest first.
func (c *pyCut) blanks(from, step int) (found []int) {
	for i := from; i >= 0 && i < len(c.lines) && (c.dropped[i] || c.text(i) == ""); i += step {
		if !c.dropped[i] {
			found = append(found, i)
		}
	}
	return found
}

// gap is how many blank lines stay where there were some above and below: those that
// the edit did not bring. Formatters put some around imports.
func (r *pyRun) gap(above, below int) int {
	lead, _ := blankEnds(r.put(r.first).Text)
	_, trail := blankEnds(r.put(r.last).Text)
	importAbove, importBelow := r.isImport(r.first-1), r.isImport(r.last+1)
	switch {
	case r.isImport(r.first) && importAbove != importBelow && importAbove:
		return below
	case r.isImport(r.first) && importAbove != importBelow:
		return above
	case r.isImport(r.first) && importAbove:
		return max(above, below)
	case lead > 0 && trail > 0:
		return max(0, above-lead) + max(0, below-trail)
	case below == 0 && r.atEnd():
		return max(0, above-lead)
	case lead > 0:
		return below
	case trail > 0, r.isImport(r.first) && !r.belowComment():
		return above
	}
	return max(above, below)
}

func (r *pyRun) put(i int) Put { return r.cut.marked[&r.body[i]] }

func (r *pyRun) isImport(i int) bool {
	return i >= 0 && i < len(r.body) && len(r.body[i].Imports) > 0 && !(i < r.first && r.belowComment())
}

func (r *pyRun) belowComment() bool {
	above := r.top - 1
	for above >= 0 && (r.cut.dropped[above] || r.cut.text(above) == "") {
		above--
	}
	return above >= 0 && strings.HasPrefix(r.cut.text(above), "#")
}

func (r *pyRun) atEnd() bool {
	for i := r.bottom + 1; i < len(r.cut.lines); i++ {
		if !r.cut.dropped[i] {
			return false
		}
	}
	return true
}

// blankEnds counts the blank lines with which an inserted text begins and ends. One
// that ends a file without a last newline begins with the end of the line above.
func blankEnds(text string) (lead, trail int) {
	body := strings.Trim(text, "\n")
	lead = strings.Index(text, body)
	trail = len(text) - lead - len(body) - 1
	if trail < 0 {
		return max(0, lead-1), 0
	}
	return lead, trail
}
