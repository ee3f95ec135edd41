// Package auth is a stand-in until the real one is merged.
package auth

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	_ "modernc.org/sqlite"
)

type Config struct{ Environment, Prefix, SecretKey string }

func LoadConfig(getenv func(string) string) (Config, error) {
	cfg := Config{Prefix: "/auth", SecretKey: getenv("SECRET_KEY")}
	if cfg.SecretKey == "" {
		return cfg, errors.New("SECRET_KEY is not set\nrun: fastman generate:key")
	}
	return cfg, nil
}

func Open(databaseURL string) (*sql.DB, error) {
	return sql.Open("sqlite", strings.TrimPrefix(databaseURL, "sqlite:///"))
}

func Migrate(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY)")
	return err
}

type Auth struct {
	cfg Config
	db  *sql.DB
}

func New(ctx context.Context, cfg Config, db *sql.DB, log *slog.Logger) (*Auth, error) {
	cfg.Prefix = cmp.Or(cfg.Prefix, "/auth")
	return &Auth{cfg, db}, nil
}

func (a *Auth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == a.cfg.Prefix+"/me" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.NotFound(w, r)
}

func (a *Auth) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, a.cfg.Prefix+"/") {
			a.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *Auth) Close() {}

var endpoints = map[string]map[string]bool{
	"/me":       {http.MethodGet: true},
	"/login":    {http.MethodPost: true},
	"/register": {http.MethodPost: true},
}
