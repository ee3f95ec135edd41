package edit_test

import (
	"bytes"
	"go/format"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"fastman/internal/edit"
)

var goNames = edit.GoNames{Must: "mustAuth", Gin: "example.com/shop/internal/ginauth"}

// Each archive of testdata/gowire holds a server before and after: the sign-in stands
// in front of its routes, and nothing else has changed. UPDATE_GOLDENS=1 rewrites them.
func TestWireGo(t *testing.T) {
	archives, err := filepath.Glob("testdata/gowire/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			src, beside := archive.Files[0].Data, archive.Files[1:]
			result := wireGo(t, src, beside...)
			got := result.Out
			if result.Status == edit.CannotPlace {
				got = []byte("// " + result.Reason + "\n" + result.Snippet + "\n")
			}
			if os.Getenv("UPDATE_GOLDENS") != "" {
				archive.Files = append(withoutWant(archive.Files), txtar.File{Name: "want", Data: got})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := archive.Files[len(archive.Files)-1]; want.Name != "want" || !bytes.Equal(want.Data, got) {
				t.Errorf("got\n%s", got)
			}
			checkWired(t, src, result, beside...)
		})
	}
}

func withoutWant(files []txtar.File) []txtar.File {
	return slices.DeleteFunc(files, func(f txtar.File) bool { return f.Name == "want" })
}

// wireGo wires the only handler of a file, in a package with the files beside it.
func wireGo(t *testing.T, src []byte, beside ...txtar.File) edit.Result {
	t.Helper()
	var files []*edit.GoFile
	for _, file := range append([]txtar.File{{Name: "main.go", Data: src}}, withoutWant(slices.Clone(beside))...) {
		f, err := edit.ParseGo(file.Name, file.Data)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	sites := edit.GoServing(files[0].Sites(edit.NewGoFuncs("shop", files)))
	if len(sites) == 0 {
		t.Fatal("no site")
	}
	return edit.WireGo(sites, goNames)
}

// checkWired: a second run finds it done, a formatted file stays formatted, and
// without white space the old text is the new one with pieces left out.
func checkWired(t *testing.T, src []byte, result edit.Result, beside ...txtar.File) {
	t.Helper()
	if result.Status != edit.Done {
		if !bytes.Equal(src, result.Out) {
			t.Error("not done, but changed")
		}
		return
	}
	checkUnwired(t, src, result)
	for _, out := range [][]byte{result.Out, gofmt(t, result.Out)} {
		if again := wireGo(t, out, beside...); again.Status != edit.AlreadyThere {
			t.Errorf("a second run: %v %s", again.Status, again.Reason)
		}
	}
	before, err := format.Source(src)
	if err != nil {
		t.Fatal(err)
	}
	after, err := format.Source(result.Out)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(before, src) && !bytes.Equal(after, result.Out) {
		t.Error("was formatted, and is no longer")
	}
	if !within(src, result.Out) && !within(bytes.Replace(src, []byte("nil"), nil, 1), result.Out) {
		t.Error("text of the user is gone")
	}
}

// checkUnwired: what was put into a file goes again, to the byte; also when gofmt has
// been over it, and then it is what gofmt makes of the old text, but for blank lines
// that it puts around what was ours.
func checkUnwired(t *testing.T, src []byte, wired edit.Result) {
	t.Helper()
	for _, formatted := range []bool{false, true} {
		before, after := src, wired.Out
		if formatted || isFormatted(after) {
			before = gofmt(t, before)
		}
		if formatted {
			after = gofmt(t, after)
		}
		r := removeGo(t, after, wired.Puts)
		same := bytes.Equal(before, r.Out) || formatted && bytes.Equal(withoutBlankLines(before), withoutBlankLines(r.Out))
		if r.Status != edit.Done || !same {
			t.Errorf("removed: %v %s\n%s\nwas wired\n%s\nand is\n%s", r.Status, r.Reason, before, after, r.Out)
		}
	}
	if r := removeGo(t, src, wired.Puts); r.Status != edit.AlreadyThere {
		t.Errorf("a second removal: %v %s", r.Status, r.Reason)
	}
}

func gofmt(t *testing.T, src []byte) []byte {
	t.Helper()
	out, err := format.Source(src)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func withoutBlankLines(src []byte) []byte {
	var out []byte
	for line := range bytes.Lines(src) {
		if len(bytes.TrimSpace(line)) > 0 {
			out = append(out, line...)
		}
	}
	return out
}

func isFormatted(src []byte) bool {
	out, err := format.Source(src)
	return err == nil && bytes.Equal(out, src)
}

func removeGo(t *testing.T, src []byte, puts []edit.Put) edit.Result {
	t.Helper()
	f, err := edit.ParseGo("main.go", src)
	if err != nil {
		t.Fatal(err)
	}
	return edit.RemoveGo(f, puts, goNames)
}

// within reports whether small is big with pieces left out.
func within(small, big []byte) bool {
	for _, b := range big {
		if len(small) > 0 && small[0] == b {
			small = small[1:]
		}
	}
	return len(small) == 0
}

// Whatever comments, line ends and layout a file has: the wired one parses, has lost
// nothing, and is found wired.
func TestWireGoOnDisturbedSources(t *testing.T) {
	archives, _ := filepath.Glob("testdata/gowire/*.txtar")
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			src := disturb(random, archive.Files[0].Data)
			if _, err := edit.ParseGo("main.go", src); err != nil {
				continue
			}
			beside := archive.Files[1:]
			checkWired(t, src, wireGo(t, src, beside...), beside...)
			if t.Failed() {
				t.Fatalf("%s:\n%s", name, src)
			}
		}
	}
}

// disturb puts comments and blank lines between lines, joins some, and may turn line
// ends into Windows' and put a byte order mark in front.
func disturb(random *rand.Rand, src []byte) []byte {
	var out strings.Builder
	for line := range strings.Lines(string(src)) {
		switch random.IntN(12) {
		case 0:
			out.WriteString("\t// a remark\n")
		case 1:
			line = strings.TrimSuffix(line, "\n") + " // why\n"
		case 2:
			out.WriteString("\n")
		case 3:
			line = strings.Replace(line, "\t", "  ", 1)
		case 4:
			line = strings.Replace(line, "(", "( /* a */ ", 1)
		}
		out.WriteString(line)
	}
	text := out.String()
	if random.IntN(3) == 0 {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if random.IntN(4) == 0 {
		text = "\ufeff" + text
	}
	return []byte(text)
}
