package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fastman/internal/feature"
	"fastman/internal/testbed"
	"fastman/templates"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fastman": func() {
		if name := os.Getenv("LIBRARY"); name != "" {
			library = func() *templates.Library { return testbed.Library(name) }
		}
		main()
	}, "fastman-broad": broad})
}

// broad is fastman with more types than it has: their files are those of jwt.
func broad() {
	library = func() *templates.Library {
		l := templates.Builtin()
		l.Types = []feature.Type{feature.JWT, feature.OAuth, feature.Passkey}
		l.Providers = []feature.Provider{feature.Google, feature.GitHub}
		return l
	}
	main()
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
			"status":   status,
			"crlf":     crlf,
			"chop":     chop,
			"snapshot": snapshot,
			"same":     same,
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

// chop FILE takes the last line's end away.
func chop(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	data, err := os.ReadFile(name)
	ts.Check(err)
	ts.Check(os.WriteFile(name, bytes.TrimRight(data, "\r\n"), 0o644))
}

// snapshot NAME keeps every file of the current folder, but those of git.
func snapshot(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(snapshotDir(ts, args[0]), os.DirFS(ts.MkAbs("."))))
}

func snapshotDir(ts *testscript.TestScript, name string) string {
	return filepath.Join(ts.Getenv("WORK"), ".snapshots", name)
}

// same NAME [but FILE…] compares the current folder with a snapshot, byte for byte.
func same(ts *testscript.TestScript, neg bool, args []string) {
	before, now := tree(ts, snapshotDir(ts, args[0])), tree(ts, ts.MkAbs("."))
	for _, file := range args[min(len(args), 2):] {
		delete(before, file)
		delete(now, file)
	}
	var differ []string
	for file, text := range before {
		if other, there := now[file]; !there {
			differ = append(differ, file+" is gone")
		} else if other != text {
			differ = append(differ, fmt.Sprintf("%s was\n%q\nand is\n%q", file, text, other))
		}
	}
	for file := range now {
		if _, there := before[file]; !there {
			differ = append(differ, file+" is new")
		}
	}
	slices.Sort(differ)
	if (len(differ) > 0) != neg {
		ts.Fatalf("compared with %s:\n%s", args[0], strings.Join(differ, "\n"))
	}
}

func tree(ts *testscript.TestScript, dir string) map[string]string {
	all := map[string]string{}
	ts.Check(filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "__pycache__"):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		data, err := os.ReadFile(file)
		rel, _ := filepath.Rel(dir, file)
		all[filepath.ToSlash(rel)] = string(data)
		return err
	}))
	return all
}
