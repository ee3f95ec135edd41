package edit_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"

	"fastman/internal/edit"
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
			if again := edit.RemovePy(parse(t, p, r.Out), edited.Puts); again.Status != edit.AlreadyThere {
				t.Errorf("%s, %s: a second removal: %v %q", filepath.Base(file), name, again.Status, again.Reason)
			}
		}
	}
}
