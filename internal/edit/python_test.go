package edit_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"fastman/internal/edit"
	"fastman/internal/project"
)

var update = flag.Bool("update", false, "rewrite the outputs in testdata/python")

const routerImport = "from app.features.auth.router import router as auth_router"

var fields = []edit.Field{
	{
		Name:    "SECRET_KEY",
		Lines:   []string{"# Signs every token.", "SECRET_KEY: SecretStr"},
		Imports: []edit.Import{{Module: "pydantic", Name: "SecretStr"}},
	},
	{Name: "ACCESS_TOKEN_EXPIRE_MINUTES", Lines: []string{"ACCESS_TOKEN_EXPIRE_MINUTES: int = 30"}},
}

// parser is a project whose interpreter reads the sources of the tests.
func parser(t *testing.T) *project.Project {
	t.Helper()
	dir := t.TempDir()
	main := []byte("from fastapi import FastAPI\napp = FastAPI()\n")
	if err := os.WriteFile(filepath.Join(dir, "main.py"), main, 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := project.Look(context.Background(), dir, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func parse(t *testing.T, p *project.Project, src []byte) *edit.PyFile {
	t.Helper()
	f, err := p.Parse(context.Background(), "app/main.py", src)
	if err != nil {
		t.Fatal(err)
	}
	if f.Error != nil {
		t.Fatalf("line %d: %s in:\n%s", f.Error.Line, f.Error.Message, src)
	}
	return f
}

// apply runs the edit that an archive's comment names.
func apply(f *edit.PyFile, call string) edit.Result {
	words := append(strings.Fields(call), "", "")
	switch words[0] {
	case "include":
		return edit.IncludeRouter(f, edit.AppPlace{App: words[1], Factory: words[2]}, routerImport, "auth_router")
	case "setup":
		return edit.SetUp(f, edit.AppPlace{App: words[1], Factory: words[2]}, "from app.core.keycloak import setup_keycloak", "setup_keycloak")
	case "fields":
		return edit.AddFields(f, words[1], fields)
	case "ignore":
		return edit.IgnoreExtra(f, words[1])
	case "instance":
		return edit.AddInstance(f, "settings = get_settings()")
	}
	return edit.ImportModels(f, "import app.features.auth.models")
}

// The user sees exactly the lines that were added, in the place where they would
// have put them, and nothing else changed.
func TestPythonEdits(t *testing.T) {
	files, err := filepath.Glob("testdata/python/*.txtar")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d archives (%v)", len(files), err)
	}
	p := parser(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, call := archive.Files[0].Data, string(archive.Comment)
			got := outcome(t, p, in, call)
			if bytes.Equal(got, archive.Files[1].Data) {
				return
			}
			if !*update {
				t.Fatalf("got:\n%s\nwant:\n%s", got, archive.Files[1].Data)
			}
			archive.Files[1].Data = got
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// outcome is the new text, or why there is none. It checks what holds for every
// edit: the result parses, a second run finds it there, no byte of the user is lost,
// and all three hold for CRLF and for tabs, a BOM and Latin-1 as well.
func outcome(t *testing.T, p *project.Project, in []byte, call string) []byte {
	t.Helper()
	f := parse(t, p, in)
	r := apply(f, call)
	if r.Status != edit.Done {
		if !bytes.Equal(r.Out, in) {
			t.Error("the text changed although the edit was not done")
		}
		if r.Status == edit.AlreadyThere {
			return []byte("already there\n")
		}
		return fmt.Appendf(nil, "cannot place: %s\n%s\n", r.Reason, r.Snippet)
	}
	for name, variant := range variants(in) {
		edited := apply(parse(t, p, variant), call)
		if edited.Status != edit.Done {
			t.Fatalf("%s: status %d: %s", name, edited.Status, edited.Reason)
		}
		again := apply(parse(t, p, edited.Out), call)
		if again.Status != edit.AlreadyThere {
			t.Errorf("%s: the second run is not AlreadyThere: %d %s\n%s", name, again.Status, again.Reason, edited.Out)
		}
		if !keeps(edited.Out, variant) {
			t.Errorf("%s: bytes of the user are lost in:\n%s", name, edited.Out)
		}
		if name == "crlf" && bytes.Count(edited.Out, []byte("\n")) != bytes.Count(edited.Out, []byte("\r\n")) {
			t.Errorf("mixed line ends in:\n%q", edited.Out)
		}
		if name == "no last newline" && bytes.HasSuffix(edited.Out, []byte("\n")) {
			t.Errorf("a last newline was added to %q", edited.Out)
		}
		if name == "bom" && bytes.LastIndex(edited.Out, []byte("\xef\xbb\xbf")) != 0 {
			t.Errorf("the BOM moved in %q", edited.Out)
		}
		checkPuts(t, name, edited)
	}
	return r.Out
}

func variants(in []byte) map[string][]byte {
	latin := append([]byte("# -*- coding: latin-1 -*-\n'\xe9\xe8'; '\xfc' # caf\xe9\n"), in...)
	if bytes.Contains(in, []byte("__future__")) || bytes.HasPrefix(in, []byte(`"""`)) {
		latin = append([]byte("# -*- coding: latin-1 -*- caf\xe9\n"), in...)
	}
	return map[string][]byte{
		"as it is":        in,
		"crlf":            bytes.ReplaceAll(in, []byte("\n"), []byte("\r\n")),
		"cr":              bytes.ReplaceAll(in, []byte("\n"), []byte("\r")),
		"bom":             append([]byte("\xef\xbb\xbf"), in...),
		"bom crlf":        append([]byte("\xef\xbb\xbf"), bytes.ReplaceAll(in, []byte("\n"), []byte("\r\n"))...),
		"latin-1":         latin,
		"umlauts":         append([]byte("# größer\n"), in...),
		"form feed":       append([]byte("# page\n\f\n"), in...),
		"no last newline": bytes.TrimSuffix(in, []byte("\n")),
	}
}

// keeps reports whether out holds every byte of in, in order. A "pass" that only
// filled an empty body may go.
func keeps(out, in []byte) bool {
	for _, text := range [][]byte{in, bytes.Replace(in, []byte("pass"), nil, 1)} {
		rest := text
		for _, b := range out {
			if len(rest) > 0 && rest[0] == b {
				rest = rest[1:]
			}
		}
		if len(rest) == 0 {
			return true
		}
	}
	return false
}

// checkPuts: the manifest can find again what an edit put into the file.
func checkPuts(t *testing.T, name string, r edit.Result) {
	t.Helper()
	if len(r.Puts) == 0 {
		t.Errorf("%s: nothing for the manifest", name)
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(r.Out))
	for _, put := range r.Puts {
		if !strings.Contains(text, put.Key) {
			t.Errorf("%s: %q is not in the result", name, put.Key)
		}
	}
}
