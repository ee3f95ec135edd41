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

// UI is no type but a part of passkey, chosen like one: the page to sign in with.
const UI Type = "ui"

// Types holds every type that a template may speak of, in canonical order.
var Types = []Type{JWT, OAuth, Keycloak, Passkey}

// Provider is a service whose accounts people sign in with, of the type oauth.
type Provider string

// The providers, in the order in which they are shown.
const (
	Google  Provider = "google"
	GitHub  Provider = "github"
	Discord Provider = "discord"
	OIDC    Provider = "oidc" // any OpenID provider, by discovery
)

// Providers holds every provider that a template may speak of.
var Providers = []Provider{Google, GitHub, Discord, OIDC}

// Set is a combination of types and, with oauth, of providers. The zero value is the
// empty set: an app without authentication. A Set is a value; its methods return new
// ones.
type Set struct {
	types     []Type
	providers []Provider // in the order in which they came; empty without oauth
	first     Provider   // that ever came, while there is any
	ui        bool       // only with passkey
}

// NewSet puts types into canonical order, each once. With oauth the provider is google,
// until WithProviders says another.
func NewSet(types ...Type) Set { return Set{}.Plus(types, nil) }

// Plus returns the set with more types and providers. A provider brings oauth with it,
// and oauth without one is with google.
func (s Set) Plus(types []Type, providers []Provider) Set {
	sum := Set{first: s.first}
	for _, p := range slices.Concat(s.providers, providers) {
		if !slices.Contains(sum.providers, p) {
			sum.providers = append(sum.providers, p)
		}
	}
	for _, t := range Types {
		if s.Has(t) || slices.Contains(types, t) || t == OAuth && len(sum.providers) > 0 {
			sum.types = append(sum.types, t)
		}
	}
	if sum.Has(OAuth) && len(sum.providers) == 0 {
		sum.providers = []Provider{Google}
	}
	if sum.Has(OAuth) && sum.first == "" {
		sum.first = sum.providers[0]
	}
	return sum.WithUI(s.ui)
}

// WithUI returns the set with the page of passkey, or without; without passkey there is
// none.
func (s Set) WithUI(on bool) Set {
	s.ui = on && s.Has(Passkey)
	return s
}

// UI reports whether the set has the page of passkey.
func (s Set) UI() bool { return s.ui }

// WithProviders returns the set with these providers in place of its own. Without any
// oauth goes, which is the type that has them.
func (s Set) WithProviders(providers ...Provider) Set {
	return s.Without(OAuth).Plus(nil, providers)
}

// Types returns the set's members in canonical order.
func (s Set) Types() []Type { return slices.Clone(s.types) }

// Providers returns the set's providers in the order in which they came.
func (s Set) Providers() []Provider { return slices.Clone(s.providers) }

// First is the provider that came first. It stays the first for as long as there is any,
// also when it has gone itself: its settings have names that no other takes over.
func (s Set) First() Provider { return s.first }

// WithFirst returns the set with another first provider; without oauth there is none.
func (s Set) WithFirst(first Provider) Set {
	if s.Has(OAuth) && first != "" {
		s.first = first
	}
	return s
}

// Default is the provider that is meant where none is named: the first one, or who came
// next.
func (s Set) Default() Provider {
	if s.HasProvider(s.first) || len(s.providers) == 0 {
		return s.first
	}
	return s.providers[0]
}

// Has reports whether t is in the set.
func (s Set) Has(t Type) bool { return slices.Contains(s.types, t) }

// HasProvider reports whether p is in the set.
func (s Set) HasProvider(p Provider) bool { return slices.Contains(s.providers, p) }

// Stores reports whether the set keeps users and sessions, for which it has a database.
func (s Set) Stores() bool { return s.Has(JWT) || s.Has(OAuth) || s.Has(Passkey) }

// Empty reports whether the set has no member.
func (s Set) Empty() bool { return len(s.types) == 0 }

// Without returns the set less these types, and with oauth less its providers.
func (s Set) Without(types ...Type) Set {
	rest := slices.DeleteFunc(s.Types(), func(t Type) bool { return slices.Contains(types, t) })
	if slices.Contains(types, OAuth) {
		s.providers, s.first = nil, ""
	}
	return Set{types: rest, providers: s.Providers(), first: s.first}.WithUI(s.ui)
}

// Minus returns the types that other lacks, with oauth the providers that other lacks,
// and with passkey its page.
func (s Set) Minus(other Set) Set {
	providers := slices.DeleteFunc(s.Providers(), other.HasProvider)
	rest := s.Without(append(other.Types(), OAuth)...).Plus(nil, providers)
	if s.ui && !other.ui {
		return rest.Plus([]Type{Passkey}, nil).WithUI(true)
	}
	return rest
}

// WithoutProviders returns the set less these providers; with the last one goes oauth.
func (s Set) WithoutProviders(providers ...Provider) Set {
	rest := slices.DeleteFunc(s.Providers(), func(p Provider) bool { return slices.Contains(providers, p) })
	if len(rest) == 0 {
		return s.Without(OAuth)
	}
	return s.WithProviders(rest...).WithFirst(s.first)
}

// Holds evaluates a condition of the templates: "jwt or oauth", "google", "ui", "keycloak
// only", which wants no other type beside it, "keycloak and jwt or oauth", in which
// "and" binds last. The empty one always holds.
func (s Set) Holds(condition string) (bool, error) {
	if strings.TrimSpace(condition) == "" {
		return true, nil
	}
	for part := range strings.SplitSeq(condition, " and ") {
		if held, err := s.holdsAny(strings.Fields(part)); !held || err != nil {
			return false, err
		}
	}
	return true, nil
}

// holdsAny evaluates words of the form "jwt or oauth", and "keycloak only".
func (s Set) holdsAny(words []string) (bool, error) {
	condition := strings.Join(words, " ")
	last := len(words) - 1
	only := last > 0 && words[last] == "only"
	if only {
		words = words[:last]
	}
	if len(words)%2 == 0 {
		return false, fmt.Errorf("condition %q ends too early", condition)
	}
	var named []Type
	held := false
	for i, word := range words {
		switch t, p := Type(word), Provider(word); {
		case i%2 == 1 && word == "or":
		case i%2 == 0 && slices.Contains(Types, t):
			named = append(named, t)
			held = held || s.Has(t)
		case i%2 == 0 && slices.Contains(Providers, p):
			held = held || s.HasProvider(p)
		case i%2 == 0 && t == UI:
			held = held || s.ui
		default:
			return false, fmt.Errorf("unknown type or provider %q", word)
		}
	}
	if only {
		return slices.Equal(s.types, NewSet(named...).types), nil
	}
	return held, nil
}

// Equal reports whether both sets have the same members.
func (s Set) Equal(other Set) bool {
	return slices.Equal(s.types, other.types) && s.ui == other.ui && len(s.providers) == len(other.providers) &&
		!slices.ContainsFunc(s.providers, func(p Provider) bool { return !other.HasProvider(p) })
}

// String lists the members as they are read: "jwt, oauth (google, github), passkey (ui)".
func (s Set) String() string {
	var words []string
	for _, t := range s.types {
		word := string(t)
		if t == OAuth {
			word += " (" + strings.Join(names(s.providers), ", ") + ")"
		}
		if t == Passkey && s.ui {
			word += " (ui)"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// Combinations returns every set of some of types, with oauth of some of providers, and
// with passkey without and with its page; the empty one included.
func Combinations(types []Type, providers []Provider) []Set {
	var all []Set
	for _, chosen := range subsets(types) {
		if !slices.Contains(chosen, OAuth) {
			all = append(all, withAndWithoutUI(NewSet(chosen...))...)
			continue
		}
		for _, some := range subsets(providers) {
			if len(some) > 0 {
				all = append(all, withAndWithoutUI(NewSet(chosen...).WithProviders(some...))...)
			}
		}
	}
	return all
}

func withAndWithoutUI(s Set) []Set {
	if !s.Has(Passkey) {
		return []Set{s}
	}
	return []Set{s, s.WithUI(true)}
}

func subsets[T any](members []T) [][]T {
	var all [][]T
	for bits := range 1 << len(members) {
		var chosen []T
		for i, m := range members {
			if bits>>i&1 == 1 {
				chosen = append(chosen, m)
			}
		}
		all = append(all, chosen)
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
func ParseTypes(values []string, offered []Type) ([]Type, error) {
	return parse("type", values, offered)
}

// ParseProviders reads values of --provider likewise.
func ParseProviders(values []string, offered []Provider) ([]Provider, error) {
	return parse("provider", values, offered)
}

func parse[N ~string](kind string, values []string, offered []N) ([]N, error) {
	var chosen []N
	for _, value := range values {
		for word := range strings.SplitSeq(value, ",") {
			name := N(strings.ToLower(strings.TrimSpace(word)))
			if !slices.Contains(offered, name) {
				return nil, &UnknownError{Kind: kind, Name: string(name), Known: names(offered)}
			}
			chosen = append(chosen, name)
		}
	}
	return chosen, nil
}

func names[N ~string](all []N) []string {
	out := make([]string, len(all))
	for i, n := range all {
		out[i] = string(n)
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
