package verify

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"fastman/internal/install"
	"fastman/internal/postgres"
)

const (
	// connectPatience is how long a server may take to answer at all, in seconds.
	connectPatience = "10"
	// dropPatience is how long the removal of a database may take.
	dropPatience = 30 * time.Second
)

// postgresServer is a named server, or a cluster of the run's own.
type postgresServer struct {
	address *url.URL // with a database that is there
	scheme  string   // of DATABASE_URL
	version string
	admin   *sql.DB
	cluster *postgres.Cluster // nil: the server is not ours

	lock sync.Mutex
	made []string
}

// postgresScheme keeps the driver that the project names; else it is one that every
// project with a sign-in has.
func postgresScheme(i *install.Installation) string {
	scheme, _, _ := strings.Cut(i.DatabaseURL, "://")
	switch {
	case isPostgres(i.DatabaseURL):
		return scheme
	case i.IsGo():
		return "postgresql"
	}
	return "postgresql+psycopg"
}

// start makes a cluster that only this run knows the password of.
func (s *postgresServer) start(ctx context.Context) error {
	programs, found := postgres.Find()
	if !found {
		return &Unjudged{What: "the project is on PostgreSQL, and there is neither a server's programs (initdb, postgres) on this machine nor a server named",
			Hint: "install PostgreSQL's server, or set " + ServerVariable + "=postgresql://user:password@host/postgres to where a scratch database may be made and dropped; --database=sqlite judges the app on SQLite instead"}
	}
	dir, err := os.MkdirTemp("", "fastman-verify-")
	if err != nil {
		return err
	}
	s.cluster, err = postgres.Start(ctx, dir, programs)
	if err == nil {
		s.address, err = url.Parse(s.cluster.URL("postgres"))
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	what, detail, _ := strings.Cut(err.Error(), "\n")
	return &Unjudged{What: "no PostgreSQL could be started for this: " + what, Detail: detail,
		Hint: "mend that, or name a server that runs: " + ServerVariable + "=postgresql://user:password@host/postgres"}
}

// connect finds out whether the server is there.
func (s *postgresServer) connect(ctx context.Context, a *app) error {
	address := *s.address
	options := address.Query()
	options.Set("connect_timeout", cmp.Or(options.Get("connect_timeout"), connectPatience))
	address.RawQuery = options.Encode()
	s.admin = openDatabase(a.database(address.String()))
	s.admin.SetMaxOpenConns(1) // PostgreSQL copies a template for one at a time
	err := s.admin.QueryRowContext(ctx, "SHOW server_version").Scan(&s.version)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return &Unjudged{What: "PostgreSQL at " + s.address.Host + " takes no connection", Detail: err.Error(),
		Hint: "start it, and let " + ServerVariable + " name its address, a user and the password"}
}

func (s *postgresServer) newDatabase(ctx context.Context) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	name := "fastman_verify_" + strings.ToLower(rand.Text())
	s.lock.Lock()
	s.made = append(s.made, name)
	s.lock.Unlock()
	// Once sent, it is waited for: a server goes on with it when its client is gone.
	if _, err := s.admin.ExecContext(context.WithoutCancel(ctx), "CREATE DATABASE "+name); err != nil {
		return "", &Unjudged{What: "no scratch database could be made at " + s.address.Host, Detail: err.Error(),
			Hint: "let " + ServerVariable + " name a user who may: ALTER USER … CREATEDB"}
	}
	return s.databaseURL(name), nil
}

// databaseURL is a DATABASE_URL as the project's driver takes it: asyncpg knows none of
// libpq's options, and calls sslmode ssl.
func (s *postgresServer) databaseURL(name string) string {
	u := *s.address
	u.Scheme, u.Path, u.RawPath = s.scheme, "/"+name, ""
	if strings.HasSuffix(s.scheme, "+asyncpg") {
		u.RawQuery = ""
		if mode := s.address.Query().Get("sslmode"); mode != "" {
			u.RawQuery = url.Values{"ssl": {mode}}.Encode()
		}
	}
	return u.String()
}

func (s *postgresServer) about() string {
	version, _, _ := strings.Cut(s.version, " ")
	if s.cluster != nil {
		return "PostgreSQL " + version + ", started for this"
	}
	return "PostgreSQL " + version + " at " + s.address.Host
}

// close drops what was made on a server that stays, and ends one that is ours.
func (s *postgresServer) close() (err error) {
	if s.cluster == nil {
		err = s.drop()
	}
	if s.admin != nil {
		err = errors.Join(err, s.admin.Close())
	}
	if s.cluster != nil {
		s.cluster.Stop()
	}
	return err
}

func (s *postgresServer) drop() error {
	ctx, cancel := context.WithTimeout(context.Background(), dropPatience)
	defer cancel()
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, name := range s.made {
		statement := "DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"
		if _, err := s.admin.ExecContext(ctx, statement); err != nil {
			return &Unjudged{What: "a scratch database is left at " + s.address.Host, Detail: err.Error(), Hint: "there, run: " + statement + ";"}
		}
	}
	s.made = nil
	return nil
}
