package edit_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"

	"fastman/internal/edit"
)

// What the user moved, renamed and wrapped is found and goes. Where they use the sign-in
// in a way of their own nothing goes, and the output says on which line.
// UPDATE_GOLDENS=1 rewrites the archives.
func TestRemoveGoWhatUsersChanged(t *testing.T) {
	files, err := filepath.Glob("testdata/ungo/*.txtar")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d archives (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			now := archive.Files[1].Data
			r := removeGo(t, now, wireGo(t, archive.Files[0].Data).Puts)
			if (r.Status == edit.Done) == bytes.Equal(now, r.Out) {
				t.Errorf("status %v, and the text is\n%s", r.Status, r.Out)
			}
			if _, err := edit.ParseGo("main.go", r.Out); err != nil {
				t.Error(err)
			}
			got := bytes.ReplaceAll(removal(edit.Result{Reason: r.Reason, Snippet: r.Snippet, Out: r.Out}), []byte("\n# "), []byte("\n// "))
			got = bytes.Replace(got, []byte("# line"), []byte("// line"), 1)
			if os.Getenv("UPDATE_GOLDENS") != "" {
				archive.Files[2].Data = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(archive.Files[2].Data, got) {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

// However a user changed a wired file: what is left of it parses, and every line that
// is not ours is still there.
func TestRemoveGoFromMutatedFiles(t *testing.T) {
	files, _ := filepath.Glob("testdata/gowire/*.txtar")
	random, parsed := rand.New(rand.NewPCG(3, 4)), 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wired := wireGo(t, archive.Files[0].Data, archive.Files[1:]...)
		for range 300 {
			src := mutated(random, wired.Out, "mine()", "// mine", "authn.Mine()", "x := authn", "/* mine", "*/")
			if _, err := edit.ParseGo("main.go", src); err != nil {
				continue
			}
			parsed++
			r := removeGo(t, src, wired.Puts)
			if _, err := edit.ParseGo("main.go", r.Out); err != nil {
				t.Fatalf("%v:\n%s\nbecame\n%s", err, src, r.Out)
			}
			if line := missing(src, r.Out, "authn", "mustAuth", "ginauth", "echo", "import", "(", ")"); line != "" {
				t.Fatalf("%q is gone:\n%s\nbecame\n%s", line, src, r.Out)
			}
		}
	}
	if parsed < 1000 {
		t.Errorf("only %d files could be read", parsed)
	}
}
