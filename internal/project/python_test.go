package project

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const twoLines = "from fastapi import FastAPI\napp = FastAPI()\n"

// fakePython writes an interpreter that says it is of that version.
func fakePython(t *testing.T, file, version string) {
	t.Helper()
	script := "#!/bin/sh\nread x <&- 2>/dev/null\necho '{\"version\":\"" + version + "\",\"path\":\"\"}'\nexec cat >/dev/null\n"
	if version == "real" {
		script = "#!/bin/sh\nexec " + python() + " \"$@\"\n"
	}
	write(t, file, []byte(script))
	if err := os.Chmod(file, 0o755); err != nil {
		t.Fatal(err)
	}
}

func venvAt(t *testing.T, dir, version string) {
	t.Helper()
	write(t, filepath.Join(dir, "pyvenv.cfg"), []byte("home = /usr/bin\n"))
	fakePython(t, filepath.Join(dir, "bin", "python"), version)
}

// The project's own environment is taken before the active one and before PATH.
func TestInterpreterOrder(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "backend/app/main.py"), []byte(twoLines))
	active := filepath.Join(t.TempDir(), "active")
	bin := t.TempDir()
	fakePython(t, filepath.Join(bin, "python3"), "real")
	t.Setenv("PATH", bin+string(os.PathListSeparator)+"/usr/bin:/bin")

	want := func(venv string) {
		t.Helper()
		p, err := Look(testContext, root, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if p.Python.Venv != venv {
			t.Errorf("took %q (%s), want the environment %q", p.Python.Venv, p.Python.Path, venv)
		}
	}
	want(venvOf(python()))
	venvAt(t, active, "real")
	t.Setenv("VIRTUAL_ENV", active)
	want(active)
	for _, dir := range []string{"my-env", ".venv", "backend/venv", "backend/.venv"} {
		venvAt(t, filepath.Join(root, dir), "real")
		want(filepath.Join(root, dir))
	}
}

// A broken environment is passed over, and the user learns of every place.
func TestNoInterpreter(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "main.py"), []byte(twoLines))
	write(t, filepath.Join(root, "Pipfile"), nil)
	write(t, filepath.Join(root, ".venv", "pyvenv.cfg"), nil)
	t.Setenv("PATH", t.TempDir())
	var none *NoPython
	if _, err := Look(testContext, root, Options{}); !errors.As(err, &none) {
		t.Fatalf("got %v", err)
	}
	for _, place := range []string{".venv: has no working", "venv: not there", "pipenv: not on PATH", "python3: not on PATH"} {
		if !strings.Contains(none.Error(), place) {
			t.Errorf("%q is missing in: %v", place, none)
		}
	}
}

// An interpreter below 3.10 is named with its version.
func TestOldInterpreter(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "main.py"), []byte(twoLines))
	venvAt(t, filepath.Join(root, ".venv"), "3.9.18")
	var old *OldPython
	_, err := Look(testContext, root, Options{})
	if !errors.As(err, &old) || old.Version != "3.9.18" || old.Path != filepath.Join(root, ".venv/bin/python") {
		t.Fatalf("got %v", err)
	}
}

// Directories, keys and ciphertext are no env files; symlinks are.
func TestEnvFiles(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "main.py"), []byte(twoLines))
	for _, name := range []string{".env.local", ".env.keys", ".env.vault", ".env.production.enc", ".env.example", ".env.test", ".envrc", ".env.test~"} {
		write(t, filepath.Join(root, name), []byte("A=1\n"))
	}
	if err := os.Mkdir(filepath.Join(root, ".env.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(".env.local", filepath.Join(root, ".env")); err != nil {
		t.Fatal(err)
	}
	p, err := Look(testContext, root, Options{Python: python()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if got := strings.Join(p.EnvFiles, " "); got != ".env .env.local .env.test" {
		t.Errorf("env files %q", got)
	}
	if got := strings.Join(p.EnvExamples, " "); got != ".env.example" {
		t.Errorf("examples %q", got)
	}
}
