package merge

import (
	"slices"
	"strings"
)

// splitLines cuts behind each line feed. The last line may lack one, and is then
// another line than the one that has it.
func splitLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		return lines[:last]
	}
	return lines
}

// side is one of the two texts that came out of base.
type side struct {
	lines []string
	hunks []hunk // those that are still to be merged
	shift int    // what to add to an index of base
}

// take removes the hunks that begin up to the end of a span of base, which grows
// by them, and returns how many they were.
func (s *side) take(region *span) (taken int) {
	for len(s.hunks) > 0 && s.hunks[0].old.from <= region.to {
		h := s.hunks[0]
		region.to = max(region.to, h.old.to)
		s.shift = h.new.to - h.old.to
		s.hunks = s.hunks[1:]
		taken++
	}
	return taken
}

// mergeLines merges by line. Hunks of the two sides that overlap or touch make one
// region; it is clean when both sides have the same lines there.
func mergeLines(base, theirs, ours []string) (merged []string, conflicts []Conflict) {
	ids := numbering{}
	b := ids.of(base)
	t := side{lines: theirs, hunks: diff(b, ids.of(theirs))}
	o := side{lines: ours, hunks: diff(b, ids.of(ours))}
	done := 0 // lines of theirs
	for len(t.hunks)+len(o.hunks) > 0 {
		region := nextRegion(t.hunks, o.hunks)
		inT, inO := span{from: region.from + t.shift}, span{from: region.from + o.shift}
		byT, byO := 0, 0
		for more := 1; more > 0; {
			fromT := t.take(&region)
			fromO := o.take(&region)
			byT, byO, more = byT+fromT, byO+fromO, fromT+fromO
		}
		inT.to, inO.to = region.to+t.shift, region.to+o.shift

		merged = append(merged, theirs[done:inT.from]...)
		done = inT.to
		mine, new := theirs[inT.from:inT.to], ours[inO.from:inO.to]
		switch {
		case byT == 0:
			merged = append(merged, new...)
		case byO == 0 || slices.Equal(mine, new):
			merged = append(merged, mine...)
		default:
			conflicts = append(conflicts, newConflict(base[region.from:region.to], mine, new, inT.from, inO.from))
		}
	}
	return append(merged, theirs[done:]...), conflicts
}

// nextRegion is the empty place of base at which the next hunk begins.
func nextRegion(t, o []hunk) span {
	from := 0
	switch {
	case len(t) == 0:
		from = o[0].old.from
	case len(o) == 0:
		from = t[0].old.from
	default:
		from = min(t[0].old.from, o[0].old.from)
	}
	return span{from, from}
}

// numbering gives equal lines equal numbers.
type numbering map[string]int

func (n numbering) of(lines []string) []int {
	out := make([]int, len(lines))
	for i, line := range lines {
		id, known := n[line]
		if !known {
			id = len(n)
			n[line] = id
		}
		out[i] = id
	}
	return out
}
