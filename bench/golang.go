package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"fastman/internal/testbed"
)

var golang = stack{
	about: `- **generated app**: ` + "`fastman new --stack=go --type=jwt`" + `, unchanged, in production settings.
  Its main.go raises GOMAXPROCS by one; in a program of your own that line is yours to add.
- **bare handler**: ` + "`bench/peers/barego`" + `, net/http, verifies the token and reads user and
  session in one prepared statement; a refresh is one update; one hash at a time; GOMAXPROCS
  as Go sets it.

Clients refresh the same sessions again and again. The first refresh of a session at a
replica is two statements, each later one is one: a replica remembers up to 4,096 sessions.

The users who are asked for are as many in a large database as in a small one, and spread
over all of it: their rows are on some 3,000 pages of SQLite where there are a million
users, and on some 100 where there are no others.`,
	bounds:   bounds{me: 0.85, mixed: 0.8, refresh: 0.8, memory: 30, start: 100},
	prepare:  prepareGo,
	versions: func(*bed) string { return runtime.Version() },
	migrate:  migrateGo,
	apps:     goApps,
	hashing: func(b *bed, seconds string) []string {
		return []string{b.binary("barego"), "-hash", password, "-seconds", seconds}
	},
}

func prepareGo(b *bed) {
	b.generate("go")
	b.build(b.app, ".", "shop")
	b.build(testbed.Root(b), "./bench/peers/barego", "barego")
}

// build compiles a program as it would be shipped.
func (b *bed) build(dir, pkg, name string) {
	cmd := exec.Command("go", "build", "-trimpath", "-o", b.binary(name), pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
}

func (b *bed) binary(name string) string { return filepath.Join(b.dir, name+".bin") }

// migrateGo lets the app bring the tables up to date, as it does at each start.
func migrateGo(b *bed, d *data) { b.run(goApps(b, d)[0], func() {}, func() {}) }

func goApps(b *bed, d *data) []*server {
	command := func(name string) func(string) []string {
		return func(string) []string { return []string{b.binary(name)} }
	}
	bare := map[string]string{"BENCH_KEY": d.keyHex(), "DATABASE_URL": strings.TrimPrefix(d.url, "sqlite:///")}
	return []*server{
		{name: ours, dir: b.app, command: command("shop"), env: d.env},
		{name: bareName, dir: b.dir, command: command("barego"), env: bare},
	}
}
