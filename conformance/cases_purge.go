package conformance

import (
	"fmt"
	"strings"
	"time"

	"fastman/internal/feature"
)

var purgeCases = []Case{
	{
		Name: "purge/expired-rows-go-and-live-ones-stay", Section: "Bytes: Expired rows are purged in small batches",
		Type: feature.JWT, Needs: []Need{NeedDB, NeedBoot, NeedMail}, Run: purgeExpired,
	},
}

// expiredRows is more than one batch.
const expiredRows = 1200

func purgeExpired(t *T) {
	acc, s := t.member()
	t.resetLink(acc, 1)
	past := t.target.Dialect.stamp(time.Now().Add(-time.Hour))
	mark := unique()
	t.insertMany("auth_throttle (key, count, window_start, expires_at)", func(i int) []any {
		return []any{fmt.Sprintf("%s%d", mark, i), 1, past, past}
	})
	_, old := t.member()
	t.exec("UPDATE auth_sessions SET expires_at = ? WHERE id = ?", past, old.id())
	late := t.register()
	t.resetLink(late, 1)
	t.exec("UPDATE auth_tokens SET expires_at = ? WHERE user_id = ?", past, late.id)
	t.boot(nil).signIn(acc) // a process purges when it is used for the first time
	left := ""
	within(20*time.Second, func() bool {
		left = t.row(`SELECT (SELECT COUNT(*) FROM auth_throttle WHERE key LIKE ?) + (SELECT COUNT(*) FROM auth_sessions WHERE id = ?)
			+ (SELECT COUNT(*) FROM auth_tokens WHERE user_id = ?)`, mark+"%", old.id(), late.id)[0]
		return left == "0"
	})
	if left != "0" {
		t.Errorf("%s of %d expired rows are still there", left, expiredRows+2)
	}
	if n := t.row("SELECT COUNT(*) FROM auth_tokens WHERE user_id = ?", acc.id)[0]; n != "1" || t.sessionRows(s) != "1" {
		t.Errorf("a purge took rows that are live: %s tokens, %s sessions", n, t.sessionRows(s))
	}
}

// insertMany puts rows into a table, 100 with each statement.
func (t *T) insertMany(into string, row func(i int) []any) {
	for i := 0; i < expiredRows; i += 100 {
		var values []any
		for j := range 100 {
			values = append(values, row(i+j)...)
		}
		marks := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(values)/100), ", ") + ")"
		statement := "INSERT INTO " + into + " VALUES " + strings.TrimSuffix(strings.Repeat(marks+", ", 100), ", ")
		if _, err := t.target.DB.ExecContext(t, t.target.Dialect.bind(statement), values...); err != nil {
			t.Fatalf("%s: %v", into, err)
		}
	}
}
