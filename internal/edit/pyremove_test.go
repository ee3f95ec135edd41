package edit_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"fastman/internal/edit"
	"fastman/internal/project"
)

// What an edit put into a file goes again, and every byte of the user is as before,
// whatever the line ends, the encoding and the layout.
func TestRemovePyUndoesEdits(t *testing.T) {
	files, err := filepath.Glob("testdata/python/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no archives", err)
	}
	p := parser(t)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name, src := range variants(archive.Files[0].Data) {
			edited := apply(parse(t, p, src), string(archive.Comment))
			if edited.Status != edit.Done {
				continue
			}
			r := edit.RemovePy(parse(t, p, edited.Out), edited.Puts)
			if r.Status != edit.Done || r.Reason != "" || len(r.Puts) != 0 || !bytes.Equal(r.Out, src) {
				t.Errorf("%s, %s: %v %q\n%s\nbecame\n%s\nand then\n%s\n%+v", filepath.Base(file), name, r.Status, r.Reason, src, edited.Out, r.Out, edited.Puts)
			}
			for i := range edited.Puts { // as a manifest of an older fastman has them
				if edited.Puts[i].Kind != "setup" { // which none of them has
					edited.Puts[i].In, edited.Puts[i].Old = "", ""
				}
			}
			if old := edit.RemovePy(parse(t, p, edited.Out), edited.Puts); old.Status != edit.Done || old.Reason != "" || !keeps(old.Out, src) {
				t.Errorf("%s, %s: by an older manifest: %v %q\n%s", filepath.Base(file), name, old.Status, old.Reason, old.Out)
			}
			if again := edit.RemovePy(parse(t, p, r.Out), edited.Puts); again.Status != edit.AlreadyThere {
				t.Errorf("%s, %s: a second removal: %v %q", filepath.Base(file), name, again.Status, again.Reason)
			}
		}
	}
}

// What the user moved, renamed and wrapped is found and goes; what they gave a value or
// a use of their own stays, and the output says where it stands.
func TestRemovePyWhatUsersChanged(t *testing.T) {
	files, err := filepath.Glob("testdata/unpython/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d archives (%v)", len(files), err)
	}
	p := parser(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			made := apply(parse(t, p, archive.Files[0].Data), string(archive.Comment))
			now, err := p.Parse(context.Background(), "app/main.py", archive.Files[1].Data)
			if err != nil {
				t.Fatal(err)
			}
			r := edit.RemovePy(now, made.Puts)
			if now.Error == nil {
				checkRemoved(t, p, archive.Files[1].Data, r, made.Puts)
			}
			got := removal(r)
			if bytes.Equal(got, archive.Files[2].Data) {
				return
			}
			if !*update {
				t.Fatalf("got:\n%s\nwant:\n%s", got, archive.Files[2].Data)
			}
			archive.Files[2].Data = got
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// removal is the new text, behind what the user is told.
func removal(r edit.Result) []byte {
	told := ""
	if r.Reason != "" {
		told = "# " + r.Reason + "\n# " + strings.ReplaceAll(strings.TrimSpace(r.Snippet), "\n", "\n# ") + "\n"
	}
	for _, put := range r.Puts {
		told += "# stays: " + put.Kind + " " + put.Key + "\n"
	}
	return append([]byte(told), r.Out...)
}

// checkRemoved: the result parses, and a second removal finds and says the same.
func checkRemoved(t *testing.T, p *project.Project, src []byte, r edit.Result, puts []edit.Put) {
	t.Helper()
	again := edit.RemovePy(parse(t, p, r.Out), puts)
	if again.Status == edit.Done || (again.Reason == "") != (r.Reason == "") {
		t.Errorf("a second removal: %v %q\n%s", again.Status, again.Reason, again.Out)
	}
	if (r.Status == edit.Done) == bytes.Equal(src, r.Out) {
		t.Errorf("status %v, and the text is\n%s", r.Status, r.Out)
	}
}
