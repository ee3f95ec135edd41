package merge

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// name is one imported thing: "from module import what as as". Go has no module, and
// its path is what.
type name struct{ module, what, as string }

// item is a piece of an import region: a statement with the comments on the lines
// above it. Without names it is what stands between statements.
type item struct {
	lead, text []string
	names      []name
	line       int // the index of its first line in the file
}

func (it item) lines() []string { return slices.Concat(it.lead, it.text) }

func (it item) blank() bool {
	return len(it.names) == 0 && strings.TrimSpace(strings.Join(it.text, "")) == ""
}

// file is a text cut at its imports, from the first statement to the last of those
// that stand together.
type file struct {
	head, region, tail []string
	items              []item // of region
}

// usual files have a line end behind the last import, and so few imports that each may
// be compared with each.
func (f file) usual() bool {
	return len(f.region) <= 1000 && strings.HasSuffix(f.region[len(f.region)-1], "\n")
}

func (f file) rest() []string { return slices.Concat(f.head, f.tail) }

func (f file) names() map[name]bool { return namesOf(f.items) }

// loose are the lines between the statements that are not blank.
func (f file) loose() (lines []string) {
	for _, it := range f.items {
		if len(it.names) == 0 && !it.blank() {
			lines = append(lines, it.text...)
		}
	}
	return lines
}

func namesOf(items []item) map[name]bool {
	set := map[name]bool{}
	for _, it := range items {
		for _, n := range it.names {
			set[n] = true
		}
	}
	return set
}

// language knows the import statements of one.
type language interface {
	// read cuts a file. Imports go on behind other code unless ends says that a line
	// of it is no longer theirs. False: there are none, or not in a form that it knows.
	read(lines []string, ends func(line string) bool) (file, bool)
	// mentions are the names, dotted ones too, that the code of each line may use.
	mentions(lines []string) []map[string]bool
	// binds are the names that an import may have in the file.
	binds(n name) []string
	// near statements stand in one group, in which they are sorted by less.
	near(a, b item) bool
	less(a, b item) bool
	// join puts a name that stands in donor into a statement that imports from the
	// same module. False: it needs one of its own.
	join(items []item, n name, donor item) bool
	// compose is a statement with other names, about which donor may know more.
	compose(it item, names []name, donor item) item
}

// mergeFiles merges imports as sets and the rest by line. Not ok: some file has to be
// merged by line as a whole.
func mergeFiles(l language, base, theirs, ours []string) (merged []string, conflicts []Conflict, ok bool) {
	b, okB := l.read(base, func(string) bool { return true })
	o, okO := l.read(ours, func(string) bool { return true })
	emitted := lineSet(b.rest(), o.rest())
	t, okT := l.read(theirs, func(line string) bool { return emitted[line] })
	if !okB || !okO || !okT {
		return nil, nil, false
	}
	head, conflicts := mergeLines(b.head, t.head, o.head)
	tail, more := mergeLines(b.tail, t.tail, o.tail)
	for _, c := range more {
		conflicts = append(conflicts, c.moved(len(theirs)-len(t.tail), len(ours)-len(o.tail)))
	}
	if len(conflicts) > 0 {
		return nil, conflicts, true
	}
	region, conflicts, ok := mergeImports(l, b, t, o, slices.Concat(head, t.loose(), tail))
	if len(region) == 0 {
		head = trimBlankEnd(head)
	}
	return slices.Concat(head, region, tail), conflicts, ok
}

func lineSet(texts ...[]string) map[string]bool {
	set := map[string]bool{}
	for _, line := range slices.Concat(texts...) {
		set[line] = true
	}
	return set
}

func trimBlankEnd(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// moved counts the lines from further up.
func (c Conflict) moved(theirs, ours int) Conflict {
	c.TheirsStart, c.TheirsEnd = c.TheirsStart+theirs, c.TheirsEnd+theirs
	c.OursStart, c.OursEnd = c.OursStart+ours, c.OursEnd+ours
	return c
}

// importMerge has the items that become the merged region.
type importMerge struct {
	language
	items                    []item
	inBase, inTheirs, inOurs map[name]bool
	comments                 map[string]bool // those of base
	byUser, byTemplate       map[string]bool // mentioned by lines that only one side has
	knownToUser, boundByOurs map[string]bool
}

// mergeImports merges the import regions; code is the merged rest of the file.
func mergeImports(l language, b, t, o file, code []string) ([]string, []Conflict, bool) {
	start := t
	if slices.Equal(b.region, t.region) { // else nothing but names is taken from ours
		start = o
	} else if !slices.Equal(b.loose(), o.loose()) {
		return nil, nil, false
	}
	mentioned, own := l.mentions(code), slices.Concat(t.head, t.loose(), t.tail)
	m := importMerge{
		language: l, items: slices.Clone(start.items),
		inBase: b.names(), inTheirs: t.names(), inOurs: o.names(),
		comments:    lineSet(commentsOf(b.region)),
		byUser:      beyond(o.rest(), code, mentioned),
		byTemplate:  beyond(t.rest(), code, mentioned),
		knownToUser: beyond(nil, own, l.mentions(own)),
		boundByOurs: map[string]bool{},
	}
	m.bind(m.inTheirs, m.knownToUser)
	m.bind(m.inOurs, m.boundByOurs)
	m.refresh(b.items, o.items)
	added := m.add(o.items, m.isNew)
	m.add(b.items, m.stays)
	m.drop()
	if same(m.items, start.items) {
		return start.region, nil, true
	}
	return m.region(), m.clashes(added, o.items), true
}

// region writes the items; without imports nothing but the user's lines is left.
func (m *importMerge) region() (lines []string) {
	empty := len(m.names()) == 0
	for _, it := range m.items {
		if !empty || !it.blank() && !isBracket(it) {
			lines = append(lines, it.lines()...)
		}
	}
	return lines
}

func (m *importMerge) bind(names map[name]bool, bound map[string]bool) {
	for n := range names {
		for _, local := range m.binds(n) {
			bound[local] = true
		}
	}
}

// beyond are the names that those lines of code mention which are not among known.
func beyond(known, code []string, mentioned []map[string]bool) map[string]bool {
	skip, all := lineSet(known), map[string]bool{}
	for i, names := range mentioned {
		if !skip[code[i]] {
			maps.Copy(all, names)
		}
	}
	return all
}

var comment = regexp.MustCompile(`(?:#|//).*`)

func commentsOf(lines []string) (found []string) {
	for _, line := range lines {
		if c := comment.FindString(line); c != "" {
			found = append(found, strings.TrimSpace(c))
		}
	}
	return found
}

func (m *importMerge) names() map[name]bool { return namesOf(m.items) }

func (m *importMerge) anyBound(n name, in map[string]bool) bool {
	return slices.ContainsFunc(m.binds(n), func(bound string) bool { return in[bound] })
}

// isNew says which names of ours come in: those that the template added, and those
// that the user removed, having no use for them, but that new lines now need.
func (m *importMerge) isNew(n name) bool {
	return !m.inBase[n] || m.inTheirs[n] || m.anyBound(n, m.byTemplate) && !m.anyBound(n, m.knownToUser)
}

// stays says which names that the template dropped the user still needs.
func (m *importMerge) stays(n name) bool {
	return !m.inOurs[n] && m.inTheirs[n] && m.anyBound(n, m.byUser) && !m.anyBound(n, m.boundByOurs)
}

// refresh takes statements that the user left alone as ours has them now, with their
// comments and form, where that neither drops nor doubles a name.
func (m *importMerge) refresh(base, ours []item) {
	elsewhere := func(n name, own item) bool { return m.inTheirs[n] && !slices.Contains(own.names, n) }
	for i, it := range m.items {
		o := slices.IndexFunc(ours, func(o item) bool { return shareName(o, it) })
		if o < 0 || !slices.ContainsFunc(base, func(b item) bool { return sameText(b, it) }) {
			continue
		}
		if slices.ContainsFunc(ours[o].names, func(n name) bool { return elsewhere(n, it) || m.inBase[n] && !m.inTheirs[n] }) ||
			slices.ContainsFunc(it.names, m.stays) {
			continue
		}
		m.items[i] = ours[o]
		m.items[i].line = it.line
	}
}

// add puts in the names of donors that are wanted and missing, and returns them.
func (m *importMerge) add(donors []item, wanted func(name) bool) (added []name) {
	there := m.names()
	for at, donor := range donors {
		for _, n := range donor.names {
			if there[n] || !wanted(n) {
				continue
			}
			there[n], added = true, append(added, n)
			if !m.join(m.items, n, donor) {
				m.insert(m.compose(donor, []name{n}, donor), donors, at)
			}
		}
	}
	return added
}

// drop takes out the names that the template dropped and the user doesn't need.
func (m *importMerge) drop() {
	for i := len(m.items) - 1; i >= 0; i = min(i, len(m.items)) - 1 {
		if len(m.items[i].names) == 0 {
			continue
		}
		m.items[i] = m.shrunk(m.items[i])
		if len(m.items[i].names) == 0 {
			m.remove(i)
		}
	}
}

// shrunk is a statement without those names. One that would take the user's comment
// with it stays: it is a line of his.
func (m *importMerge) shrunk(it item) item {
	for _, n := range it.names {
		if !m.inBase[n] || m.inOurs[n] || m.stays(n) {
			continue
		}
		left := item{line: it.line}
		if names := slices.DeleteFunc(slices.Clone(it.names), func(other name) bool { return other == n }); len(names) > 0 {
			left = m.compose(it, names, it)
		}
		if !m.losesComment(it, left) {
			it = left
		}
	}
	return it
}

func (m *importMerge) losesComment(before, after item) bool {
	kept := lineSet(commentsOf(after.lines()))
	return slices.ContainsFunc(commentsOf(before.lines()), func(c string) bool { return !kept[c] && !m.comments[c] })
}

// remove takes out an item, and a blank line where it was a group of its own.
func (m *importMerge) remove(i int) {
	m.items = slices.Delete(m.items, i, i+1)
	above, below := m.border(i-1), m.border(i)
	switch {
	case above && i < len(m.items) && m.items[i].blank():
		m.items = slices.Delete(m.items, i, i+1)
	case below && i > 0 && m.items[i-1].blank():
		m.items = slices.Delete(m.items, i-1, i)
	}
}

// border reports whether no statement stands next to the one beside i in its group.
func (m *importMerge) border(i int) bool {
	return i < 0 || i >= len(m.items) || m.items[i].blank() || isBracket(m.items[i])
}

// insert puts in a statement that stands at index at of donors: sorted into the group
// that has one of its neighbours there, or else as a group of its own.
func (m *importMerge) insert(it item, donors []item, at int) {
	from, to := groupAround(donors, at)
	if i := m.find(donors[from:to]); i >= 0 {
		at, end := groupAround(m.items, i)
		for at < end && !m.less(it, m.items[at]) {
			at++
		}
		m.items = slices.Insert(m.items, at, it)
		return
	}
	gap := item{text: []string{"\n"}}
	for _, before := range slices.Backward(donors[:from]) {
		if i := m.find([]item{before}); i >= 0 {
			_, end := groupAround(m.items, i)
			m.items = slices.Insert(m.items, end, gap, it)
			return
		}
	}
	first := slices.IndexFunc(m.items, func(it item) bool { return len(it.names) > 0 })
	m.items = slices.Insert(m.items, first, it, gap)
}

// find is a statement that imports what one of those does, or one near to them.
func (m *importMerge) find(among []item) int {
	for _, alike := range []func(a, b item) bool{shareName, m.near} {
		for _, it := range among {
			i := slices.IndexFunc(m.items, func(own item) bool {
				return len(own.names) > 0 && len(it.names) > 0 && alike(own, it)
			})
			if i >= 0 {
				return i
			}
		}
	}
	return -1
}

// groupAround is the run of statements without a blank line between them.
func groupAround(items []item, i int) (from, to int) {
	for from = i; from > 0 && len(items[from-1].names) > 0; from-- {
	}
	for to = i; to < len(items) && len(items[to].names) > 0; to++ {
	}
	return from, to
}

// clashes are added names that mean something else in the user's imports.
func (m *importMerge) clashes(added []name, ours []item) (conflicts []Conflict) {
	for _, n := range added {
		bound := map[string]bool{}
		m.bind(map[name]bool{n: true}, bound)
		for _, it := range m.items {
			for _, other := range it.names {
				if other != n && !m.inOurs[other] && m.anyBound(other, bound) {
					o := ours[slices.IndexFunc(ours, func(o item) bool { return slices.Contains(o.names, n) })]
					conflicts = append(conflicts, newConflict(nil, it.lines(), o.lines(), it.line, o.line))
				}
			}
		}
	}
	return conflicts
}

func shareName(a, b item) bool {
	return slices.ContainsFunc(a.names, func(n name) bool { return slices.Contains(b.names, n) })
}

func sameText(a, b item) bool { return slices.Equal(a.text, b.text) && slices.Equal(a.lead, b.lead) }

func same(a, b []item) bool { return slices.EqualFunc(a, b, sameText) }
