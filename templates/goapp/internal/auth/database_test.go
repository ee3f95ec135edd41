// fastman: file jwt or oauth or passkey
package auth

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Any number of processes may bring the tables up to date at once.
func TestMigrateTogether(t *testing.T) {
	url := "sqlite:///" + filepath.ToSlash(filepath.Join(t.TempDir(), "app.db"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			db, err := Open(url)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if err := Migrate(t.Context(), db); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// A table that only has the name of ours is refused, and nothing is changed.
func TestMigrateRefusesForeignTables(t *testing.T) {
	for want, table := range map[string]string{
		`column "email" is missing there`:       "CREATE TABLE users (id INTEGER PRIMARY KEY)",
		`column "count" has another type there`: "CREATE TABLE auth_throttle (key TEXT, count TEXT, window_start DATETIME, expires_at DATETIME)",
		`column "note" is not ours`:             "CREATE TABLE auth_throttle (key TEXT, count INTEGER, window_start DATETIME, expires_at DATETIME, note TEXT)",
	} {
		db, err := Open("sqlite:///" + filepath.ToSlash(filepath.Join(t.TempDir(), "app.db")))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(table); err != nil {
			t.Fatal(err)
		}
		if err := Migrate(t.Context(), db); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		var tables int
		if err := db.QueryRow("SELECT count(*) FROM sqlite_master WHERE type = 'table'").Scan(&tables); err != nil || tables != 1 {
			t.Errorf("there are %d tables, want the one (%v)", tables, err)
		}
	}
}

// A database is named as the other stack names it; what names none is not repeated.
func TestOpen(t *testing.T) {
	file := filepath.ToSlash(filepath.Join(t.TempDir(), "a %41#?.db"))
	t.Chdir(filepath.Dir(file))
	for _, url := range []string{"sqlite:///./here.db", "sqlite+aiosqlite:///here.db", "sqlite:///" + strings.TrimSuffix(file, "#?.db")} {
		db, err := Open(url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var mode string
		if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
			t.Errorf("%s: %s, %v", url, mode, err)
		}
	}
	for _, url := range []string{"postgres://u:p@host/db", "postgresql+asyncpg://u:p@host/db?ssl=require&statement_cache_size=0", "postgresql+psycopg://host/db"} {
		if _, err := Open(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"", "mysql://u:secret@host/db", "app.db", "postgresql://u:secret@ho st/db"} {
		if _, err := Open(url); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// SQLite gets its own clock, and no locks of rows.
func TestDialect(t *testing.T) {
	const statement = `SELECT id FROM users WHERE a > clock_timestamp() + make_interval(secs => $2) FOR UPDATE SKIP LOCKED`
	if postgresDialect.sql(statement) != statement {
		t.Error("PostgreSQL's statement is changed")
	}
	const want = `SELECT id FROM users WHERE a > strftime('%Y-%m-%d %H:%M:%f000', 'now', ($2) || ' seconds')`
	if have := sqliteDialect.sql(statement); have != want {
		t.Errorf("%s", have)
	}
}
