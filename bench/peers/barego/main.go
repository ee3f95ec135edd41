// Command barego is the least that does the same as the generated Go app: it verifies
// a token and reads user and session in one prepared statement. It reads the database
// and the tokens of that app, and knows nothing else of it.
package main

import (
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/crypto/bcrypt"
	_ "modernc.org/sqlite"
)

const (
	issuer = "fastman:app"

	currentUser = `SELECT u.id, u.email, u.username, u.name, u.avatar_url, u.is_active, u.is_superuser,
		u.email_verified_at, u.oauth_provider, u.created_at
		FROM auth_sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id = $1 AND s.expires_at > CURRENT_TIMESTAMP AND u.id = $2 AND u.is_active`
	rotate = `UPDATE auth_sessions SET refresh_counter = refresh_counter + 1, last_seen_at = CURRENT_TIMESTAMP
		WHERE id = $1 RETURNING user_id, refresh_counter`
	passwordOf = `SELECT id, hashed_password FROM users WHERE email_key = $1`
)

// app holds what the handlers share.
type app struct {
	key                      []byte
	parser                   *jwt.Parser
	current, rotate, byEmail *sql.Stmt
	hashing                  chan struct{} // one hash at a time
}

func main() {
	hash := flag.String("hash", "", "print how many hashes of this password a second takes, and end")
	seconds := flag.Float64("seconds", 1, "how long to hash")
	flag.Parse()
	if *hash != "" {
		fmt.Println(hashesPerSecond([]byte(*hash), time.Duration(*seconds*float64(time.Second))))
		return
	}
	a, err := open(os.Getenv("DATABASE_URL"), os.Getenv("BENCH_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth/me", a.me)
	mux.HandleFunc("POST /auth/refresh", a.refresh)
	mux.HandleFunc("POST /auth/login", a.login)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), mux))
}

func hashesPerSecond(password []byte, span time.Duration) float64 {
	hashed, err := bcrypt.GenerateFromPassword(password, 10)
	if err != nil {
		log.Fatal(err)
	}
	done, began := 0, time.Now()
	for ; time.Since(began) < span; done++ {
		_ = bcrypt.CompareHashAndPassword(hashed, password)
	}
	return float64(done) / time.Since(began).Seconds()
}

// open prepares the statements. SQLite gets one connection that writes.
func open(url, key string) (*app, error) {
	driver, name := "pgx", url
	if !strings.HasPrefix(url, "postgres") {
		driver, name = "sqlite", "file:"+url+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"
	}
	readers, err := sql.Open(driver, name)
	if err != nil {
		return nil, err
	}
	writers, err := sql.Open(driver, name)
	if err != nil {
		return nil, err
	}
	readers.SetMaxOpenConns(8)
	readers.SetMaxIdleConns(8)
	writers.SetMaxOpenConns(8)
	writers.SetMaxIdleConns(8)
	if driver == "sqlite" {
		writers.SetMaxOpenConns(1)
	}
	a := &app{hashing: make(chan struct{}, 1)}
	var problems [4]error
	a.current, problems[0] = readers.Prepare(once(driver, currentUser))
	a.byEmail, problems[1] = readers.Prepare(once(driver, passwordOf))
	a.rotate, problems[2] = writers.Prepare(once(driver, rotate))
	a.key, problems[3] = hex.DecodeString(key)
	a.parser = jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(issuer), jwt.WithExpirationRequired())
	return a, errors.Join(problems[:]...)
}

// once keeps SQLite, which has statistics of the tables, from planning a statement anew
// for each value of a parameter.
func once(driver, statement string) string {
	if driver == "sqlite" {
		return strings.ReplaceAll(statement, "= $", "= +$")
	}
	return statement
}

type claims struct {
	jwt.RegisteredClaims
	Session string `json:"sid"`
}

// user is what /me answers.
type user struct {
	ID            int64      `json:"id"`
	Email         string     `json:"email"`
	Username      *string    `json:"username"`
	Name          *string    `json:"name"`
	AvatarURL     *string    `json:"avatar_url"`
	IsActive      bool       `json:"is_active"`
	IsSuperuser   bool       `json:"is_superuser"`
	IsVerified    bool       `json:"is_verified"`
	OAuthProvider *string    `json:"oauth_provider"`
	CreatedAt     time.Time  `json:"created_at"`
	verifiedAt    *time.Time // email_verified_at
}

func (a *app) me(w http.ResponseWriter, r *http.Request) {
	var c claims
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if _, err := a.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.key, nil }); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	id, _ := strconv.ParseInt(c.Subject, 10, 64)
	var u user
	err := a.current.QueryRowContext(r.Context(), c.Session, id).Scan(&u.ID, &u.Email, &u.Username, &u.Name, &u.AvatarURL,
		&u.IsActive, &u.IsSuperuser, &u.verifiedAt, &u.OAuthProvider, &u.CreatedAt)
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	u.IsVerified = u.verifiedAt != nil
	answer(w, u)
}

func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	var given struct {
		Token string `json:"refresh_token"`
	}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	session, _, _ := strings.Cut(given.Token, ".")
	var id, counter int64
	if err := a.rotate.QueryRowContext(r.Context(), session).Scan(&id, &counter); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer(w, map[string]string{
		"access_token": a.issue(id, session), "refresh_token": fmt.Sprintf("%s.%d", session, counter),
	})
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	var id int64
	var stored string
	err := a.byEmail.QueryRowContext(r.Context(), r.PostFormValue("username")).Scan(&id, &stored)
	if err != nil || !a.matches(stored, r.PostFormValue("password")) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer(w, map[string]string{"access_token": a.issue(id, strings.Repeat("0", 22))})
}

func (a *app) matches(stored, password string) bool {
	a.hashing <- struct{}{}
	defer func() { <-a.hashing }()
	return bcrypt.CompareHashAndPassword([]byte(stored), []byte(password)) == nil
}

func (a *app) issue(id int64, session string) string {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{issuer}, Subject: strconv.FormatInt(id, 10), ID: session,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(30 * time.Minute)),
		},
		Session: session,
	})
	signed, _ := token.SignedString(a.key) // an HMAC has no way to fail
	return signed
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
