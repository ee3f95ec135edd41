package merge

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the wants in testdata")

// A user reads in testdata what an update makes of a file: base, theirs and ours, and
// the file that comes out, or the conflicts.
func TestStories(t *testing.T) {
	stories, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(stories) == 0 {
		t.Fatal("no stories", err)
	}
	for _, path := range stories {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			story, err := txtar.ParseFile(path)
			if err != nil || len(story.Files) != 4 {
				t.Fatalf("not base, theirs, ours and want: %v", err)
			}
			f := story.Files
			got := written(Three(KindOf(f[0].Name), f[0].Data, f[1].Data, f[2].Data))
			if *update {
				f[3].Data = got
				if err := os.WriteFile(path, txtar.Format(story), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(got, f[3].Data) {
				t.Errorf("%s\ngot\n%s\nwant\n%s", story.Comment, got, f[3].Data)
			}
		})
	}
}

func written(r Result) []byte {
	text := r.Text
	for _, c := range r.Conflicts {
		text = fmt.Appendf(text, "conflict: base\n%stheirs %d-%d\n%sours %d-%d\n%s", c.Base,
			c.TheirsStart, c.TheirsEnd, c.Theirs, c.OursStart, c.OursEnd, c.Ours)
	}
	return text
}

// A user finds the line ends, the byte order mark and the end of his file as he had
// them.
func TestFormStaysTheUsers(t *testing.T) {
	const base, ours = "a\nb\nc\nd\n", "a\nb\nc\nD\n"
	for title, c := range map[string]struct{ base, theirs, ours, want string }{
		"checked out with CR LF":           {base, "a\r\nb\r\nc\r\nd\r\n", ours, "a\r\nb\r\nc\r\nD\r\n"},
		"CR LF and edited":                 {base, "A\r\nb\r\nc\r\nd\r\n", ours, "A\r\nb\r\nc\r\nD\r\n"},
		"CR LF, nothing new":               {base, "A\r\nb\r\nc\r\nd\r\n", base, "A\r\nb\r\nc\r\nd\r\n"},
		"a byte order mark":                {base, "\xef\xbb\xbfA\nb\nc\nd\n", ours, "\xef\xbb\xbfA\nb\nc\nD\n"},
		"a byte order mark was ours":       {"\xef\xbb\xbf" + base, "A\nb\nc\nd\n", "\xef\xbb\xbf" + ours, "A\nb\nc\nD\n"},
		"mixed line ends":                  {base, "A\r\nb\nc\nd\n", ours, "A\r\nb\nc\nD\n"},
		"no last newline":                  {base, "a\nb\nc\nd", "A\nb\nc\nd\n", "A\nb\nc\nd"},
		"a last newline where ours has no": {"a\nb\nc\nd", base, "A\nb\nc\nd", "A\nb\nc\nd\n"},
		"a lone CR is text":                {base, "a\rx\r\nb\r\nc\r\nd\r\n", ours, "a\rx\r\nb\r\nc\r\nD\r\n"},
		"emptied, nothing new":             {base, "", base, ""},
		"one line, not ended":              {"a", "a", "a\r\nb", "a\r\nb"},
	} {
		got := Three(Text, []byte(c.base), []byte(c.theirs), []byte(c.ours))
		if string(got.Text) != c.want || len(got.Conflicts) > 0 {
			t.Errorf("%s: %q, %d conflicts, want %q", title, got.Text, len(got.Conflicts), c.want)
		}
	}
}

// A file is read as what its name says.
func TestKindOf(t *testing.T) {
	for name, want := range map[string]Kind{"app/main.py": Python, "types.pyi": Python, "auth.go": Go, "go.mod": Text, "py": Text, "": Text} {
		if got := KindOf(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
