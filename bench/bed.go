package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/testbed"
)

// bed is where the apps of a benchmark stand. The testbed wants a test; this one
// ends the program where a test would fail.
type bed struct {
	testing.TB
	dir     string
	cleanup []func()

	app         string // the generated project
	python      string // runs it and the bare handler
	usersPython string // runs fastapi-users, which needs an older SQLAlchemy
	postgres    *testbed.Postgres
}

func (b *bed) Helper()          {}
func (b *bed) Cleanup(f func()) { b.cleanup = append(b.cleanup, f) }
func (b *bed) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"bench:"}, args...)...)
	b.close()
	os.Exit(1)
}
func (b *bed) Fatalf(format string, args ...any) { b.Fatal(fmt.Sprintf(format, args...)) }

func (b *bed) Logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

func (b *bed) TempDir() string {
	dir, err := os.MkdirTemp(b.dir, "")
	if err != nil {
		b.Fatal(err)
	}
	return dir
}

func (b *bed) close() {
	for i := len(b.cleanup) - 1; i >= 0; i-- {
		b.cleanup[i]()
	}
	b.cleanup = nil
}

func newBed() *bed {
	b := &bed{}
	dir, err := os.MkdirTemp("", "fastman-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.dir = dir
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return b
}

// generate makes a project as a user would.
func (b *bed) generate(stack string) {
	_, err := install.New(context.Background(), install.NewOptions{
		Common: install.Common{Dir: b.dir, NoDeps: stack == "fastapi", NoBoot: true, Yes: true},
		Name:   "shop", Stack: stack, Set: feature.NewSet(feature.JWT),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.app = filepath.Join(b.dir, "shop")
}

// database makes an empty one and returns its URL.
func (b *bed) database(kind string) string {
	if kind == "sqlite" {
		return "sqlite:///" + filepath.Join(b.TempDir(), "app.db")
	}
	if b.postgres == nil {
		started := testbed.StartPostgres(b)
		b.postgres = &started
	}
	return b.postgres.NewDatabase(b)
}

// patience is how long anything may take to start.
const patience = 30 * time.Second
