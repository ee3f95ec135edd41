package main

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/crypto/bcrypt"
	_ "modernc.org/sqlite"
)

const (
	// password is everybody's, and hashed once.
	password = "correct horse battery staple"
	// issuer and secret are settings of the generated app.
	issuer = "fastman:app"
	secret = "a key of the benchmark that everybody knows"
	// sampled is how many of the users the load signs in as: the same number whatever
	// the size of the database.
	sampled = 1000
)

// identity is one of the users whom the load signs in as.
type identity struct{ Email, Access, Refresh, Session string }

// data is one filled database, as the compared apps are told of it.
type data struct {
	kind, url string
	users     int
	env       map[string]string
	key       []byte // of access tokens
	sample    []identity
}

// fill makes a database of so many users, and the tokens of a sample of them.
func (b *bed) fill(s stack, kind string, users int) *data {
	d := &data{kind: kind, url: b.database(kind), users: users}
	d.env = map[string]string{
		"ENVIRONMENT": "production", "BCRYPT_ROUNDS": "10", "ACCESS_TOKEN_EXPIRE_MINUTES": "600",
		"SECRET_KEY": secret, "AUTH_ISSUER": issuer,
		"AUTH_PUBLIC_URL": "https://app.example", "AUTH_MAIL_URL": "file:mails", "DATABASE_URL": d.url,
	}
	s.migrate(b, d)
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 10)
	if err != nil {
		b.Fatal(err)
	}
	b.insert(d, "$2b"+strings.TrimPrefix(string(hash), "$2a"))
	d.issue(b)
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

// issue writes the tokens of the sample, spread over all users, as the contract says.
func (d *data) issue(b *bed) {
	refresh := purposeKey(b, "fastman/refresh/v1")
	d.key = purposeKey(b, "fastman/access/v1")
	for number := 1; number <= d.users; number += max(1, d.users/sampled) {
		session := fmt.Sprintf("%022d", number)
		d.sample = append(d.sample, identity{
			Email: fmt.Sprintf("u%d@example.com", number), Session: session,
			Access: accessToken(b, d.key, number, session), Refresh: refreshToken(refresh, session),
		})
	}
}

func (d *data) keyHex() string { return hex.EncodeToString(d.key) }

// purposeKey is the key of one purpose: HKDF-SHA-256 (RFC 5869) without a salt.
func purposeKey(b *bed, info string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, info, sha256.Size)
	if err != nil {
		b.Fatal(err)
	}
	return key
}

func accessToken(b *bed, key []byte, user int, session string) string {
	id, now := sha256.Sum256(key), time.Now().Unix()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": issuer, "aud": issuer, "sub": strconv.Itoa(user), "sid": session, "jti": session,
		"iat": now, "nbf": now, "exp": now + 10*60*60,
	})
	token.Header["typ"], token.Header["kid"] = "at+jwt", base64.RawURLEncoding.EncodeToString(id[:8])
	signed, err := token.SignedString(key)
	if err != nil {
		b.Fatal(err)
	}
	return signed
}

// refreshToken is the first one of a session whose salt is 32 zero bytes.
func refreshToken(key []byte, session string) string {
	head := session + ".0."
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(head))
	mac.Write(make([]byte, 32))
	return head + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
