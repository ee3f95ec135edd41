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
