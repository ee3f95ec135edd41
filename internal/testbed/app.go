package testbed

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fastman/internal/run"
)

const (
	// startPatience is how long an app may take to answer, or to refuse.
	startPatience = 90 * time.Second
	// buildPatience is how long a build may take that finds nothing in a cache.
	buildPatience = 10 * time.Minute
	// stopPatience is how long an app may finish what it is doing.
	stopPatience = 2 * time.Second
)

// App is an app that a test can start: where it stands, and the command that serves
// it on a port of 127.0.0.1.
type App struct {
	Dir   string
	serve func(port string) []string
	start func(context.Context, run.Spec) (*run.Process, error)
}

// FastAPI is app.main:app of dir under uvicorn.
func FastAPI(dir, python string) App {
	return App{dir, func(port string) []string {
		return []string{python, "-m", "uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", port}
	}, run.Start}
}

// Forked is the app of FastAPI without the time that its libraries take to be imported: it
// is forked from an interpreter that has them, where the system can do that.
func (a App) Forked() App {
	a.start = func(ctx context.Context, s run.Spec) (*run.Process, error) {
		if zygote := zygoteOf(s.Args[0]); zygote != nil {
			return zygote.Start(ctx, s)
		}
		return run.Start(ctx, s)
	}
	return a
}

// zygotes are those of this process, by their interpreter. They end with it.
var zygotes struct {
	sync.Mutex
	of map[string]*run.Zygote
}

func zygoteOf(python string) *run.Zygote {
	zygotes.Lock()
	defer zygotes.Unlock()
	if z, started := zygotes.of[python]; started {
		return z
	}
	z, _ := run.StartZygote(context.Background(), run.Spec{Args: []string{python}, Env: environment(nil), Unset: unset(nil)})
	if zygotes.of == nil {
		zygotes.of = map[string]*run.Zygote{}
	}
	zygotes.of[python] = z
	return z
}

// Binary is a program that takes its port from PORT.
func Binary(dir, path string) App {
	return App{dir, func(string) []string { return []string{path} }, run.Start}
}

// BuildGo builds the Go template, and returns it as an app in a folder of its own.
func BuildGo(t testing.TB) App {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "app.exe") // a name that every system runs
	res, err := run.Run(context.Background(), run.Spec{
		Args: []string{"go", "build", "-o", path, "./templates/goapp"}, Dir: Root(t),
		Env: []string{"CGO_ENABLED=0"}, Timeout: buildPatience,
	})
	if err != nil {
		t.Fatalf("go build ./templates/goapp: %v\n%s%s", err, res.Stdout, res.Stderr)
	}
	return Binary(dir, path)
}

// Server is an app that runs in processes of its own.
type Server struct {
	URL     string
	Pid     int
	output  *collected
	process *run.Process
}

// RefusedError is an app that ended before it answered.
type RefusedError struct {
	Code   int
	Output string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the app ended with status %d before it answered:\n%s", e.Code, e.Output)
}

// Boot starts the app, waits until it answers, and stops it when the test ends. env
// goes on top of the app's own .env; {port} in it is the port of the app.
func (a App) Boot(t testing.TB, env map[string]string) *Server {
	t.Helper()
	server, err := a.Start(context.Background(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Stop()
		if t.Failed() {
			t.Logf("the app's output ends with:\n%s", tail(server.Output(), 60))
		}
	})
	return server
}

// BootFail starts an app that must refuse to start, and returns its last words.
func (a App) BootFail(t testing.TB, env map[string]string) string {
	t.Helper()
	server, err := a.Start(context.Background(), env)
	if err == nil {
		server.Stop()
		t.Fatal("the app starts, and should not")
	}
	refused, ok := err.(*RefusedError)
	if !ok {
		t.Fatal(err)
	}
	return refused.Output
}

// Start is Boot without a test: the caller stops the server. An app that ends before
// it answers is a *RefusedError.
func (a App) Start(ctx context.Context, env map[string]string) (*Server, error) {
	free, err := run.FreePort()
	if err != nil {
		return nil, err
	}
	port := strconv.Itoa(free)
	s := &Server{URL: "http://127.0.0.1:" + port, output: &collected{}}
	s.process, err = a.start(context.WithoutCancel(ctx), run.Spec{
		Args:     a.serve(port),
		Dir:      a.Dir,
		Env:      append(environment(atPort(env, port)), "PORT="+port),
		Unset:    unset(env),
		Progress: s.output,
	})
	if err != nil {
		return nil, err
	}
	s.Pid = s.process.Pid()
	go func() { _, _ = io.Copy(s.output, s.process.Stdout) }()
	if err := s.await(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// await polls until the app answers anything at all, ends, or takes too long.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-s.process.Done():
			result, _ := s.process.Wait()
			return &RefusedError{result.Code, s.Output()}
		case <-ctx.Done():
			return fmt.Errorf("the app does not answer within %v:\n%s", startPatience, s.Output())
		case <-poll.C:
			if answers(ctx, s.URL) {
				return nil
			}
		}
	}
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil
}

// Output is all that the app has written so far.
func (s *Server) Output() string { return s.output.String() }

// Stop ends the app with all its processes. Stopping twice is fine.
func (s *Server) Stop() { s.process.Stop(stopPatience) }

func atPort(env map[string]string, port string) map[string]string {
	all := map[string]string{}
	for name, value := range env {
		all[name] = strings.ReplaceAll(value, "{port}", port)
	}
	return all
}

// environment is what the app gets on top of this process's variables.
func environment(env map[string]string) []string {
	all := []string{"PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"}
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	return all
}

// unset keeps this machine's own settings from deciding what a test sees.
func unset(env map[string]string) []string {
	var names []string
	for _, name := range []string{
		"ENVIRONMENT", "SECRET_KEY", "SECRET_KEY_PREVIOUS", "DATABASE_URL", "BCRYPT_ROUNDS", "AUTH_ISSUER",
		"ACCESS_TOKEN_EXPIRE_MINUTES", "REFRESH_TOKEN_EXPIRE_DAYS", "SESSION_MAX_DAYS", "PASSWORD_MIN_LENGTH",
		"AUTH_PUBLIC_URL", "AUTH_MAIL_URL", "AUTH_TRUSTED_PROXIES", "AUTH_REVEAL_REGISTERED",
		"AUTH_AFTER_LOGIN_URL", "AUTH_APP_REDIRECTS", "AUTH_TRUSTED_ORIGINS", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_LINK_BY_EMAIL",
		"KEYCLOAK_URL", "KEYCLOAK_REALM", "KEYCLOAK_CLIENT_ID", "KEYCLOAK_CLIENT_SECRET", "KEYCLOAK_CA_FILE",
		"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV",
	} {
		if _, given := env[name]; !given {
			names = append(names, name)
		}
	}
	return names
}

// FreePort returns a port of this machine that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := run.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// CopyApp copies the FastAPI template to a folder of the test, without what a run
// of it leaves behind.
func CopyApp(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(Root(t), "templates", "fastapi")
	for _, name := range []string{"app", "alembic"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(source, name))); err != nil {
			t.Fatal(err)
		}
	}
	ini, err := os.ReadFile(filepath.Join(source, "alembic.ini"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "alembic.ini"), ini, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Migrate applies all Alembic revisions of the app in dir.
func Migrate(t testing.TB, dir, python string, env map[string]string) {
	t.Helper()
	res, err := run.Run(context.Background(), run.Spec{
		Args: []string{python, "-m", "alembic", "upgrade", "head"}, Dir: dir,
		Env: environment(env), Unset: unset(env), Timeout: startPatience,
	})
	if err != nil {
		t.Fatalf("alembic upgrade head: %v\n%s%s", err, res.Stdout, res.Stderr)
	}
}

// collected is an output that is read while it grows.
type collected struct {
	mu   sync.Mutex
	text strings.Builder
}

func (c *collected) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *collected) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
