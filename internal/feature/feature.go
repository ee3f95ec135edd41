// Package feature names the ways of signing in that fastman installs, and the
// sets they combine to.
package feature

import (
	"fmt"
	"slices"
	"strings"
)

// Type is one way of signing in.
type Type string

// The types, in the order in which they are shown and stored.
const (
	JWT      Type = "jwt"
	OAuth    Type = "oauth"
	Keycloak Type = "keycloak"
	Passkey  Type = "passkey"
)

// Types holds every type that a template may speak of, in canonical order.
var Types = []Type{JWT, OAuth, Keycloak, Passkey}

// Set is a combination of types. The zero value is the empty set: an app without
// authentication. A Set is a value; its methods return new ones.
type Set struct{ types []Type }

// NewSet puts types into canonical order, each once.
func NewSet(types ...Type) Set {
	var s Set
	for _, t := range Types {
		if slices.Contains(types, t) {
			s.types = append(s.types, t)
		}
	}
	return s
}

// Types returns the set's members in canonical order.
func (s Set) Types() []Type { return slices.Clone(s.types) }

// Has reports whether t is in the set.
func (s Set) Has(t Type) bool { return slices.Contains(s.types, t) }

// Empty reports whether the set has no member.
func (s Set) Empty() bool { return len(s.types) == 0 }

// Union returns the types of both sets.
func (s Set) Union(other Set) Set { return NewSet(append(s.Types(), other.types...)...) }

// Equal reports whether both sets have the same members.
func (s Set) Equal(other Set) bool { return slices.Equal(s.types, other.types) }

// String lists the members with commas, as --type takes them.
func (s Set) String() string {
	names := make([]string, len(s.types))
	for i, t := range s.types {
		names[i] = string(t)
	}
	return strings.Join(names, ",")
}

// Combinations returns every subset of types, the empty one included.
func Combinations(types []Type) []Set {
	var all []Set
	for bits := range 1 << len(types) {
		var chosen []Type
		for i, t := range types {
			if bits>>i&1 == 1 {
				chosen = append(chosen, t)
			}
		}
		all = append(all, NewSet(chosen...))
	}
	return all
}

// UnknownError is a name that is none of the known ones.
type UnknownError struct {
	Kind  string // what was named: "type", "provider"
	Name  string
	Known []string
}

func (e *UnknownError) Error() string { return fmt.Sprintf("unknown %s %q", e.Kind, e.Name) }

// Nearest returns the known name that differs least from the one given, or "" when
// nothing is near enough to be meant.
func (e *UnknownError) Nearest() string { return Nearest(e.Name, e.Known) }

// ParseTypes reads values of --type, which repeat or take commas, against the
// types on offer.
func ParseTypes(values []string, offered []Type) (Set, error) {
	var chosen []Type
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			t := Type(strings.ToLower(strings.TrimSpace(name)))
			if !slices.Contains(offered, t) {
				return Set{}, &UnknownError{Kind: "type", Name: string(t), Known: names(offered)}
			}
			chosen = append(chosen, t)
		}
	}
	return NewSet(chosen...), nil
}

func names(types []Type) []string {
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = string(t)
	}
	return out
}

// Nearest returns the candidate with the smallest edit distance to name, or ""
// when even that one is another word.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", len(name)
	for _, c := range candidates {
		if strings.HasPrefix(c, name) && len(name) > 1 {
			return c
		}
		if d := distance(name, c); d < bestDistance && d <= max(len(c)/2, 2) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is Levenshtein's: insertions, deletions and substitutions, one row kept.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
