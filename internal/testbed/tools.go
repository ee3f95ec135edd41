package testbed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"fastman/internal/plan"
	"fastman/internal/run"
)

// Tools returns the folder of programs of a virtual environment that holds the
// given packages, "uv==0.9.0" or without a version. It is made once per machine.
func Tools(t testing.TB, packages ...string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(strings.Join(packages, "\n")))
	home := filepath.Join(cache, "fastman-test", "tools-"+hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	held := whenFree(t, home)
	defer func() { _ = held.Release() }()
	venv, done := filepath.Join(home, "venv"), filepath.Join(home, "done")
	if _, err := os.Stat(done); err != nil {
		makeVenv(t, venv, packages)
		if err := os.WriteFile(done, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return programs(venv)
}

// whenFree waits for another test process that makes the same environment.
func whenFree(t testing.TB, home string) *plan.Held {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		held, err := plan.Lock(home)
		if err == nil {
			return held
		}
		if !errors.Is(err, plan.ErrLocked) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func makeVenv(t testing.TB, venv string, packages []string) {
	t.Helper()
	python, err := run.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	install := append([]string{filepath.Join(programs(venv), "python"), "-m", "pip", "install", "-q"}, packages...)
	for _, args := range [][]string{{python, "-m", "venv", "--clear", venv}, install} {
		res, err := run.Run(context.Background(), run.Spec{Args: args, Timeout: 10 * time.Minute})
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, res.Stderr)
		}
	}
}

func programs(venv string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(venv, "Scripts")
	}
	return filepath.Join(venv, "bin")
}
