package deps

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// TooOld names the first package that is pinned to, or installed in, a release
// below its minimum; "" when there is none.
func TooOld(p Project, minimums map[string]string) string {
	m, err := detect(p)
	if err != nil {
		return ""
	}
	d, err := m.declared()
	if err != nil {
		return ""
	}
	installed := map[string]string{}
	if p.Venv != "" {
		installed = Installed(p.Venv)
	}
	for _, name := range slices.Sorted(maps.Keys(minimums)) {
		if text := tooOld(p, d, installed, name, minimums[name]); text != "" {
			return text
		}
	}
	return ""
}

func tooOld(p Project, d declared, installed map[string]string, name, minimum string) string {
	for _, e := range d.entries {
		if e.name == name && allBelow(e.version, minimum) {
			return fmt.Sprintf("%s: %q allows no %s from %s on, which the code needs", e.file, name+e.version, name, minimum)
		}
	}
	if version := installed[name]; version != "" && compare(version, minimum) < 0 {
		where := p.Venv
		if rel, err := filepath.Rel(p.Root, p.Venv); err == nil {
			where = filepath.ToSlash(rel)
		}
		return fmt.Sprintf("%s %s is installed in %s; the code needs %s or newer", name, version, where, minimum)
	}
	return ""
}

var clause = regexp.MustCompile(`^(===|==|~=|<=|<|\^|~|)\s*v?(\d+(?:\.\d+)*)(\.\*)?`)

// allBelow reports whether a version constraint, PEP 440's or poetry's, only allows
// releases below minimum.
func allBelow(constraint, minimum string) bool {
	if strings.Contains(constraint, "|") {
		return false // alternatives
	}
	return slices.ContainsFunc(strings.Split(constraint, ","), func(part string) bool {
		m := clause.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return false
		}
		if end := seriesEnd(m[1], m[2], m[3] != ""); end != "" {
			return compare(end, minimum) <= 0
		}
		return compare(m[2], minimum) < 0
	})
}

// seriesEnd is the first release that a clause no longer allows; "" when the clause
// allows the version itself and none above.
func seriesEnd(operator, version string, star bool) string {
	parts := len(numbers(version))
	switch {
	case star:
		return bump(version, parts)
	case operator == "<":
		return version
	case operator == "~=":
		return bump(version, max(1, parts-1))
	case operator == "^":
		return bump(version, firstNonZero(version))
	case operator == "~":
		return bump(version, min(2, parts))
	}
	return ""
}

// bump raises the n-th number and drops what follows: the first release of the
// next series.
func bump(version string, n int) string {
	numbers := numbers(version)[:n]
	numbers[n-1]++
	var parts []string
	for _, number := range numbers {
		parts = append(parts, strconv.Itoa(number))
	}
	return strings.Join(parts, ".")
}

func firstNonZero(version string) int {
	for i, n := range numbers(version) {
		if n != 0 {
			return i + 1
		}
	}
	return 1
}

// compare compares release numbers; missing ones are 0, "2.0rc1" counts as 2.0.
func compare(a, b string) int {
	x, y := numbers(a), numbers(b)
	for len(x) < len(y) {
		x = append(x, 0)
	}
	for len(y) < len(x) {
		y = append(y, 0)
	}
	return slices.Compare(x, y)
}

var leading = regexp.MustCompile(`^\d+`)

func numbers(version string) []int {
	var all []int
	for _, part := range strings.Split(version, ".") {
		n, err := strconv.Atoi(leading.FindString(part))
		if err != nil {
			break
		}
		all = append(all, n)
	}
	return all
}
