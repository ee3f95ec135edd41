package postgres_test

import (
	"database/sql"
	"net/url"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"fastman/internal/testbed"
)

// Whoever else is on the machine gets into no scratch database.
func TestOnlyItsPasswordOpensACluster(t *testing.T) {
	right := testbed.StartPostgres(t).NewDatabase(t)
	if err := ask(t, right); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(right)
	if err != nil {
		t.Fatal(err)
	}
	for _, as := range []*url.Userinfo{url.User("postgres"), url.UserPassword("postgres", "postgres")} {
		u.User = as
		if err := ask(t, u.String()); err == nil {
			t.Errorf("open as %s", as)
		}
	}
}

func ask(t *testing.T, database string) error {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return db.Ping()
}
