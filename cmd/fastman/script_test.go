package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fastman/internal/testbed"
	"fastman/templates"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fastman": func() {
		if name := os.Getenv("LIBRARY"); name != "" {
			library = func() *templates.Library { return testbed.Library(name) }
		}
		main()
	}})
}

// The scripts use the binary as a user does: a folder, a command, what it prints,
// and what it leaves behind.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// The project's interpreter is looked up on the real PATH.
			env.Setenv("PATH", os.Getenv("PATH"))
			binary, err := exec.LookPath("fastman")
			if err != nil {
				return err
			}
			env.Setenv("FASTMAN", filepath.Dir(binary))
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOSUMDB", "GOTOOLCHAIN"} {
				value, err := exec.Command("go", "env", name).Output()
				if err != nil {
					return err
				}
				env.Setenv(name, strings.TrimSpace(string(value)))
			}
			env.Setenv("PYENV_VERSION", os.Getenv("PYENV_VERSION"))
			env.Setenv("PYENV_ROOT", os.Getenv("PYENV_ROOT"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status": status,
			"crlf":   crlf,
		},
	})
}

// status N COMMAND… runs a command and compares its exit status.
func status(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: status N command...")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code = exitCode(err)
	}
	if code != args[0] {
		ts.Fatalf("exit status %s, want %s", code, args[0])
	}
}

func exitCode(err error) string {
	text := err.Error()
	if i := bytes.LastIndexByte([]byte(text), ' '); i >= 0 {
		return text[i+1:]
	}
	return text
}

// crlf FILE gives a file Windows' line ends.
func crlf(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	data, err := os.ReadFile(name)
	ts.Check(err)
	ts.Check(os.WriteFile(name, bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), 0o644))
}
