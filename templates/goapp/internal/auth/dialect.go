// fastman: file jwt or oauth or passkey
package auth

import (
	"database/sql"
	"regexp"
	"strings"

	"modernc.org/sqlite"
)

// dialect is the database that statements are for. All of them are written for
// PostgreSQL. SQLite understands them but for its clock, and for locks of rows: it
// has one writer at a time, who needs none.
type dialect int

const (
	postgresDialect dialect = iota
	sqliteDialect
)

func dialectOf(db *sql.DB) dialect {
	if _, ok := db.Driver().(*sqlite.Driver); ok {
		return sqliteDialect
	}
	return postgresDialect
}

var (
	later = regexp.MustCompile(`clock_timestamp\(\) \+ make_interval\(secs => ([^)]+)\)`)
	until = regexp.MustCompile(`extract\(epoch FROM (\w+) - clock_timestamp\(\)\)`)

	// Milliseconds are all that SQLite's clock has; the text has six digits.
	toSQLite = strings.NewReplacer(
		"clock_timestamp()", "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
		" FOR UPDATE SKIP LOCKED", "",
		" FOR NO KEY UPDATE", "",
	)
)

// sql translates a statement.
func (d dialect) sql(statement string) string {
	if d == postgresDialect {
		return statement
	}
	statement = later.ReplaceAllString(statement, "strftime('%Y-%m-%d %H:%M:%f000', 'now', ($1) || ' seconds')")
	statement = until.ReplaceAllString(statement, "(julianday($1) - julianday('now')) * 86400")
	return toSQLite.Replace(statement)
}
