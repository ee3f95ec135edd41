package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"

	"fastman/conformance"
	"fastman/internal/install"
)

// ServerVariable names a PostgreSQL server that scratch databases may be made on. It is a
// variable and no flag, because everybody on a machine can read the arguments of a command.
const ServerVariable = "FASTMAN_VERIFY_DATABASE"

// scratchServer makes empty databases for one run, and takes them away again.
type scratchServer interface {
	newDatabase(ctx context.Context) (url string, err error) // as DATABASE_URL
	about() string                                           // for the report
	close() error
}

// chosen is the kind of database that a run is on, and the server where one was named.
type chosen struct {
	dialect conformance.Dialect
	server  *url.URL // nil: one is started, or there is none
}

// choose takes what was asked for, or what the project is on.
func choose(o Options, i *install.Installation) (c chosen, err error) {
	if c.server, err = namedServer(os.Getenv(ServerVariable)); err != nil {
		return c, err
	}
	kinds := map[string]conformance.Dialect{"sqlite": conformance.SQLite, "postgresql": conformance.Postgres}
	asked, known := kinds[o.Database]
	switch {
	case known:
		c.dialect = asked
	case o.Database != "":
		return c, &install.Usage{What: "--database takes sqlite or postgresql",
			Hint: "a server is named where nobody else can read its password: " + ServerVariable + "=postgresql://user:password@host/postgres"}
	case c.server != nil || isPostgres(i.DatabaseURL):
		c.dialect = conformance.Postgres
	default:
		c.dialect = conformance.SQLite
	}
	return c, nil
}

// namedServer reads the variable, and never repeats what it holds.
func namedServer(value string) (*url.URL, error) {
	if value == "" {
		return nil, nil
	}
	u, err := url.Parse(libpqURL(value))
	if err != nil || !isPostgres(value) || u.Hostname() == "" {
		return nil, &install.Usage{What: ServerVariable + " is not the address of a PostgreSQL server", Hint: "as in: postgresql://user:password@127.0.0.1:5432/postgres"}
	}
	u.Host = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "5432"))
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/postgres"
	}
	return u, nil
}

func isPostgres(databaseURL string) bool {
	scheme, _, found := strings.Cut(databaseURL, "://")
	backend, _, _ := strings.Cut(scheme, "+")
	return found && (backend == "postgres" || backend == "postgresql")
}

// libpqURL is a DATABASE_URL as psycopg and pgx take it. One of SQLite stays as it is.
func libpqURL(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil || !isPostgres(databaseURL) {
		return databaseURL
	}
	u.Scheme = "postgresql"
	u.RawQuery = strings.Replace(u.RawQuery, "ssl=", "sslmode=", 1)
	return u.String()
}

// open returns what makes the databases of a run. The app has been built.
func (c chosen) open(ctx context.Context, a *app) (scratchServer, error) {
	if c.dialect == conformance.SQLite {
		return &sqliteFiles{dir: a.scratch, async: a.Async}, nil
	}
	s := &postgresServer{address: c.server, scheme: postgresScheme(a.Installation)}
	if s.address == nil {
		if err := s.start(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.connect(ctx, a); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// hideIn takes the password of a named server out of what an app may have printed.
func (c chosen) hideIn(report *Report, err error) {
	secret := c.password()
	if secret == nil {
		return
	}
	for i := range report.Cases {
		report.Cases[i].Detail = secret.ReplaceAllLiteralString(report.Cases[i].Detail, "***")
	}
	var u *Unjudged
	if errors.As(err, &u) {
		u.What, u.Detail = secret.ReplaceAllLiteralString(u.What, "***"), secret.ReplaceAllLiteralString(u.Detail, "***")
	}
}

// password is the named server's, plain and as URLs have it; not where it is a part of
// another word: many a scratch server's is "postgres".
func (c chosen) password() *regexp.Regexp {
	if c.server == nil {
		return nil
	}
	plain, _ := c.server.User.Password()
	if plain == "" {
		return nil
	}
	escaped := strings.TrimPrefix(url.UserPassword("", plain).String(), ":")
	return regexp.MustCompile(word(plain) + "|" + word(escaped) + "|" + word(url.QueryEscape(plain)))
}

var letter = regexp.MustCompile(`^\w$`)

func word(text string) string {
	expression := regexp.QuoteMeta(text)
	if letter.MatchString(text[:1]) {
		expression = `\b` + expression
	}
	if letter.MatchString(text[len(text)-1:]) {
		expression += `\b`
	}
	return expression
}

// sqliteFiles are in the run's folder, and go with it.
type sqliteFiles struct {
	dir   string
	async bool
	made  atomic.Int64
}

func (s *sqliteFiles) newDatabase(context.Context) (string, error) {
	scheme := "sqlite"
	if s.async {
		scheme = "sqlite+aiosqlite"
	}
	file := filepath.Join(s.dir, fmt.Sprintf("scratch%d.db", s.made.Add(1)))
	return scheme + ":///" + filepath.ToSlash(file), nil
}

func (s *sqliteFiles) about() string { return "SQLite" }
func (s *sqliteFiles) close() error  { return nil }
