package conformance

import (
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// cursor runs a statement with ? for its arguments. Whoever calls closes what it returns.
func (t *T) cursor(statement string, args ...any) (rows *sql.Rows, columns []string) {
	rows, err := t.target.DB.QueryContext(t, t.target.statement(statement), args...)
	if err == nil {
		columns, err = rows.Columns()
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return rows, columns
}

// columnsOf are the columns that a table has, the app's own among them.
func (t *T) columnsOf(table string) []string {
	rows, columns := t.cursor("SELECT * FROM " + table + " WHERE 1 = 0")
	defer rows.Close()
	return columns
}

// query is the rows of a statement as texts; NULL is "<null>".
func (t *T) query(statement string, args ...any) [][]string {
	rows, columns := t.cursor(statement, args...)
	defer rows.Close()
	var all [][]string
	for rows.Next() {
		texts := make([]*string, len(columns))
		into := make([]any, len(columns))
		for i := range texts {
			into[i] = &texts[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		all = append(all, orNull(texts))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return all
}

func orNull(texts []*string) []string {
	row := make([]string, len(texts))
	for i, text := range texts {
		row[i] = "<null>"
		if text != nil {
			row[i] = *text
		}
	}
	return row
}

// row is the only row of a query.
func (t *T) row(statement string, args ...any) []string {
	rows := t.query(statement, args...)
	if len(rows) != 1 {
		t.Fatalf("%s: %d rows, want 1", statement, len(rows))
	}
	return rows[0]
}

// exec changes exactly one row.
func (t *T) exec(statement string, args ...any) {
	res, err := t.target.DB.ExecContext(t, t.target.statement(statement), args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("%s: %d rows, want 1 (%v)", statement, n, err)
	}
}

var usersTable = regexp.MustCompile(`\busers\b`)

// statement is one as this app's database takes it.
func (target Target) statement(text string) string {
	if target.UsersTable != "" {
		text = usersTable.ReplaceAllLiteralString(text, target.UsersTable)
	}
	return target.Dialect.bind(text)
}

// bind numbers the placeholders for PostgreSQL.
func (d Dialect) bind(statement string) string {
	if d != Postgres {
		return statement
	}
	var out strings.Builder
	for i, part := range strings.Split(statement, "?") {
		if i > 0 {
			out.WriteString("$" + strconv.Itoa(i))
		}
		out.WriteString(part)
	}
	return out.String()
}

// stamp is a time as the database takes it.
func (d Dialect) stamp(at time.Time) any {
	if d == Postgres {
		return at
	}
	return at.UTC().Format("2006-01-02 15:04:05.000000")
}

func (t *T) storedHash(acc account) string {
	return t.row("SELECT hashed_password FROM users WHERE id = ?", acc.id)[0]
}

// importHash gives the account a hash that another app has made.
func (t *T) importHash(acc account, hash any) {
	t.exec("UPDATE users SET hashed_password = ? WHERE id = ?", hash, acc.id)
}

// cost reads the cost of a bcrypt hash.
func cost(hash string) (int, error) {
	if len(hash) != 60 || !strings.HasPrefix(hash, "$2") {
		return 0, fmt.Errorf("not a bcrypt hash: %.7q, %d bytes", hash, len(hash))
	}
	return strconv.Atoi(hash[4:6])
}
