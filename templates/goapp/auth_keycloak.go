// fastman: file keycloak only

//go:build fastman

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

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

// newAuth makes the sign-in of this app. Settings come from the environment first, then
// from the project's file .env.
func newAuth(ctx context.Context) (*auth.Auth, error) {
	if err := godotenv.Load(filepath.Join(projectRoot(), ".env")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the file .env is not lines of NAME=value") // err may show what is in it
	}
	config, err := auth.LoadConfig(os.Getenv)
	if err != nil {
		return nil, err
	}
	return auth.New(ctx, config, slog.Default())
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
