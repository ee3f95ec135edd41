package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"fastman/internal/testbed"
)

const (
	// password is everybody's, and hashed once.
	password = "correct horse battery staple"
	// sampled is how many of the users the load signs in as.
	sampled = 2000
)

// identity is one of the users whom the load signs in as.
type identity struct{ Email, Access, Refresh, Session string }

// data is one filled database, as the compared apps are told of it.
type data struct {
	kind, url string
	users     int
	env       map[string]string
	key       string // of access tokens, in hex
	sample    []identity
}

func (b *bed) fill(kind string, users int) *data {
	d := &data{kind: kind, url: b.database(kind), users: users}
	d.env = map[string]string{
		"ENVIRONMENT": "production", "BCRYPT_ROUNDS": "10", "ACCESS_TOKEN_EXPIRE_MINUTES": "600",
		"SECRET_KEY": strings.Repeat("a key of the benchmark ", 2), "AUTH_ISSUER": "fastman:app",
		"AUTH_PUBLIC_URL": "https://app.example", "AUTH_MAIL_URL": "file:mails", "DATABASE_URL": d.url,
	}
	testbed.Migrate(b, b.app, b.python, d.env)
	hash := strings.TrimSpace(string(b.script(d.env, "import bcrypt, sys\nprint(bcrypt.hashpw(sys.argv[1].encode(), bcrypt.gensalt(10)).decode())", password)))
	b.insert(d, hash)
	b.issue(d)
	return d
}

// insert makes the users, and a session of each.
func (b *bed) insert(d *data, hash string) {
	db := b.open(d.kind, d.url)
	defer db.Close()
	series, id, soon := sqliteSeries, "printf('%022d', i)", "datetime('now', '+30 days')"
	if d.kind == "postgres" {
		series, id, soon = postgresSeries, "lpad(i::text, 22, '0')", "now() + interval '30 days'"
	}
	numbers := fmt.Sprintf(series, d.users)
	b.exec(db, `INSERT INTO users (email, email_key, username, username_key, hashed_password, is_active, is_superuser, created_at, updated_at)
		SELECT 'u' || i || '@example.com', 'u' || i || '@example.com', 'u' || i, 'u' || i, '`+hash+`', true, false, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP FROM `+numbers)
	b.exec(db, `INSERT INTO auth_sessions (id, user_id, method, salt, refresh_counter, refreshed_at, created_at, authenticated_at, last_seen_at, expires_at)
		SELECT `+id+`, i, 'password', '`+strings.Repeat("A", 43)+`', 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, `+soon+` FROM `+numbers)
	b.exec(db, "ANALYZE")
}

const (
	sqliteSeries   = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n) AS n"
	postgresSeries = "generate_series(1, %d) AS n(i)"
)

func (b *bed) open(kind, url string) *sql.DB {
	driver, name := "pgx", url
	if kind == "sqlite" {
		driver, name = "sqlite", "file:"+strings.TrimPrefix(url, "sqlite:///")
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		b.Fatal(err)
	}
	return db
}

func (b *bed) exec(db *sql.DB, statement string) {
	if _, err := db.Exec(statement); err != nil {
		b.Fatalf("%s: %v", statement, err)
	}
}

// issue has the app itself write the tokens of the sample, spread over all users.
func (b *bed) issue(d *data) {
	const code = `
import json, sys
from app.features.auth import security
users, sampled = int(sys.argv[1]), int(sys.argv[2])
sample = []
for number in range(1, users + 1, max(1, users // sampled)):
    session = f"{number:022d}"
    sample.append({
        "Email": f"u{number}@example.com", "Session": session,
        "Access": security.issue_access_token(user_id=number, session_id=session),
        "Refresh": security.issue_refresh_token(session_id=session, counter=0, salt="A" * 43),
    })
print(json.dumps({"Key": security._signing_key.hex(), "Sample": sample}))
`
	var issued struct {
		Key    string
		Sample []identity
	}
	out := b.script(d.env, code, strconv.Itoa(d.users), strconv.Itoa(sampled))
	if err := json.Unmarshal(out, &issued); err != nil {
		b.Fatal(err)
	}
	d.key, d.sample = issued.Key, issued.Sample
}

// peers are the compared apps, ours first.
func (b *bed) peers(d *data) []*server {
	here := filepath.Join(testbed.Root(b), "bench", "peers")
	bare := map[string]string{"BENCH_KEY": d.key, "DATABASE_URL": d.url}
	users := map[string]string{"BENCH_KEY": d.key, "DATABASE_URL": "sqlite+aiosqlite:///" + filepath.Join(b.TempDir(), "users.db")}
	if d.kind == "postgres" {
		bare["DATABASE_URL"] = strings.Replace(d.url, "postgresql:", "postgresql+psycopg:", 1)
		users["DATABASE_URL"] = strings.Replace(b.database(d.kind), "postgresql:", "postgresql+asyncpg:", 1)
	}
	return []*server{
		{name: ours, dir: b.app, python: b.python, env: d.env},
		{name: bareName, dir: filepath.Join(here, "bare"), python: b.python, env: bare},
		{name: usersName, dir: filepath.Join(here, "fastapi_users"), python: b.usersPython, env: users},
	}
}

const ours, bareName, usersName = "generated app", "bare FastAPI", "fastapi-users"
