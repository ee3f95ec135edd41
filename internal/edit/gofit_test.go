package edit_test

import (
	"testing"

	"fastman/internal/edit"
)

// The table of users gets its other name in every statement, and no other word does.
func TestRenameTable(t *testing.T) {
	for in, want := range map[string]string{
		"SELECT users.id FROM users WHERE users.id = $1":                    "SELECT people.id FROM people WHERE people.id = $1",
		"CREATE UNIQUE INDEX IF NOT EXISTS ix_users_email ON users (email)": "CREATE UNIQUE INDEX IF NOT EXISTS ix_people_email ON people (email)",
		"CREATE TABLE IF NOT EXISTS users (":                                "CREATE TABLE IF NOT EXISTS people (",
		"REFERENCES users (id) ON DELETE CASCADE":                           "REFERENCES people (id) ON DELETE CASCADE",
		"INSERT INTO users (email) SELECT 1 FROM auth_users":                "INSERT INTO people (email) SELECT 1 FROM auth_users",
		"only users with a password":                                        "only users with a password",
		"DROP TABLE users;":                                                 "DROP TABLE people;",
	} {
		if got := edit.RenameTable(in, "users", "people"); got != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
}

// Names that are taken in the app's package are others in the emitted file.
func TestRenameGo(t *testing.T) {
	src := "// mustAuth makes the auth.\npackage main\n\nimport (\n\t\"os\"\n\n\t\"shop/internal/auth\"\n)\n\nfunc mustAuth() *auth.Auth { return \"mustAuth\"; os.Exit(1) }\n"
	want := "// makeAuth makes the auth.\npackage server\n\nimport (\n\t\"os\"\n\n\tlogin \"shop/internal/auth\"\n)\n\nfunc makeAuth() *login.Auth { return \"mustAuth\"; os.Exit(1) }\n"
	got := edit.SetGoPackage(edit.RenameGo(src, map[string]string{"mustAuth": "makeAuth", "auth": "login"}), "server")
	if got != want {
		t.Errorf("got\n%s", got)
	}
}
