package feature

import (
	"errors"
	"testing"
)

// The order and the repeats in which a user names types make no difference.
func TestParseTypesIsCanonical(t *testing.T) {
	got, err := ParseTypes([]string{"passkey, JWT", "jwt"}, Types)
	if set := NewSet(got...); err != nil || set.String() != "jwt, passkey" {
		t.Fatalf("ParseTypes = %q, %v; want jwt, passkey", set, err)
	}
}

// A typo is answered with the name that was meant.
func TestUnknownTypeNamesTheNearest(t *testing.T) {
	for typo, want := range map[string]string{"jtw": "jwt", "oath": "oauth", "passkeys": "passkey", "pass": "passkey", "zebra": ""} {
		_, err := ParseTypes([]string{typo}, Types)
		var unknown *UnknownError
		if !errors.As(err, &unknown) {
			t.Fatalf("%q: got %v, want an UnknownError", typo, err)
		}
		if got := unknown.Nearest(); got != want {
			t.Errorf("%q: nearest = %q, want %q", typo, got, want)
		}
	}
}

// Four types make sixteen apps, the one without sign-in included; with two providers
// each of the eight with oauth comes in three forms, and each with passkey in two: with
// its page and without.
func TestCombinations(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Combinations(Types, []Provider{Google, GitHub}) {
		seen[s.String()] = true
	}
	if len(seen) != (4+3*4)*3 || !seen[""] || !seen["jwt, oauth (google, github), keycloak, passkey"] || !seen["passkey (ui)"] {
		t.Fatalf("got %d sets: %v", len(seen), seen)
	}
}

// The provider that came first stays first; the last one takes oauth with it.
func TestProvidersComeAndGo(t *testing.T) {
	set := NewSet(JWT).Plus(nil, []Provider{GitHub}).Plus([]Type{OAuth, Passkey}, []Provider{Google})
	if set.String() != "jwt, oauth (github, google), passkey" {
		t.Errorf("got %s", set)
	}
	if same := NewSet().WithProviders(GitHub).Plus([]Type{OAuth}, nil); same.String() != "oauth (github)" {
		t.Errorf("oauth once more: %s", same)
	}
	if less := set.WithoutProviders(GitHub); less.String() != "jwt, oauth (google), passkey" {
		t.Errorf("less github: %s", less)
	}
	if less := set.WithoutProviders(GitHub); less.First() != GitHub || less.Default() != Google || set.Default() != GitHub {
		t.Errorf("first %q and default %q, of all default %q", less.First(), less.Default(), set.Default())
	}
	if again := set.Without(OAuth).Plus(nil, []Provider{Discord}); again.First() != Discord {
		t.Errorf("first of new ones: %q", again.First())
	}
	if none := set.WithoutProviders(GitHub, Google); none.String() != "jwt, passkey" {
		t.Errorf("less both: %s", none)
	}
	if rest := set.Minus(NewSet(JWT).WithProviders(Google)); rest.String() != "oauth (github), passkey" {
		t.Errorf("what a smaller set lacks: %s", rest)
	}
	if less := set.Without(JWT); less.String() != "oauth (github, google), passkey" || set.Equal(less) {
		t.Errorf("less jwt: %s", less)
	}
}

// The page comes and goes by itself, and goes with passkey.
func TestPageBelongsToPasskey(t *testing.T) {
	page := NewSet(JWT, Passkey).WithUI(true)
	for what, sets := range map[string][2]string{
		"a type more":           {page.Plus([]Type{OAuth}, nil).String(), "jwt, oauth (google), passkey (ui)"},
		"other providers":       {page.WithProviders(GitHub).String(), "jwt, oauth (github), passkey (ui)"},
		"less jwt":              {page.Without(JWT).String(), "passkey (ui)"},
		"less passkey":          {page.Without(Passkey).String(), "jwt"},
		"passkey again":         {page.Without(Passkey).Plus([]Type{Passkey}, nil).String(), "jwt, passkey"},
		"less the page":         {page.WithUI(false).String(), "jwt, passkey"},
		"without passkey":       {NewSet(JWT).WithUI(true).String(), "jwt"},
		"what the other lacks":  {page.Minus(NewSet(JWT, Passkey)).String(), "passkey (ui)"},
		"what neither lacks":    {page.Minus(page).String(), ""},
		"all but the page less": {page.Minus(NewSet()).String(), "jwt, passkey (ui)"},
	} {
		if sets[0] != sets[1] {
			t.Errorf("%s: %q, want %q", what, sets[0], sets[1])
		}
	}
	if page.Equal(page.WithUI(false)) {
		t.Error("a set with the page is that without")
	}
	for set, want := range map[*Set]bool{{}: false, &page: true} {
		if held, err := set.Holds("oauth or ui"); held != want || err != nil {
			t.Errorf("oauth or ui in %q: %v, %v", set, held, err)
		}
	}
}

// A condition of a template holds for the sets that its words say, and no others.
func TestConditions(t *testing.T) {
	all := Combinations(Types, []Provider{Google})
	for condition, holds := range map[string]func(Set) bool{
		"":              func(Set) bool { return true },
		"jwt or google": func(s Set) bool { return s.Has(JWT) || s.HasProvider(Google) },
		"keycloak only": func(s Set) bool { return s.Equal(NewSet(Keycloak)) },
		"oauth or keycloak and jwt or oauth": func(s Set) bool {
			return (s.Has(OAuth) || s.Has(Keycloak)) && (s.Has(JWT) || s.Has(OAuth))
		},
	} {
		for _, s := range all {
			if got, err := s.Holds(condition); err != nil || got != holds(s) {
				t.Errorf("%q of %q: %v, %v", condition, s, got, err)
			}
		}
	}
}
