package verify_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/tools/txtar"

	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/run"
	"fastman/internal/testbed"
	"fastman/internal/verify"
	"fastman/templates"
)

// A project on PostgreSQL is judged on PostgreSQL, on one that is started for it; what it
// holds of its own is not asked.
func TestProjectOnPostgresHolds(t *testing.T) {
	testbed.OfferPostgres(t)
	only := "^(register|storage|outage|purge)/"
	if os.Getenv("TEST_ALL") != "" {
		only = ""
	}
	for _, stack := range []string{"fastapi", "go"} {
		t.Run(stack, func(t *testing.T) {
			dir := newProject(t, stack)
			onDatabase(t, dir, "postgresql://nobody:nothing@192.0.2.1:5432/mine")
			report := judged(t, dir, only)
			if report.Status != verify.StatusHeld || !strings.HasPrefix(report.Database, "PostgreSQL 1") {
				t.Errorf("%s on %s", report.Status, report.Database)
			}
			for _, c := range report.Cases {
				if c.Outcome == verify.Failed || c.Outcome == verify.NotJudged {
					t.Errorf("%s: %s", c.Name, c.Detail)
				}
			}
			t.Logf("%s: %+v, %.0f s", report.Database, report.Counts, report.Seconds)
		})
	}
}

// secretWord needs another form in a URL, and stands in no other text.
const secretWord = "Zaunk\u00f6nig/7@x"

// A server that is named keeps all that it had, and gets nothing that stays; its password
// is in no report and in nobody's list of processes.
func TestNamedServerIsLeftAsItWas(t *testing.T) {
	server := namedServer(t, "LOGIN CREATEDB")
	mine := server.NewDatabase(t)
	change(t, mine, "CREATE TABLE users (name text)", "INSERT INTO users VALUES ('me')")
	before := databases(t, server)
	for _, stack := range []string{"fastapi", "go"} {
		dir := newProject(t, stack)
		report, err := verify.Run(t.Context(), verify.Options{Only: "^(register|server)/", Common: install.Common{Dir: dir, Templates: templates.Builtin(),
			Progress: func(string) { noProcessSays(t, secretWord) }}})
		if err != nil || report.Status != verify.StatusHeld {
			t.Fatalf("%v %+v", err, report)
		}
		if u, _ := url.Parse(mine); !strings.HasSuffix(report.Database, " at "+u.Host) {
			t.Errorf("the report says %q", report.Database)
		}
		text, _ := json.Marshal(report)
		for what, text := range map[string][]byte{"JSON": text, "HTML": report.HTML(), "JUnit": report.JUnit()} {
			if hasSecret(string(text)) {
				t.Errorf("the password is in the %s of %s", what, stack)
			}
			if !strings.Contains(string(text), report.Database) {
				t.Errorf("the database is not in the %s of %s", what, stack)
			}
		}
	}
	if now := databases(t, server); !slices.Equal(now, before) {
		t.Errorf("the server had %v and has %v", before, now)
	}
	change(t, mine, "UPDATE users SET name = 'me' WHERE name = 'me'")
}

// An app that prints its settings prints no password of a named server into a report.
func TestPrintedPasswordIsMasked(t *testing.T) {
	server := namedServer(t, "LOGIN CREATEDB")
	dir := newProject(t, "go")
	main := filepath.Join(dir, "main.go")
	src, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	write(t, main, []byte(strings.Replace(string(src), "func main() {", "func main() {\n\tpanic(os.Getenv(\"DATABASE_URL\"))", 1)))
	_, err = verify.Run(t.Context(), verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}})
	var unjudged *verify.Unjudged
	if !errors.As(err, &unjudged) || !strings.Contains(unjudged.Detail, "postgresql://judge:***@127.0.0.1:") {
		t.Errorf("%v %+v", err, unjudged)
	}
	if all := databases(t, server); slices.ContainsFunc(all, isScratch) {
		t.Errorf("left: %v", all)
	}
}

// A server that is down, does not know the user, or lets him make nothing is said, and
// nothing is said about the app.
func TestServerThatRefuses(t *testing.T) {
	dir := newProject(t, "fastapi")
	server := namedServer(t, "LOGIN")
	port, err := run.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	right := os.Getenv(verify.ServerVariable)
	const noAddress, example = "is not the address of a PostgreSQL server", "as in: postgresql://user:password@"
	for what, c := range map[string]struct{ url, want, hint string }{
		"down":          {fmt.Sprintf("postgresql://judge:secret-of-mine@127.0.0.1:%d", port), "takes no connection", "start it"},
		"refused":       {strings.Replace(right, "judge:", "judge:secret-of-mine", 1), "takes no connection", "a user and the password"},
		"may not":       {right, "no scratch database could be made", "CREATEDB"},
		"another kind":  {"mysql://judge:secret-of-mine@127.0.0.1", noAddress, example},
		"no address":    {"postgresql://judge:secret-of-mine@:x", noAddress, example},
		"without place": {"postgresql:///mine", noAddress, example},
	} {
		t.Setenv(verify.ServerVariable, c.url)
		_, err := verify.Run(t.Context(), verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}, Only: "^register/"})
		text := told(err)
		if !strings.Contains(text, c.want) || !strings.Contains(text, c.hint) || hasSecret(text) || strings.Contains(text, "secret-of-mine") {
			t.Errorf("%s: %s", what, text)
		}
	}
	if all := databases(t, server); slices.ContainsFunc(all, isScratch) {
		t.Errorf("left: %v", all)
	}
}

// A server that takes connections and says nothing is waited for no longer than one likes.
func TestSilentServerCanBeLeft(t *testing.T) {
	dir := newProject(t, "fastapi")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = listener.Accept()
		cancel()
	}()
	t.Setenv(verify.ServerVariable, "postgresql://judge@"+listener.Addr().String()+"/?connect_timeout=3600")
	_, err = verify.Run(ctx, verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}, Only: "^register/"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%s", told(err))
	}
}

// Whoever stops a verification finds no database and no server of it left.
func TestInterruptedLeavesNoDatabase(t *testing.T) {
	testbed.OfferPostgres(t)
	dir := newProject(t, "go")
	for _, named := range []bool{false, true} {
		server := testbed.StartPostgres(t)
		if named {
			server = namedServer(t, "LOGIN CREATEDB")
		}
		temporary := reachable(t)
		t.Setenv("TMPDIR", temporary)
		for _, at := range []string{"making a scratch database", "starting the app", "cases"} {
			ctx, cancel := context.WithCancel(t.Context())
			progress := func(line string) {
				if strings.Contains(line, at) {
					cancel()
				}
			}
			_, err := verify.Run(ctx, verify.Options{Database: "postgresql", Only: "^token/", Common: install.Common{Dir: dir, Templates: templates.Builtin(), Progress: progress}})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("stopped at %q: %v", at, err)
			}
			if left, _ := os.ReadDir(temporary); len(left) > 0 {
				t.Errorf("stopped at %q: %v is left", at, left)
			}
			noProcessSays(t, temporary)
			if all := databases(t, server); slices.ContainsFunc(all, isScratch) {
				t.Errorf("stopped at %q: left: %v", at, all)
			}
		}
	}
}

// A kind that is asked for counts more than what the project is on.
func TestDatabaseThatIsAskedFor(t *testing.T) {
	dir := newProject(t, "go")
	onDatabase(t, dir, "postgresql://nobody:nothing@192.0.2.1:5432/mine")
	report, err := verify.Run(t.Context(), verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}, Only: "^server/", Database: "sqlite"})
	if err != nil || report.Database != "SQLite" {
		t.Errorf("%v %+v", err, report)
	}
	_, err = verify.Run(t.Context(), verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}, Database: "postgresql://judge:secret-of-mine@127.0.0.1"})
	var usage *install.Usage
	if !errors.As(err, &usage) || strings.Contains(told(err), "secret-of-mine") {
		t.Errorf("a server on the command line: %v", err)
	}
}

// reachable is a folder that other users may pass through: PostgreSQL does not run as root.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fastman-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// told is all that a user sees of an error.
func told(err error) string {
	var unjudged *verify.Unjudged
	var usage *install.Usage
	switch {
	case errors.As(err, &unjudged):
		return strings.Join([]string{unjudged.What, unjudged.Detail, unjudged.Hint}, "\n")
	case errors.As(err, &usage):
		return usage.What + "\n" + usage.Hint
	}
	return fmt.Sprint(err)
}

// onDatabase lets the project's env file name another database.
func onDatabase(t *testing.T, dir, url string) {
	t.Helper()
	env := filepath.Join(dir, ".env")
	src, err := os.ReadFile(env)
	if err != nil {
		t.Fatal(err)
	}
	write(t, env, []byte(strings.Replace(string(src), "sqlite:///./app.db", url, 1)))
}

// namedServer is a server where a user has certain rights, and the variable that names it.
func namedServer(t *testing.T, rights string) testbed.Postgres {
	t.Helper()
	server := testbed.StartPostgres(t)
	u, err := url.Parse(server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	change(t, u.String(), "DROP ROLE IF EXISTS judge", "CREATE ROLE judge "+rights+" PASSWORD '"+secretWord+"'")
	u.User = url.UserPassword("judge", secretWord)
	t.Setenv(verify.ServerVariable, u.String())
	return server
}

func change(t *testing.T, database string, statements ...string) {
	t.Helper()
	db := connect(t, database)
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

func databases(t *testing.T, server testbed.Postgres) (names []string) {
	t.Helper()
	rows, err := connect(t, server.URL("postgres")).Query("SELECT datname FROM pg_database ORDER BY datname")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

func connect(t *testing.T, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func isScratch(name string) bool { return strings.HasPrefix(name, "fastman_verify_") }

func hasSecret(text string) bool {
	return strings.Contains(text, secretWord) || strings.Contains(text, url.QueryEscape(secretWord)) ||
		strings.Contains(text, strings.TrimPrefix(url.UserPassword("", secretWord).String(), ":"))
}

// noProcessSays looks at the arguments of all that runs, where the system shows them.
func noProcessSays(t *testing.T, text string) {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if args, err := os.ReadFile(file); err == nil && (strings.Contains(string(args), text) || text == secretWord && hasSecret(string(args))) {
			t.Errorf("%q", args)
		}
	}
}

// A project that only PostgreSQL can serve, with a driver of its own, is judged as it is.
func TestAsyncProjectOnPostgresHolds(t *testing.T) {
	testbed.OfferPostgres(t)
	dir := t.TempDir()
	archive, err := txtar.ParseFile("testdata/async_postgres.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files, err := txtar.FS(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	python := testbed.Tools(t, append(testbed.Requirements(t), "asyncpg==0.32.0")...)
	t.Setenv("VIRTUAL_ENV", filepath.Dir(python))
	_, err = install.Auth(t.Context(), install.AuthOptions{Common: install.Common{Dir: dir, NoDeps: true, Yes: true, Templates: templates.Builtin()},
		Types: []feature.Type{feature.JWT}, Prefix: "/auth", UsersTable: "users"})
	if err != nil {
		t.Fatalf("%v %+v", err, err)
	}
	report := judged(t, dir, "^(register|server|storage)/")
	if report.Status != verify.StatusHeld || !strings.HasPrefix(report.Database, "PostgreSQL ") {
		t.Errorf("%s on %s: %+v", report.Status, report.Database, report.Cases)
	}
}
