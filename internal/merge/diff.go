package merge

import (
	"math"
	"slices"
)

// span is a range of lines: from is the first, to the one behind the last.
type span struct{ from, to int }

// hunk says that the lines old of one text became the lines new of the other.
type hunk struct{ old, new span }

// diff compares two texts whose lines are given as numbers, equal lines as equal
// numbers. It finds what git's default diff finds, down to the choice between
// equally short ones, so that a merge agrees with git about what touches what.
func diff(a, b []int) []hunk {
	from, tail := commonEnds(a, b)
	s := search{a: a, b: b}
	numbers := slices.Max(slices.Concat(a, b, []int{0})) + 1
	inA := worthwhile(a, span{from, len(a) - tail}, count(b, numbers))
	inB := worthwhile(b, span{from, len(b) - tail}, count(a, numbers))

	s.matchRun(0, 0, from)
	s.compare(inA, inB)
	s.matchRun(len(a)-tail, len(b)-tail, tail)
	return s.hunks()
}

// commonEnds counts the equal lines at the beginning and, behind those, at the end.
func commonEnds(a, b []int) (head, tail int) {
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head, tail
}

func count(lines []int, numbers int) []int {
	counts := make([]int, numbers)
	for _, line := range lines {
		counts[line]++
	}
	return counts
}

// worthwhile returns the indexes of the lines that a comparison should look at.
// Lines that the other text lacks can't match, and a line that is frequent there,
// as a lone brace is, only matches by accident where most around it has no match.
func worthwhile(lines []int, within span, inOther []int) []int {
	frequent := min(rootOf(len(lines)), 1024)
	var out []int
	for i := within.from; i < within.to; i++ {
		n := inOther[lines[i]]
		if n > 0 && (n < frequent || !surrounded(lines, i, within, inOther, frequent)) {
			out = append(out, i)
		}
	}
	return out
}

// rootOf is the square root, roughly: a power of two.
func rootOf(n int) int {
	root := 1
	for ; n > 0; n >>= 2 {
		root <<= 1
	}
	return root
}

// surrounded looks up and down from a frequent line, as far as lines are absent from
// the other text or frequent themselves, and at most 100 lines.
func surrounded(lines []int, i int, within span, inOther []int, frequent int) bool {
	const reach, share = 100, 3
	all, often := 0, 2
	for _, step := range []int{-1, 1} {
		absent := 0
		for d := 1; d <= reach; d++ {
			j := i + step*d
			if j < within.from || j >= within.to || inOther[lines[j]] > 0 && inOther[lines[j]] < frequent {
				break
			}
			if inOther[lines[j]] == 0 {
				absent++
			} else {
				often++
			}
		}
		if absent == 0 {
			return false
		}
		all += absent
	}
	return often*share < all
}

// search is Myers' algorithm in its form for linear space: "An O(ND) Difference
// Algorithm and Its Variations", 1986, section 4b. What it found are two lists of
// the same length: line matchedA[i] of a stays as line matchedB[i] of b.
type search struct {
	a, b               []int
	matchedA, matchedB []int

	inA, inB       []int // the indexes that are compared
	linesA, linesB []int // the lines there
	ahead          front // furthest x on each diagonal, from the upper left corner
	back           front // the same from the lower right corner
}

// front holds the furthest x for each diagonal x-y between lo and hi.
type front struct {
	x      []int
	zero   int // where diagonal 0 is in x
	lo, hi int
}

func (f *front) at(diagonal int) *int { return &f.x[f.zero+diagonal] }

func (f *front) start(diagonal, x int) {
	f.lo, f.hi = diagonal, diagonal
	*f.at(diagonal) = x
}

// widen takes in the next diagonals on both sides; at the border of the box it gives
// way by one, so that only every other diagonal is looked at.
func (f *front) widen(within span, outside int) {
	if f.lo > within.from {
		f.lo--
		*f.at(f.lo - 1) = outside
	} else {
		f.lo++
	}
	if f.hi < within.to {
		f.hi++
		*f.at(f.hi + 1) = outside
	} else {
		f.hi--
	}
}

func (s *search) matchRun(a, b, n int) {
	for i := range n {
		s.matchedA, s.matchedB = append(s.matchedA, a+i), append(s.matchedB, b+i)
	}
}

func (s *search) compare(inA, inB []int) {
	s.inA, s.inB = inA, inB
	s.linesA, s.linesB = pick(s.a, inA), pick(s.b, inB)
	diagonals := len(inA) + len(inB) + 3
	s.ahead = front{x: make([]int, diagonals), zero: len(inB) + 1}
	s.back = front{x: make([]int, diagonals), zero: len(inB) + 1}
	s.within(span{0, len(inA)}, span{0, len(inB)})
}

func pick(lines, indexes []int) []int {
	out := make([]int, len(indexes))
	for i, at := range indexes {
		out[i] = lines[at]
	}
	return out
}

// within matches the lines of a box: equal ends, then the boxes before and behind
// a point in the middle of a shortest way.
func (s *search) within(a, b span) {
	for a.from < a.to && b.from < b.to && s.linesA[a.from] == s.linesB[b.from] {
		s.matchRun(s.inA[a.from], s.inB[b.from], 1)
		a.from, b.from = a.from+1, b.from+1
	}
	end := a.to
	for a.from < a.to && b.from < b.to && s.linesA[a.to-1] == s.linesB[b.to-1] {
		a.to, b.to = a.to-1, b.to-1
	}
	if a.from < a.to && b.from < b.to {
		x, y := s.middle(a, b)
		s.within(span{a.from, x}, span{b.from, y})
		s.within(span{x, a.to}, span{y, b.to})
	}
	for i := range end - a.to {
		s.matchRun(s.inA[a.to+i], s.inB[b.to+i], 1)
	}
}

// tooFar is the number of edits after which the search takes what it has: two texts
// that differ so much have no diff worth the time, which grows with its square.
const tooFar = 256

func (s *search) middle(a, b span) (x, y int) {
	diagonals := span{a.from - b.to, a.to - b.from}
	first, last := a.from-b.from, a.to-b.to
	s.ahead.start(first, a.from)
	s.back.start(last, a.to)
	odd := (first-last)%2 != 0
	for range tooFar {
		s.ahead.widen(diagonals, -1)
		for k := s.ahead.hi; k >= s.ahead.lo; k -= 2 {
			x := s.goAhead(k, a, b)
			if odd && s.back.lo <= k && k <= s.back.hi && *s.back.at(k) <= x {
				return x, x - k
			}
		}
		s.back.widen(diagonals, math.MaxInt)
		for k := s.back.hi; k >= s.back.lo; k -= 2 {
			x := s.goBack(k, a, b)
			if !odd && s.ahead.lo <= k && k <= s.ahead.hi && x <= *s.ahead.at(k) {
				return x, x - k
			}
		}
	}
	return s.furthest(a, b)
}

func (s *search) goAhead(k int, a, b span) int {
	x := max(*s.ahead.at(k - 1)+1, *s.ahead.at(k + 1))
	for x < a.to && x-k < b.to && s.linesA[x] == s.linesB[x-k] {
		x++
	}
	*s.ahead.at(k) = x
	return x
}

func (s *search) goBack(k int, a, b span) int {
	x := min(*s.back.at(k - 1), *s.back.at(k + 1)-1)
	for x > a.from && x-k > b.from && s.linesA[x-1] == s.linesB[x-k-1] {
		x--
	}
	*s.back.at(k) = x
	return x
}

// furthest is the point that left most lines behind it, on the way ahead or back.
func (s *search) furthest(a, b span) (x, y int) {
	wanted := 0
	for k := s.ahead.hi; k >= s.ahead.lo; k -= 2 {
		at := min(*s.ahead.at(k), a.to, b.to+k)
		if done := 2*at - k - a.from - b.from; done >= wanted {
			wanted, x, y = done+1, at, at-k
		}
	}
	wanted-- // the way back wins where both got as far
	for k := s.back.hi; k >= s.back.lo; k -= 2 {
		at := max(*s.back.at(k), a.from, b.from+k)
		if done := a.to + b.to - 2*at + k; done >= wanted {
			wanted, x, y = done+1, at, at-k
		}
	}
	return x, y
}

// hunks are the gaps between the matches.
func (s *search) hunks() []hunk {
	a := append(append([]int{-1}, s.matchedA...), len(s.a))
	b := append(append([]int{-1}, s.matchedB...), len(s.b))
	settle(a, b, s.a)
	settle(b, a, s.b)
	var out []hunk
	for i := range len(a) - 1 {
		h := hunk{span{a[i] + 1, a[i+1]}, span{b[i] + 1, b[i+1]}}
		if h.old.from < h.old.to || h.new.from < h.new.to {
			out = append(out, h)
		}
	}
	return out
}

// settle moves the gaps of one text to where git puts them. A gap whose first line
// equals the line behind it may as well stand one line further down. It goes up as
// far as it can, then down, swallowing gaps that it meets, and stays at the lowest
// place at which the other text has a gap too, or else at the lowest of all.
func settle(own, other, lines []int) {
	gap := func(at []int, i int) bool { return at[i+1]-at[i] > 1 }
	up := func(i int) bool {
		if i == 0 || lines[own[i]] != lines[own[i+1]-1] {
			return false
		}
		own[i] = own[i+1] - 1
		return true
	}
	down := func(i int) bool {
		if i+2 == len(own) || lines[own[i]+1] != lines[own[i+1]] {
			return false
		}
		own[i+1] = own[i] + 1
		return true
	}
	for i := 0; i+1 < len(own); i++ {
		if !gap(own, i) {
			continue
		}
		meets := -1
		for size := 0; size != own[i+1]-own[i]; {
			size, meets = own[i+1]-own[i], -1
			for up(i) {
				i--
			}
			if gap(other, i) {
				meets = i
			}
			for down(i) {
				i++
				if gap(other, i) {
					meets = i
				}
			}
		}
		for meets >= 0 && i > meets && up(i) {
			i--
		}
	}
}
