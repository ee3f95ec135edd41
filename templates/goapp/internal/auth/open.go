// fastman: file jwt or oauth or passkey
package auth

import (
	"database/sql"
	"errors"
	"net/url"
	"runtime"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
)

// PostgreSQL has 100 connections to share between all replicas by default.
const postgresConns = 10

// Options of other drivers in the URL of a database, which pgx would refuse.
var foreignOptions = []string{
	"command_timeout", "prepared_statement_cache_size", "prepared_statement_name_func", "statement_cache_size",
	"timeout", "async_fallback", "server_settings", // asyncpg
	"gssencmode", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", // libpq
}

// Open opens a database by its URL: sqlite:///./app.db (from the working directory),
// sqlite:////var/lib/app.db, postgres://user:password@host/name, or postgresql://...
// A Python driver in the scheme, as in sqlite+aiosqlite, is looked past, so that an
// app of either stack reads the same setting. It does not connect yet.
func Open(databaseURL string) (*sql.DB, error) {
	scheme, rest, found := strings.Cut(databaseURL, "://")
	backend, _, _ := strings.Cut(scheme, "+")
	switch {
	case found && backend == "sqlite":
		return openSQLite(rest)
	case found && (backend == "postgres" || backend == "postgresql"):
		return openPostgres(rest)
	}
	// The URL may hold a password.
	return nil, errors.New("DATABASE_URL names no database\n" +
		"set it to sqlite:///./app.db or postgresql://user:password@host/name")
}

// openSQLite lets readers and a writer work side by side, writers wait for each
// other, and a transaction become the writer when it begins: a reader that turns
// writer later can only fail.
func openSQLite(rest string) (*sql.DB, error) {
	path, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "?")
	// As many read as there are cores, and one writes: all of it runs in this process, where
	// more only queue, and each has a cache of its own.
	conns := max(2, runtime.GOMAXPROCS(0))
	if path == "" || path == ":memory:" {
		path, conns = ":memory:", 1 // each connection to it is a database of its own
	}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	name.RawQuery = "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate" +
		"&_pragma=cache_size(-1500)" // KiB for each connection; the system caches the file, too
	return openPool("sqlite", name.String(), conns)
}

func openPostgres(rest string) (*sql.DB, error) {
	u, err := url.Parse("postgresql://" + rest)
	if err != nil {
		return nil, errors.New("DATABASE_URL is no URL\nset it to postgresql://user:password@host/name")
	}
	options := u.Query()
	if mode := options.Get("ssl"); mode != "" && !options.Has("sslmode") {
		options.Set("sslmode", mode)
	}
	for _, name := range append(foreignOptions, "ssl") {
		options.Del(name)
	}
	u.RawQuery = options.Encode()
	return openPool("pgx", u.String(), postgresConns)
}

func openPool(driver, name string, conns int) (*sql.DB, error) {
	db, err := sql.Open(driver, name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}
