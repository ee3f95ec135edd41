// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// writersMax leaves connections of the pool to those who read, when writers wait for
// each other's rows.
const writersMax = 5

// patience is how long anything waits for a database that hangs. Neither a slow body
// nor a turn at the hashes counts.
const patience = 15 * time.Second

// patient is the context of work on the database. It does not end with the client:
// who hangs up would cost everybody a connection, and might hide from the log what was
// committed.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}

// reading is the context of statements that only read. On SQLite the busy timeout bounds
// them, and one without a deadline needs no goroutine that waits for it.
func (s *store) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.dialect == sqliteDialect {
		return context.WithoutCancel(ctx), func() {}
	}
	return patient(ctx)
}

// store is the database: statements that are asked for most, and transactions.
type store struct {
	db      *sql.DB
	dialect dialect
	writers chan struct{} // transactions at once

	findCurrent statement
	findSalt    statement
	findSession statement
	rotate      statement
	// fastman: if oauth or ui
	findCookie statement
	// fastman: end
	// fastman: if keycloak
	findIdentity statement
	// fastman: end
}

// statement is one that is asked for most. SQLite is spared from reading it again;
// pgx does the same by itself, and notices when a table has changed meanwhile.
type statement struct {
	db       *sql.DB
	text     string
	prepared *sql.Stmt // nil on PostgreSQL
}

func (s statement) row(ctx context.Context, args ...any) *sql.Row {
	if s.prepared != nil {
		return s.prepared.QueryRowContext(ctx, args...)
	}
	return s.db.QueryRowContext(ctx, s.text, args...)
}

func newStore(ctx context.Context, db *sql.DB, c Config) (*store, error) {
	s := &store{db: db, dialect: dialectOf(db), writers: make(chan struct{}, writersMax)}
	if s.dialect == sqliteDialect {
		// SQLite lets one write at a time. Waiting here is fair, and sleeps on nothing.
		s.writers = make(chan struct{}, 1)
	}
	live := liveSession(c.SessionMax)
	rotate := fmt.Sprintf(rotateSession, c.SessionIdle/time.Second) + live + rotatedColumns
	return s, errors.Join(
		s.prepare(ctx, &s.findCurrent, selectCurrentUser+live),
		// fastman: if oauth or ui
		s.prepare(ctx, &s.findCookie, selectCookieUser+live),
		// fastman: end
		// fastman: if keycloak
		s.prepare(ctx, &s.findIdentity, selectKeycloakUser),
		// fastman: end
		s.prepare(ctx, &s.findSalt, selectSalt),
		s.prepare(ctx, &s.findSession, selectSession+live),
		s.prepare(ctx, &s.rotate, rotate))
}

func (s *store) prepare(ctx context.Context, into *statement, text string) (err error) {
	*into = statement{db: s.db, text: s.dialect.sql(text)}
	if s.dialect == sqliteDialect {
		// Once ANALYZE has run, SQLite would plan the statement anew for each value of a
		// parameter. Below a plus it does not look at it.
		into.text = strings.ReplaceAll(into.text, "= $", "= +$")
		into.prepared, err = s.db.PrepareContext(ctx, into.text)
	}
	return err
}

// read runs work whose statements are each a transaction of their own.
func read[T any](ctx context.Context, s *store, work func(context.Context, conn) (T, error)) (T, error) {
	ctx, cancel := s.reading(ctx)
	defer cancel()
	return work(ctx, conn{s.db, s.dialect})
}

// write runs work in one transaction, and rolls back when work fails.
func (s *store) write(ctx context.Context, work func(context.Context, conn) error) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	if err := s.beginWriting(ctx); err != nil {
		return err
	}
	defer s.endWriting()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after the commit
	if err := work(ctx, conn{tx, s.dialect}); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *store) beginWriting(ctx context.Context) error {
	select {
	case s.writers <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *store) endWriting() { <-s.writers }

// querier is the pool, or one transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// conn runs statements in the dialect of the database.
type conn struct {
	querier querier
	dialect dialect
}

func (c conn) exec(ctx context.Context, statement string, args ...any) error {
	_, err := c.querier.ExecContext(ctx, c.dialect.sql(statement), args...)
	return err
}

func (c conn) row(ctx context.Context, statement string, args ...any) *sql.Row {
	return c.querier.QueryRowContext(ctx, c.dialect.sql(statement), args...)
}

func (c conn) user(ctx context.Context, statement string, args ...any) (*User, error) {
	return scanUser(c.row(ctx, statement, args...))
}

// exists tells whether a statement returns any row.
func (c conn) exists(ctx context.Context, statement string, args ...any) (bool, error) {
	found, err := c.texts(ctx, statement, args...)
	return len(found) > 0, err
}

// texts returns the one column of all rows.
func (c conn) texts(ctx context.Context, statement string, args ...any) ([]string, error) {
	return collect(ctx, c, func(row scanner) (text string, err error) {
		err = row.Scan(&text)
		return text, err
	}, statement, args...)
}

// collect reads all rows.
func collect[T any](ctx context.Context, c conn, read func(scanner) (T, error), statement string, args ...any) ([]T, error) {
	rows, err := c.querier.QueryContext(ctx, c.dialect.sql(statement), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []T{} // in JSON a list, also when it is empty
	for rows.Next() {
		one, err := read(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
