package project

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"fastman/internal/run"
)

var update = flag.Bool("update", false, "rewrite the wants in testdata")

// python is the interpreter of this machine, with shims resolved once.
var python = sync.OnceValue(func() string {
	path, err := run.LookPath("python3")
	if err != nil {
		panic(err)
	}
	r := &reader{python: path}
	hello, err := r.start(testContext)
	if err != nil {
		panic(err)
	}
	r.stop()
	return hello.Path
})

// Every archive is a project as people lay theirs out; "want" is what is found in
// it. Its comment is one line of options: --app=…, --users-table=….
func TestLayouts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d archives (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			root := filepath.Join(t.TempDir(), "shop")
			want := unpack(t, root, archive)
			got := lookInto(root, archive)
			if got == string(want.Data) {
				return
			}
			if !*update {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want.Data)
			}
			want.Data = []byte(got)
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// unpack writes the archive's files below root and returns its want.
func unpack(t *testing.T, root string, archive *txtar.Archive) *txtar.File {
	t.Helper()
	var want *txtar.File
	for i := range archive.Files {
		f := &archive.Files[i]
		if f.Name == "want" {
			want = f
			continue
		}
		write(t, filepath.Join(root, filepath.FromSlash(f.Name)), f.Data)
	}
	if want == nil {
		t.Fatal("the archive has no want")
	}
	return want
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func lookInto(root string, archive *txtar.Archive) string {
	opts := Options{Python: python()}
	for _, option := range strings.Fields(string(archive.Comment)) {
		if app, found := strings.CutPrefix(option, "--app="); found {
			opts.App = app
		}
		if table, found := strings.CutPrefix(option, "--users-table="); found {
			opts.UsersTable = table
		}
	}
	p, err := Look(testContext, root, opts)
	if err != nil {
		var h interface{ Hint() string }
		if !errors.As(err, &h) {
			return "untyped error: " + err.Error() + "\n"
		}
		return strings.ReplaceAll(fmt.Sprintf("%T: %v\nhint: %s\n", err, err, h.Hint()), root, "ROOT")
	}
	defer p.Close()
	return describe(p)
}

// describe prints what was found, without what is empty.
func describe(p *Project) string {
	var b strings.Builder
	say := func(key string, value any) {
		if text := strings.TrimSpace(fmt.Sprint(value)); text != "" && text != "false" && text != "[]" && text != "<nil>" {
			fmt.Fprintf(&b, "%s: %s\n", key, text)
		}
	}
	say("name", p.Name)
	say("import root", p.ImportRoot)
	say("run dir", p.RunDir)
	say("package", strings.TrimSuffix(p.Package+" in "+p.PackageDir, " in "))
	say("new package", p.NewPackage)
	say("entry", strings.Join([]string{p.Entry.Path, p.Entry.Module, p.Entry.App, p.Entry.Factory}, " | "))
	say("callable", p.Entry.Callable)
	say("is factory", p.Entry.IsFactory)
	if d := p.Entry.Discovery; d != nil {
		say("discovery", *d)
	}
	for _, s := range append([]*Settings{p.Settings}, p.OtherSettings...) {
		if s != nil {
			say("settings", fmt.Sprintf("%s %s.%s instance=%s getter=%s env=%v forbids=%v prefix=%s",
				s.Path, s.Module, s.Class, s.Instance, s.Getter, s.EnvFiles, s.Forbids, s.Prefix))
		}
	}
	sayDatabase(p.Database, say)
	if a := p.Alembic; a != nil {
		say("alembic", fmt.Sprintf("%s dir=%s versions=%s heads=%v revisions=%d env=%v", a.Ini, a.Dir, a.Versions, a.Heads, a.Revisions, a.Env != nil))
	}
	say("env files", p.EnvFiles)
	say("env examples", p.EnvExamples)
	say("new env file", p.NewEnvFile)
	say("formatter", p.Formatter)
	say("users table", p.UsersTable)
	say("user class", p.UserClass)
	say("tests", p.TestsDir)
	return b.String()
}

func sayDatabase(db Database, say func(string, any)) {
	for _, n := range []struct {
		key  string
		name *Name
	}{{"base", db.Base}, {"engine", db.Engine}, {"async engine", db.Async}} {
		if n.name != nil {
			say(n.key, n.name.Module+" "+n.name.Name)
		}
	}
	say("base is bare", db.BaseIsBare)
	say("sqlmodel", db.SQLModel)
	say("reads url", db.ReadsURL)
}
