package install_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/plan"
	"fastman/internal/testbed"
)

// jwt is what most tests install: with the packages of the test bed's environment,
// so that no package manager runs.
func jwt(dir string) install.AuthOptions {
	return install.AuthOptions{Common: install.Common{Dir: dir, NoDeps: true}, Types: []feature.Type{feature.JWT},
		Prefix: "/auth", UsersTable: "users"}
}

// unpack writes a project of testdata into a folder of the test, with the test
// bed's environment active.
func unpack(t *testing.T, name string) string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "shop")
	for _, f := range archive.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("VIRTUAL_ENV", filepath.Dir(testbed.Venv(t)))
	return dir
}

func mustInstall(t *testing.T, o install.AuthOptions) *install.Report {
	t.Helper()
	report, err := install.Auth(context.Background(), o)
	if err != nil {
		var f *install.Failure
		if errors.As(err, &f) {
			t.Fatalf("%s\n%s\n%s", f.What, f.Detail, f.Hint)
		}
		t.Fatal(err)
	}
	return report
}

func routes(r *install.Report) string {
	var all []string
	for _, route := range r.Routes {
		all = append(all, route.Method+" "+route.Path)
	}
	return strings.Join(all, ", ")
}

// Each layout is installed into with one command: the app boots, its real URLs are
// printed, the revision is applied, the emitted tests pass, and a second run finds
// nothing to do.
func TestLayouts(t *testing.T) {
	for _, layout := range []struct{ name, entry, root, routes string }{
		{"root_sync", "main.py", ".", routesUnder("/auth")},
		{"app_sync_database", "app/main.py", ".", routesUnder("/auth")},
		{"src_async", "src/main.py", ".", routesUnder("/auth")},
		{"backend_factory_async", "backend/app/main.py", "backend", routesUnder("/auth")},
		{"original", "app/main.py", ".", routesUnder("/api/v1/auth")},
	} {
		t.Run(layout.name, func(t *testing.T) {
			dir := unpack(t, layout.name)
			before := tree(t, dir)
			report := mustInstall(t, jwt(dir))
			if report.Entry != layout.entry || routes(report) != layout.routes {
				t.Errorf("entry %s, routes %s", report.Entry, routes(report))
			}
			if len(report.Left) > 0 {
				t.Errorf("left: %v", report.Left)
			}
			if report.Migration == nil || !report.Migration.Applied {
				t.Errorf("migration: %+v", report.Migration)
			}
			runTests(t, filepath.Join(dir, layout.root))
			again := mustInstall(t, jwt(dir))
			if again.Status != install.StatusNothing {
				t.Errorf("second run: %s %v", again.Status, again.Files)
			}
			for path := range before {
				if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
					t.Errorf("%s is gone", path)
				}
			}
		})
	}
}

func routesUnder(prefix string) string {
	routes := []string{
		"GET /me", "POST /refresh", "POST /register", "POST /login", "POST /password/change", "POST /password/set",
		"POST /password/forgot", "POST /password/reset", "POST /logout", "GET /sessions", "DELETE /sessions",
		"DELETE /sessions/{session_id}", "POST /verify/request", "POST /verify",
	}
	for i, route := range routes {
		routes[i] = strings.Replace(route, " ", " "+prefix, 1)
	}
	return strings.Join(routes, ", ")
}

func runTests(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(testbed.Venv(t), "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the emitted tests fail in %s: %v\n%s", dir, err, out)
	}
}

// What a user typed stays: comments, quotes, a key that is there; and nothing that
// is no SECRET_KEY is taken for one.
func TestEnvFilesKeepTheirBytes(t *testing.T) {
	dir := unpack(t, "root_sync")
	own := "# SECRET_KEY=remark\r\nAWS_SECRET_KEY=x\r\nexport ENVIRONMENT='staging' # mine"
	write(t, dir, ".env.staging", own)
	mustInstall(t, jwt(dir))
	got := read(t, dir, ".env.staging")
	if !strings.HasPrefix(got, own) || strings.Count(got, "\nSECRET_KEY=") != 1 {
		t.Errorf("got %q", got)
	}
	keys := map[string]bool{}
	for _, file := range []string{".env", ".env.staging"} {
		_, after, _ := strings.Cut(read(t, dir, file), "\nSECRET_KEY=")
		key, _, _ := strings.Cut(strings.ReplaceAll(after, "\r", ""), "\n")
		if len(key) != 64 || keys[key] {
			t.Errorf("%s: the key has %d characters, or is another file's too", file, len(key))
		}
		keys[key] = true
	}
}

// A dry run says what would happen and touches nothing, and shows no secret.
func TestDryRunTouchesNothing(t *testing.T) {
	dir := unpack(t, "app_sync_database")
	before := tree(t, dir)
	o := jwt(dir)
	o.Diff = true
	report := mustInstall(t, o)
	if report.Status != install.StatusDryRun || !strings.Contains(report.Diff, "+++ b/app/main.py") {
		t.Errorf("status %s, diff of %d bytes", report.Status, len(report.Diff))
	}
	for line := range strings.Lines(report.Diff) {
		if value, found := strings.CutPrefix(line, "+SECRET_KEY="); found && strings.Trim(value, "*\n") != "" {
			t.Errorf("a secret is shown: %d characters", len(value))
		}
	}
	same(t, before, tree(t, dir))
}

// Each thing that stands in the way is refused with its name, and leaves the
// project as it was.
func TestRefusalsChangeNothing(t *testing.T) {
	for _, c := range []struct {
		name, want string
		spoil      func(t *testing.T, dir string)
	}{
		{"auth is there", "app/features/auth: is there already", func(t *testing.T, dir string) { write(t, dir, "app/features/auth/router.py", "x = 1\n") }},
		{"users table", `app/models.py:3: a table "users" with other columns`, func(t *testing.T, dir string) {
			write(t, dir, "app/models.py", "from app.database import Base\n\nclass Person(Base):\n    __tablename__ = \"users\"\n")
		}},
		{"syntax error", "app/main.py:1: ", func(t *testing.T, dir string) {
			write(t, dir, "app/main.py", "from fastapi import FastAPI; app = FastAPI(\n")
		}},
		{"read-only file", "app/main.py", func(t *testing.T, dir string) { chmod(t, dir, "app/main.py", 0o444) }},
		{"corrupt manifest", ".fastman/auth.json: not valid", func(t *testing.T, dir string) { write(t, dir, ".fastman/auth.json", "{") }},
		{"newer manifest", "newer fastman (9.9)", func(t *testing.T, dir string) {
			write(t, dir, ".fastman/auth.json", `{"format": 99, "version": "9.9"}`)
		}},
		{"old package", `"sqlalchemy==1.4.0"`, func(t *testing.T, dir string) { write(t, dir, "requirements.txt", "fastapi\nsqlalchemy==1.4.0\n") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := unpack(t, "app_sync_database")
			c.spoil(t, dir)
			before := tree(t, dir)
			_, err := install.Auth(context.Background(), jwt(dir))
			var f *install.Failure
			if !errors.As(err, &f) || !strings.Contains(f.What, c.want) || f.Hint == "" || f.Untouched == "" {
				t.Errorf("got %+v, want %q", err, c.want)
			}
			same(t, before, tree(t, dir))
		})
	}
}

// Another name for the table makes room beside the project's own users.
func TestUsersTable(t *testing.T) {
	dir := unpack(t, "app_sync_database")
	write(t, dir, "app/models.py", "from sqlalchemy import Column, Integer\n\nfrom app.database import Base\n\n\nclass User(Base):\n    __tablename__ = \"users\"\n    id = Column(Integer, primary_key=True)\n")
	o := jwt(dir)
	o.UsersTable = "accounts"
	report := mustInstall(t, o)
	if !report.Migration.Applied || len(report.Left) > 0 {
		t.Errorf("%+v", report)
	}
	runTests(t, dir)
}

// An app that no longer imports with the new code gets every file back.
func TestBootFailureUndoesEverything(t *testing.T) {
	dir := unpack(t, "app_sync_database")
	write(t, dir, "app/features/__init__.py", "raise SystemError(\"nobody may import features\")\n")
	before := tree(t, dir)
	_, err := install.Auth(context.Background(), jwt(dir))
	var f *install.Failure
	if !errors.As(err, &f) || !strings.Contains(f.Detail, "nobody may import features") {
		t.Fatalf("got %v", err)
	}
	same(t, before, tree(t, dir))
}

// Routes that the app has already are not shadowed: the files come back, and
// another path makes room.
func TestRoutesThatAreTaken(t *testing.T) {
	dir := unpack(t, "app_sync_database")
	write(t, dir, "app/items.py", "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n@router.get(\"/auth/me\")\ndef mine() -> str:\n    return \"mine\"\n")
	before := tree(t, dir)
	_, err := install.Auth(context.Background(), jwt(dir))
	if err == nil || !strings.Contains(err.Error(), "GET /auth/me is a route of this app already") {
		t.Fatalf("got %v", err)
	}
	same(t, before, tree(t, dir))
	o := jwt(dir)
	o.Prefix = "/account"
	if got := routes(mustInstall(t, o)); got != routesUnder("/account") {
		t.Errorf("routes %s", got)
	}
	runTests(t, dir)
}

// An app that did not import before is not blamed on the new code.
func TestAppThatWasBrokenBefore(t *testing.T) {
	dir := unpack(t, "app_sync_database")
	write(t, dir, "app/main.py", "import nowhere_to_be_found\n"+read(t, dir, "app/main.py"))
	report := mustInstall(t, jwt(dir))
	if report.Status != install.StatusLeft || !strings.Contains(read(t, dir, "app/main.py"), "auth_router") {
		t.Errorf("status %s", report.Status)
	}
}

// Ctrl-C while the app is being checked gives every file back.
func TestInterrupted(t *testing.T) {
	dir := unpack(t, "app_sync_database")
	before := tree(t, dir)
	ctx, stop := context.WithCancel(context.Background())
	o := jwt(dir)
	o.Progress = func(line string) {
		if strings.HasPrefix(line, "starting the app") {
			stop()
		}
	}
	if _, err := install.Auth(ctx, o); err == nil {
		t.Error("an interrupted run ended well")
	}
	same(t, before, tree(t, dir))
}

// The second of two runs at once says so and changes nothing.
func TestTwoRunsAtOnce(t *testing.T) {
	dir := unpack(t, "app_sync_database")
	before := tree(t, dir)
	held, err := plan.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = install.Auth(context.Background(), jwt(dir))
	if err == nil || !strings.Contains(err.Error(), "another fastman is at work here") {
		t.Errorf("got %v", err)
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	same(t, before, tree(t, dir))
}

// A run that is killed between two writes is finished or undone by the next one.
func TestNextRunAfterAKill(t *testing.T) {
	dir := unpack(t, "app_sync_database")
	points := 0
	plan.Fault = func(string) error { points++; return nil }
	o := jwt(dir)
	o.NoBoot = true
	mustInstall(t, o)
	plan.Fault = nil
	for stop := 1; stop <= points; stop += max(points/12, 1) {
		dir := unpack(t, "app_sync_database")
		killAt(dir, stop)
		report := mustInstall(t, jwt(dir))
		if report.Status != install.StatusDone && report.Status != install.StatusNothing {
			t.Errorf("killed at %d of %d: %s %v", stop, points, report.Status, report.Left)
		}
		if !strings.Contains(read(t, dir, "app/main.py"), "include_router(auth_router)") {
			t.Errorf("killed at %d of %d: not wired", stop, points)
		}
		for _, path := range keysOf(tree(t, dir)) {
			if strings.HasSuffix(path, ".tmp") || strings.HasPrefix(path, ".fastman/tmp") {
				t.Errorf("killed at %d of %d: %s is left", stop, points, path)
			}
		}
	}
}

// killAt ends an install at its nth step of writing, as if the process was killed:
// nothing is tidied up.
func killAt(dir string, n int) {
	defer func() { plan.Fault = nil; _ = recover() }()
	plan.Fault = func(string) error {
		if n--; n == 0 {
			panic("killed")
		}
		return nil
	}
	o := jwt(dir)
	o.NoBoot = true
	_, _ = install.Auth(context.Background(), o)
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "__pycache__") {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	for path, content := range after {
		if old, there := before[path]; !there || old != content {
			t.Errorf("%s was changed or made", path)
		}
	}
	for path := range before {
		if _, there := after[path]; !there {
			t.Errorf("%s is gone", path)
		}
	}
}

func keysOf(m map[string]string) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func chmod(t *testing.T, dir, name string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(dir, filepath.FromSlash(name)), mode); err != nil {
		t.Fatal(err)
	}
}
