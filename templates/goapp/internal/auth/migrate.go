// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// versionTable keeps which migrations of this package were applied, apart from those
// of the app.
const versionTable = "auth_goose_version"

// Another process may do the same at the same time, and SQLite has no lock to wait at:
// what fails then is there, or goes through, a moment later.
const (
	migrateTries = 5
	migratePause = 200 * time.Millisecond
)

// Migrate brings the tables of authentication up to date. Any number of processes may
// call it at once. Tables that are there already, because a FastAPI app has made them,
// are accepted if they store the same; else nothing is changed.
func Migrate(ctx context.Context, db *sql.DB) error {
	err := migrate(ctx, db)
	for try := 1; try < migrateTries && err != nil && dialectOf(db) == sqliteDialect; try++ {
		time.Sleep(migratePause)
		err = migrate(ctx, db)
	}
	return err
}

func migrate(ctx context.Context, db *sql.DB) error {
	if err := compareTables(ctx, conn{db, dialectOf(db)}); err != nil {
		return err
	}
	// fastman: if oauth or keycloak
	if err := compareAdded(ctx, conn{db, dialectOf(db)}, identities); err != nil {
		return err
	}
	// fastman: end
	// fastman: if passkey
	if err := compareAdded(ctx, conn{db, dialectOf(db)}, passkeys); err != nil {
		return err
	}
	// fastman: end
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	kind, folder := goose.DialectPostgres, "migrations/postgres"
	options := []goose.ProviderOption{
		goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true),
		goose.WithAllowOutofOrder(true), // a type that comes later may have an earlier number
	}
	if dialectOf(db) == sqliteDialect {
		kind, folder = goose.DialectSQLite3, "migrations/sqlite"
	} else {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(kind, db, files, options...)
}

// tables are what the first migration makes: each column, and what it stores.
var tables = map[string]string{
	"users": `id integer, email text, email_key text, username text, username_key text, hashed_password text, name text,
		avatar_url text, oauth_provider text, webauthn_handle text, is_active boolean, is_superuser boolean,
		email_verified_at time, created_at time, updated_at time`,
	"auth_sessions": `id text, user_id integer, method text, salt text, refresh_counter integer, refreshed_at time,
		cookie_hash text, ip text, user_agent text, created_at time, authenticated_at time, last_seen_at time, expires_at time`,
	"auth_tokens":     `token_hash text, purpose text, user_id integer, email_key text, created_at time, expires_at time`,
	"auth_throttle":   `key text, count integer, window_start time, expires_at time`,
	"auth_challenges": `id text, purpose text, user_id integer, email_key text, data text, browser_hash text, created_at time, expires_at time`,
}

// compareTables refuses tables that only happen to have the names of ours.
func compareTables(ctx context.Context, db conn) error {
	ours, err := columnsOf(ctx, db, versionTable)
	if err != nil || len(ours) > 0 {
		return err // the tables were accepted once, and may have changed since
	}
	for table, wanted := range tables {
		there, err := columnsOf(ctx, db, table)
		if err != nil {
			return err
		}
		if err := compareColumns(db.dialect, table, there, wanted); err != nil {
			return err
		}
	}
	return nil
}

func compareColumns(d dialect, table string, there map[string]string, wanted string) error {
	if len(there) == 0 {
		return nil // the migration makes it
	}
	for column := range strings.SplitSeq(wanted, ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(column), " ")
		declared, found := there[name]
		if !found {
			return refuseTable(table, name, "is missing there")
		}
		if kindOf(d, declared) != kindOf(d, kind) {
			return refuseTable(table, name, "has another type there")
		}
		delete(there, name)
	}
	for name := range there {
		return refuseTable(table, name, "is not ours")
	}
	return nil
}

// columnsOf returns the types of a table's columns by their names; none if there is
// no such table.
func columnsOf(ctx context.Context, db conn, table string) (map[string]string, error) {
	statement := `SELECT column_name || ' ' || data_type FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name = $1`
	if db.dialect == sqliteDialect {
		statement = `SELECT name || ' ' || type FROM pragma_table_info($1)`
	}
	columns, err := db.texts(ctx, statement, table)
	types := map[string]string{}
	for _, column := range columns {
		name, declared, _ := strings.Cut(column, " ")
		types[name] = declared
	}
	return types, err
}

// kindOf sorts a type by what it stores, whatever each database calls it.
func kindOf(d dialect, declared string) string {
	declared = strings.ToLower(declared)
	switch {
	case strings.Contains(declared, "bool") && d == postgresDialect:
		return "boolean"
	case strings.Contains(declared, "int"), strings.Contains(declared, "bool"):
		return "integer"
	case strings.Contains(declared, "time") && d == postgresDialect:
		return "time"
	case strings.Contains(declared, "char"), strings.Contains(declared, "text"), strings.Contains(declared, "time"):
		return "text"
	}
	return declared
}

func refuseTable(table, column, problem string) error {
	return fmt.Errorf("the database has a table %q already, and it is not the one of this app: column %q %s\n"+
		"nothing was changed\n"+
		"take another name for the table of users: fastman install:auth --users-table=NAME", table, column, problem)
}
