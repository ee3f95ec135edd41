package verify_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fastman/internal/install"
	"fastman/internal/verify"
	"fastman/templates"
)

// A new FastAPI project keeps what it promises, whatever its env file says; what runs on
// its own data stays as it was.
func TestNewFastAPIProjectHolds(t *testing.T) {
	dir := newProject(t, "fastapi")
	mine := filepath.Join(t.TempDir(), "mine.db")
	env := filepath.Join(dir, ".env")
	src, err := os.ReadFile(env)
	if err != nil {
		t.Fatal(err)
	}
	write(t, env, []byte(strings.Replace(string(src), "sqlite:///./app.db", "sqlite:///"+mine, 1)+"AUTH_TRUSTED_PROXIES=0.0.0.0/0\nPASSWORD_MIN_LENGTH=20\n"))
	report := judged(t, dir, "^(register|storage|forged|server)/")
	if report.Status != verify.StatusHeld || report.Counts.Held < 20 {
		t.Errorf("%s, %+v", report.Status, report.Counts)
		for _, c := range report.Cases {
			if c.Outcome == verify.Failed {
				t.Errorf("%s: %s", c.Name, c.Detail)
			}
		}
	}
	if _, err := os.Stat(mine); err == nil {
		t.Error("the project's own database was made")
	}
	for _, name := range []string{"app.db", "__pycache__", "app/__pycache__"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was left behind", name)
		}
	}
}

// Whoever stops a verification finds nothing of it left, whatever it was at.
func TestInterruptedLeavesNothing(t *testing.T) {
	for _, stack := range stacks {
		t.Run(stack, func(t *testing.T) {
			dir := newProject(t, stack)
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			for _, at := range []string{"making a scratch database", "starting the app", "cases", "held"} {
				ctx, cancel := context.WithCancel(t.Context())
				progress := func(line string) {
					if strings.Contains(line, at) {
						cancel()
					}
				}
				_, err := verify.Run(ctx, verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin(), Progress: progress}, Only: "^(token|jws|keys|refresh|sessions)/"})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("stopped at %q: %v", at, err)
				}
				if left, _ := os.ReadDir(temporary); len(left) > 0 {
					t.Errorf("stopped at %q: %v is left", at, left)
				}
				if left := processesWith("TMPDIR=" + temporary); len(left) > 0 {
					t.Errorf("stopped at %q: %v still run", at, left)
				}
			}
		})
	}
}

// processesWith are those with a variable in their environment, where the system tells.
func processesWith(variable string) (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err == nil && slices.Contains(strings.Split(string(text), "\x00"), variable) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found = append(found, strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}

// A running server is tried out by what harms nobody, and another's not at all.
func TestRunningServer(t *testing.T) {
	dir := newProject(t, "go")
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		w.WriteHeader(http.StatusOK)
	}))
	defer server.Close()
	report, err := verify.Run(t.Context(), verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}, URL: server.URL})
	if err != nil || report.Status != verify.StatusFailed || report.Counts.Held != 0 {
		t.Fatalf("a server that lets everybody in: %v %+v", err, report)
	}
	for _, request := range asked {
		if !slices.Contains([]string{"GET /openapi.json", "GET /auth/me", "GET /auth/sessions", "POST /auth/refresh", "OPTIONS /auth/logout"}, request) {
			t.Errorf("%s was sent to a server that others use", request)
		}
	}
	_, err = verify.Run(t.Context(), verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}, URL: "http://192.0.2.1"})
	var usage *install.Usage
	if !errors.As(err, &usage) {
		t.Errorf("another machine: %v", err)
	}
}
