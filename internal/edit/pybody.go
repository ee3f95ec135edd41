package edit

import (
	"slices"
	"strings"
)

// needsFiller reports whether a body would be empty without the statements that go,
// of which body[i] to body[last] are the last; or whether it held a filler before.
func (c *pyCut) needsFiller(outer *Stmt, body []Stmt, i, last int) bool {
	if outer == nil {
		return false
	}
	from, to := 0, len(body)
	if outer.Kind == "block" {
		var nested bool
		if from, to, nested = c.suite(body, i, last); nested {
			return false
		}
	}
	for k := from; k < to; k++ {
		_, goes := c.marked[&body[k]]
		if goes && k > last || !goes && !(k == 0 && isDocstring(&body[k]) && fills(c.old(outer))) {
			return false
		}
	}
	return true
}

// suite finds the statements of a block that stand in one branch with body[i] to
// body[last]; nested: so does another block.
func (c *pyCut) suite(body []Stmt, i, last int) (from, to int, nested bool) {
	depth := c.depth(body[i].Start)
	for from = i; from > 0 && !c.leaves(body[from-1].End, body[from].Start, depth); from-- {
		if c.depth(body[from-1].Start) > depth {
			return from, last + 1, true
		}
	}
	for to = last + 1; to < len(body) && !c.leaves(body[to-1].End, body[to].Start, depth); to++ {
		if c.depth(body[to].Start) > depth {
			return from, to, true
		}
	}
	return from, to, false
}

// depth is how far the line of pos is indented.
func (c *pyCut) depth(pos int) int {
	return len(strings.ReplaceAll(indentAt(c.f.Src, pos), "\t", "        "))
}

// leaves reports whether a line of code from one place to another is indented less.
func (c *pyCut) leaves(end, start, depth int) bool {
	for i := c.lineOf(end-1) + 1; i <= c.lineOf(start); i++ {
		if text := c.text(i); text != "" && text[0] != '#' && c.depth(c.lines[i].Start) < depth {
			return true
		}
	}
	return false
}

// old is what stood in a body before the edits whose pieces go.
func (c *pyCut) old(outer *Stmt) string {
	for i := range outer.Body {
		if put := c.marked[&outer.Body[i]]; put.Old != "" {
			return put.Old
		}
	}
	return ""
}

func fills(old string) bool {
	return slices.Contains([]string{"pass", "..."}, strings.Trim(old, ": \t"))
}

func (c *pyCut) filler(outer *Stmt) string {
	if old := c.old(outer); fills(old) {
		return strings.Trim(old, ": \t")
	}
	return "pass"
}

// fold puts a body back on the line of its class, where an edit unfolded it; done: no
// more is to be taken out.
func (c *pyCut) fold(class *Stmt) (done bool) {
	old := c.old(class)
	if !strings.HasPrefix(old, ":") {
		return false
	}
	first, last := &class.Body[0], &class.Body[len(class.Body)-1]
	kept := lastOfLine(c.f.Src, class.Body, 0)
	switch colon := c.colon(class); {
	case colon < 0:
	case c.isWhole(class.Body) && fills(old) && c.onlyOurs(class, colon, last.End):
		c.inline = append(c.inline, Span{colon, last.End, old})
		return true
	case !c.isWhole(class.Body[:kept+1]) && !fills(old) && c.isWhole(class.Body[kept+1:]) && c.onlyOurs(class, colon, first.Start):
		c.inline = append(c.inline, Span{colon, first.Start, old})
	}
	return false
}

// colon is where the head of a class ends, or -1.
func (c *pyCut) colon(class *Stmt) int {
	at := -1
	for _, t := range pyTokens(c.f.Src[class.Start:class.Body[0].Start]) {
		if t.kind == '.' && c.f.Src[class.Start+t.start] == ':' {
			at = class.Start + t.start
		}
	}
	return at
}

// onlyOurs reports whether all comments in a part of a class came with the puts.
func (c *pyCut) onlyOurs(class *Stmt, start, end int) bool {
	var own []string
	for i := range class.Body {
		for line := range strings.Lines(c.marked[&class.Body[i]].Text) {
			own = append(own, prose(line))
		}
	}
	src := c.f.Src[start:end]
	return !slices.ContainsFunc(pyTokens(src), func(t pyToken) bool {
		return t.kind == '#' && !slices.Contains(own, prose(string(src[t.start:t.end])))
	})
}
