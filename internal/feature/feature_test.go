package feature

import (
	"errors"
	"testing"
)

// The order and the repeats in which a user names types make no difference.
func TestParseTypesIsCanonical(t *testing.T) {
	got, err := ParseTypes([]string{"passkey, JWT", "jwt"}, Types)
	if err != nil || got.String() != "jwt,passkey" {
		t.Fatalf("ParseTypes = %q, %v; want jwt,passkey", got, err)
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

// Four types make sixteen apps, the one without sign-in included.
func TestCombinations(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Combinations(Types) {
		seen[s.String()] = true
	}
	if len(seen) != 16 || !seen[""] || !seen["jwt,oauth,keycloak,passkey"] {
		t.Fatalf("got %d sets: %v", len(seen), seen)
	}
}
