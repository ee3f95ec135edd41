// fastman: file jwt
package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/joho/godotenv"

	"fastman/templates/goapp/internal/auth"
)

// mustAuth makes the sign-in of this app, and ends the process where newAuth fails.
func mustAuth() *auth.Auth {
	authn, err := newAuth(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return authn
}

// newAuth makes the sign-in of this app: it opens the database that DATABASE_URL
// names, and brings the tables up to date. Settings come from the environment first,
// then from the file .env.
func newAuth(ctx context.Context) (*auth.Auth, error) {
	_ = godotenv.Load() // there need be no such file
	config, err := auth.LoadConfig(os.Getenv)
	if err != nil {
		return nil, err
	}
	db, err := auth.Open(cmp.Or(os.Getenv("DATABASE_URL"), "sqlite:///./app.db"))
	if err != nil {
		return nil, err
	}
	if err := auth.Migrate(ctx, db); err != nil {
		return nil, err
	}
	return auth.New(ctx, config, db, slog.Default())
}
