package conformance_test

import (
	"testing"

	"fastman/conformance"
)

// Every test vector of Web Authentication Level 3 in which the user was verified, on a
// page of the app's own and with a key of an algorithm that it offers, is taken; every
// other one is refused.
func TestWebAuthnVectors(t *testing.T) {
	t.Run("fastapi", func(t *testing.T) { template(t, "sqlite:///./app.db").takesVectors(t) })
	t.Run("go", func(t *testing.T) { goTemplate(t, "sqlite:///./app.db").takesVectors(t) })
}

func (p project) takesVectors(t *testing.T) {
	newProviders(t, whole, p)
	server := p.Boot(t, p.env)
	target := conformance.Target{URL: server.URL, Set: whole, DB: openSQLite(t, p), Dialect: conformance.SQLite, Boot: p.again}
	if result := conformance.RunWebAuthnVectors(t.Context(), target); result.Outcome != conformance.Passed {
		t.Errorf("%s: %s", result.Outcome, result.Detail)
	}
}
