// Package postgres runs a PostgreSQL server for as long as somebody needs scratch
// databases, and leaves nothing of it.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"fastman/internal/run"
)

const (
	// startPatience is how long a cluster may take to be made, or to take connections.
	startPatience = 90 * time.Second
	// stopPatience is how long what is left after a request to end may run.
	stopPatience = 2 * time.Second
	// connections are for several apps side by side, with a pool each.
	connections = 400
)

// needed are the programs of a server that this package runs.
var needed = []string{"initdb", "postgres", "pg_ctl", "pg_isready", "createdb"}

// places are where distributions and installers put them: Debian, Red Hat, a build from
// source, Homebrew, Postgres.app, and Windows.
var places = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
	"/usr/local/opt/postgresql*/bin", "/opt/homebrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin", `C:\Program Files\PostgreSQL\*\bin`,
}

// Find returns the folder with the server's programs: of PATH, or the newest one of a
// distribution.
func Find() (programs string, found bool) {
	var folders []string
	for _, pattern := range places {
		matches, _ := filepath.Glob(pattern)
		folders = append(folders, matches...)
	}
	if onPath, err := run.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(onPath))
	}
	for _, folder := range slices.Backward(folders) {
		if hasServer(folder) {
			return folder, true
		}
	}
	return "", false
}

func hasServer(folder string) bool {
	return !slices.ContainsFunc(needed, func(name string) bool {
		_, err := os.Stat(filepath.Join(folder, program(name)))
		return err != nil
	})
}

func program(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return name
}

// Cluster is a server on 127.0.0.1 whose one user, postgres, has a random password: other
// users of the machine can reach the port, and a superuser runs programs.
type Cluster struct {
	port     int
	password string
	programs string
	dir      string
	owner    *run.User // who runs what root must not
	server   *run.Process
}

// Start makes a cluster and returns once it takes connections. dir, where the programs
// may stand, is the cluster's from then on: Stop removes it, as does a failure.
func Start(ctx context.Context, dir, programs string) (*Cluster, error) {
	c := &Cluster{password: rand.Text(), programs: programs, dir: dir}
	err := c.initialize(ctx)
	if err == nil {
		err = c.serve(ctx)
	}
	if err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// URL names a database of the cluster.
func (c *Cluster) URL(database string) string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword("postgres", c.password), Host: "127.0.0.1:" + strconv.Itoa(c.port), Path: "/" + database}
	return u.String()
}

// NewDatabase makes an empty database.
func (c *Cluster) NewDatabase(ctx context.Context, name string) error {
	return c.run(ctx, run.Spec{Args: []string{c.program("createdb"), "-h", "127.0.0.1", "-p", strconv.Itoa(c.port), "-U", "postgres", name},
		Env: []string{"PGPASSWORD=" + c.password}})
}

// Stop ends the server, whoever is connected, and removes its folder. Stopping twice is
// fine.
func (c *Cluster) Stop() {
	if c.server != nil {
		// Immediate: nothing of it is kept. What that leaves, Stop ends.
		_ = c.run(context.Background(), run.Spec{Args: []string{c.program("pg_ctl"), "stop", "-m", "immediate", "-D", c.data()}, User: c.owner})
		c.server.Stop(stopPatience)
	}
	_ = os.RemoveAll(c.dir)
}

func (c *Cluster) program(name string) string { return filepath.Join(c.programs, program(name)) }

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) initialize(ctx context.Context) error {
	secret := filepath.Join(c.dir, "password")
	if err := os.WriteFile(secret, []byte(c.password), 0o600); err != nil {
		return err
	}
	var err error
	if c.owner, err = notRoot(c.dir); err != nil {
		return err
	}
	err = c.run(ctx, run.Spec{Args: []string{c.program("initdb"), "-D", c.data(), "-A", "scram-sha-256", "--pwfile=" + secret,
		"-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync"}, User: c.owner})
	return errors.Join(err, os.Remove(secret))
}

// serve starts a server that forgets its data in a crash: it is never looked at again, and
// fsync would be most of what one waits for.
func (c *Cluster) serve(ctx context.Context) (err error) {
	if c.port, err = run.FreePort(); err != nil {
		return err
	}
	c.server, err = run.Start(context.WithoutCancel(ctx), run.Spec{
		Args: []string{c.program("postgres"), "-D", c.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(c.port), "-k", "",
			"-c", "fsync=off", "-c", "max_connections=" + strconv.Itoa(connections)},
		Dir: c.dir, Unset: libpqVariables(), User: c.owner,
	})
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, c.server.Stdout) }()
	return c.await(ctx)
}

// await polls until the server takes connections.
func (c *Cluster) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		err := c.run(ctx, run.Spec{Args: []string{c.program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(c.port)}})
		if err == nil {
			return nil
		}
		select {
		case <-c.server.Done():
			result, err := c.server.Wait()
			return fmt.Errorf("PostgreSQL ended: %w\n%s", err, result.Stderr)
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL takes no connections: %w", err)
		default:
		}
	}
}

// run runs a program of the server's to its end.
func (c *Cluster) run(ctx context.Context, spec run.Spec) error {
	spec.Dir, spec.Unset, spec.Timeout = c.dir, libpqVariables(), startPatience
	res, err := run.Run(ctx, spec)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w\n%s%s", err, res.Stdout, res.Stderr)
}

// libpqVariables are this process's settings for databases of its user.
func libpqVariables() (names []string) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "PG") {
			names = append(names, name)
		}
	}
	return names
}

// notRoot is who runs a server that refuses to be run by root, nil where that is not who
// asks; dir becomes the property of whoever it is.
func notRoot(dir string) (*run.User, error) {
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no other user: %w", err)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
	return &run.User{UID: uint32(uid), GID: uint32(gid)}, err
}
