package main

import (
	"os/exec"
	"path/filepath"
	"strings"

	"fastman/internal/testbed"
)

var fastAPI = stack{
	about: `- **generated app**: ` + "`fastman new --type=jwt`" + `, unchanged, in production settings.
- **bare handler**: ` + "`bench/peers/bare`" + ` verifies the token and reads one row by one Core
  select in one thread hop; a refresh is one update; one hash at a time.
- **fastapi-users**: 15.0.5 as its documentation sets it up, with an async driver.

uvloop and httptools are under all of them.`,
	bounds:   bounds{me: 0.9, mixed: 0.8, refresh: 0.8, peer: 3},
	prepare:  prepareFastAPI,
	versions: pythonVersions,
	migrate:  func(b *bed, d *data) { testbed.Migrate(b, b.app, b.python, d.env) },
	apps:     fastAPIApps,
	hashing:  pythonHashing,
}

// serving makes uvicorn as fast as it gets; all apps run on it alike.
var serving = []string{"uvloop==0.23.0", "httptools==0.9.0"}

func prepareFastAPI(b *bed) {
	b.python = filepath.Join(testbed.Tools(b, append(testbed.Requirements(b), serving...)...), "python")
	b.usersPython = filepath.Join(testbed.Tools(b, append([]string{
		"fastapi-users[sqlalchemy]==15.0.5", "fastapi==0.165.0", "uvicorn==0.54.0", "aiosqlite==0.22.1", "asyncpg==0.32.0",
	}, serving...)...), "python")
	b.generate("fastapi")
}

func pythonVersions(b *bed) string {
	out, err := exec.Command(b.python, "-c", `
import importlib.metadata as m, platform
names = ("fastapi", "sqlalchemy", "uvicorn", "pyjwt", "bcrypt")
print("Python " + platform.python_version() + ", " + ", ".join(f"{n} {m.version(n)}" for n in names))`).Output()
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func fastAPIApps(b *bed, d *data) []*server {
	here := filepath.Join(testbed.Root(b), "bench", "peers")
	bare := map[string]string{"BENCH_KEY": d.keyHex(), "DATABASE_URL": d.url}
	users := map[string]string{"BENCH_KEY": d.keyHex(), "DATABASE_URL": "sqlite+aiosqlite:///" + filepath.Join(b.TempDir(), "users.db")}
	if d.kind == "postgres" {
		bare["DATABASE_URL"] = strings.Replace(d.url, "postgresql:", "postgresql+psycopg:", 1)
		users["DATABASE_URL"] = strings.Replace(b.database(d.kind), "postgresql:", "postgresql+asyncpg:", 1)
	}
	return []*server{
		{name: ours, dir: b.app, command: uvicorn(b.python, "app.main:app"), env: d.env},
		{name: bareName, dir: filepath.Join(here, "bare"), command: uvicorn(b.python, "main:app"), env: bare},
		{name: peerName, dir: filepath.Join(here, "fastapi_users"), command: uvicorn(b.usersPython, "main:app"), env: users, foreign: true},
	}
}

func uvicorn(python, module string) func(port string) []string {
	return func(port string) []string {
		return []string{python, "-m", "uvicorn", module, "--port", port,
			"--no-access-log", "--log-level", "warning", "--loop", "uvloop", "--http", "httptools"}
	}
}

func pythonHashing(b *bed, seconds string) []string {
	return []string{b.python, "-c", `
import bcrypt, sys, time
password = sys.argv[1].encode()
hashed, done, began = bcrypt.hashpw(password, bcrypt.gensalt(10)), 0, time.perf_counter()
while time.perf_counter() - began < float(sys.argv[2]):
    bcrypt.checkpw(password, hashed)
    done += 1
print(done / (time.perf_counter() - began))
`, password, seconds}
}
