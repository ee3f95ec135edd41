package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fastman/internal/run"
)

// A users table in the database itself is seen, unless it is one of ours; the
// database file is not touched.
func TestUsersTableInDatabase(t *testing.T) {
	for _, test := range []struct{ name, create, env, want string }{
		{"other columns", "create table users (id integer, mail text)", "DATABASE_URL=sqlite:///./app.db\n", "app.db"},
		{"async url", "create table users (id integer)", "DATABASE_URL=\"sqlite+aiosqlite:///app.db?x=1\"\n", "app.db"},
		{"ours", "create table users (" + strings.Join(ourColumns, ",") + ")", "DATABASE_URL=sqlite:///./app.db\n", ""},
		{"no such table", "create table other (id integer)", "DATABASE_URL=sqlite:///./app.db\n", ""},
		{"another database", "create table users (id integer)", "DATABASE_URL=postgresql://h/app.db\n", ""},
		{"wal", "pragma journal_mode=wal; create table users (id integer)", "DATABASE_URL=sqlite:///app.db\n", "app.db"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			write(t, filepath.Join(root, "main.py"), []byte(twoLines))
			write(t, filepath.Join(root, ".env"), []byte(test.env))
			script := "import sqlite3, sys\nc = sqlite3.connect('app.db')\nc.executescript(sys.argv[1])\nc.close()"
			if _, err := run.Run(testContext, run.Spec{Args: []string{python(), "-c", script, test.create}, Dir: root}); err != nil {
				t.Fatal(err)
			}
			before := names(t, root)
			p, err := Look(testContext, root, Options{Python: python()})
			if err != nil {
				t.Fatal(err)
			}
			p.Close()
			if p.UsersTable != test.want {
				t.Errorf("users table %q, want %q", p.UsersTable, test.want)
			}
			if after := names(t, root); after != before {
				t.Errorf("files were %s, are %s", before, after)
			}
		})
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}
