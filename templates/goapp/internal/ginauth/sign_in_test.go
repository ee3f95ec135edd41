// fastman: file jwt or oauth or passkey
package ginauth

import (
	"log/slog"
	"path/filepath"
	"testing"

	"fastman/templates/goapp/internal/auth"
)

// signIn makes the sign-in on a database of the test.
func signIn(t *testing.T) *auth.Auth {
	t.Helper()
	db, err := auth.Open("sqlite:///" + filepath.ToSlash(filepath.Join(t.TempDir(), "app.db")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := auth.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	config := auth.Config{Environment: "test", SecretKey: "a key of a test with more than 32 bytes"}
	authn, err := auth.New(t.Context(), config, db, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(authn.Close)
	return authn
}
