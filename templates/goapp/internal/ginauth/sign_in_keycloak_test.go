// fastman: file keycloak only

//go:build fastman

package ginauth

import (
	"log/slog"
	"testing"

	"fastman/templates/goapp/internal/auth"
)

// signIn makes the sign-in for a realm that nobody runs.
func signIn(t *testing.T) *auth.Auth {
	t.Helper()
	realm := auth.KeycloakConfig{URL: "http://127.0.0.1:1", Realm: "test", ClientID: "app"}
	authn, err := auth.New(t.Context(), auth.Config{Environment: "test", Keycloak: realm}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(authn.Close)
	return authn
}
