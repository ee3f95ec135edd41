package conformance

import (
	"net/http"
	"sync"
	"time"

	"fastman/internal/feature"
)

var outageCases = []Case{
	{
		Name: "outage/a-database-that-hangs-is-503-and-comes-back", Section: "Bytes: \"database is locked\" is not an answer",
		Type: feature.JWT, ASVS: []string{"16.5.3"}, RFC: []string{"RFC 9110 15.6.4", "RFC 9110 10.2.3"},
		Needs: []Need{NeedBoot, NeedDB, NeedDatabaseURL}, Turn: Early, Run: outageHangs,
	},
}

// hangs is how long an answer may take while the database hangs.
const hangs = 25 * time.Second

func outageHangs(t *T) {
	app, hold := t.hanging()
	acc, s := app.member()
	release := hold()
	defer release()
	for _, a := range app.together([]call{loginForm(acc.email, acc.password), refreshWith(s.refresh)}) {
		if a.err != nil {
			t.Fatalf("%s gets no answer while the database hangs: %v", a.call.path, a.err)
		}
		a.expect("while the database hangs", http.StatusServiceUnavailable).wantRetryAfter()
		if a.took > hangs {
			a.errorf("the answer takes %v", a.took.Round(time.Second))
		}
	}
	app.send(get("//health")).expect("what needs no database", http.StatusOK, http.StatusNotFound)
	release()
	app.me(s.access).expect("a request afterwards", http.StatusOK)
	app.login(acc.email, acc.password).expect("a sign-in afterwards", http.StatusOK)
}

// hanging is an app whose database can be made to hang: a server behind a relay, or a
// file that somebody else is writing.
func (t *T) hanging() (app *T, hold func() (release func())) {
	if t.target.Dialect == SQLite {
		return t.boot(nil), t.holdFile
	}
	r, through, err := newRelay(t.target.DatabaseURL)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.defers(r.close)
	return t.boot(map[string]string{"DATABASE_URL": through}), r.hold
}

func (t *T) holdFile() (release func()) {
	connection, err := t.target.DB.Conn(t)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, err := connection.ExecContext(t, "BEGIN IMMEDIATE"); err != nil {
		t.Fatalf("%v", err)
	}
	return sync.OnceFunc(func() {
		_, _ = connection.ExecContext(t, "ROLLBACK")
		_ = connection.Close()
	})
}
