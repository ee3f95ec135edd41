// fastman: file jwt or oauth or passkey
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

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
// then from the project's file .env.
func newAuth(ctx context.Context) (*auth.Auth, error) {
	root := projectRoot()
	if err := godotenv.Load(filepath.Join(root, ".env")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the file .env is not lines of NAME=value") // err may show what is in it
	}
	config, err := auth.LoadConfig(os.Getenv)
	if err != nil {
		return nil, err
	}
	url := cmp.Or(os.Getenv("DATABASE_URL"), "sqlite:///./app.db")
	db, err := auth.Open(strings.Replace(url, "sqlite:///./", "sqlite:///"+filepath.ToSlash(root)+"/", 1))
	if err != nil {
		return nil, err
	}
	if err := auth.Migrate(ctx, db); err != nil {
		return nil, fmt.Errorf("the database of DATABASE_URL: %w", err)
	}
	return auth.New(ctx, config, db, slog.Default())
}

// projectRoot is the folder of go.mod, from which tests and debuggers run a program
// some levels below. A program that is deployed has none: then it is the working
// directory.
func projectRoot() string {
	here, err := os.Getwd()
	if err != nil {
		return "."
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return here
		}
	}
}
