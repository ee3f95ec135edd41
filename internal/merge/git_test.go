package merge

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var seed = flag.Uint64("merge.seed", 1, "of the random merges")

// random is the source of case i, which is the same whatever else runs.
func random(i int) *rand.Rand { return rand.New(rand.NewPCG(*seed, uint64(i))) }

// threeTexts are a base and two edits of it.
type threeTexts struct{ base, theirs, ours string }

// typist writes lines that make diffs ambiguous: few distinct ones, or lines of
// their own with runs of braces between them.
type typist struct {
	*rand.Rand
	distinct int
	from     []string // write lines out of these instead
}

func (r typist) lines(n int) (out []string) {
	for range n {
		if len(r.from) > 0 {
			out = append(out, r.from[r.IntN(len(r.from))])
			continue
		}
		line, times := strconv.Itoa(r.IntN(r.distinct)), 1
		if r.IntN(5) == 0 {
			line, times = "}", 1+r.IntN(4)
		}
		out = append(out, slices.Repeat([]string{line}, times)...)
	}
	return out
}

// edit makes n random changes: lines put in, taken out, changed or doubled, or a
// piece written anew.
func (r typist) edit(lines []string, n int) []string {
	for range n {
		from := r.IntN(len(lines) + 1)
		to := min(len(lines), from+r.IntN(4))
		var put []string
		switch r.IntN(6) {
		case 0, 1:
			put, to = r.lines(1+r.IntN(2)), from
		case 2:
			put = r.lines(1)
		case 3:
			put = slices.Repeat(lines[from:to], 2)
		case 4:
			put, to = r.lines(r.IntN(30)), min(len(lines), from+r.IntN(30))
		}
		lines = slices.Concat(lines[:from], put, lines[to:])
	}
	return lines
}

// text sometimes lacks the last newline.
func (r typist) text(lines []string) string {
	text := strings.Join(lines, "\n")
	if len(lines) > 0 && r.IntN(8) > 0 {
		text += "\n"
	}
	return text
}

func randomTexts(i int) threeTexts {
	r := typist{Rand: random(i)}
	switch {
	case i%5 == 0:
		return r.rewrite()
	case i%50 == 1:
		return r.rewriteMuch()
	}
	r.distinct = []int{2, 3, 6, 12, 1000}[r.IntN(5)]
	base := r.lines(r.IntN([]int{3, 8, 20, 40, 200}[r.IntN(5)]))
	return threeTexts{
		base:   r.text(base),
		theirs: r.text(r.edit(base, 1+r.IntN(3))),
		ours:   r.text(r.edit(base, 1+r.IntN(3))),
	}
}

// rewrite makes theirs write most of base anew, where ours adds a line among braces,
// which match here and there by accident.
func (r typist) rewrite() threeTexts {
	r.distinct = 1e6
	base := append(r.lines(20+r.IntN(20)), "}")
	from, to := r.IntN(10), 15+r.IntN(len(base)-15)
	at := r.IntN(len(base))
	at += slices.Index(base[at:], "}") + r.IntN(2)
	return threeTexts{
		base:   r.text(base),
		theirs: r.text(slices.Concat(base[:from], r.lines(r.IntN(25)), base[to:])),
		ours:   r.text(slices.Concat(base[:at], r.lines(1), base[at:])),
	}
}

// rewriteMuch makes theirs differ by more edits than a search goes through.
func (r typist) rewriteMuch() threeTexts {
	r.distinct = []int{10, 100, 1000, 1e6}[r.IntN(4)]
	base, from := r.lines(1200), r.IntN(800)
	theirs := slices.Concat(base[:from], r.edit(base[from:from+400], 250), base[from+400:])
	return threeTexts{r.text(base), r.text(theirs), r.text(r.edit(base, 2))}
}

// lineEnds writes case i with other line ends, and says what git is to merge: a file
// with CR LF throughout merges as what it was before its checkout.
func lineEnds(i int, x threeTexts) (ours, git threeTexts) {
	r := random(i)
	some := func(text string) string {
		lines := strings.SplitAfter(text, "\n")
		for i := range lines {
			if r.IntN(3) == 0 {
				lines[i] = strings.ReplaceAll(lines[i], "\n", "\r\n")
			}
		}
		return strings.Join(lines, "")
	}
	mixed := threeTexts{some(x.base), some(x.theirs), some(x.ours)}
	switch {
	case i%8 == 0:
		return threeTexts{x.base, crlf(x.theirs), x.ours}, x
	case i%8 == 1:
		x = threeTexts{crlf(x.base), crlf(x.theirs), crlf(x.ours)}
	case i%8 == 2 && strings.Contains(strings.ReplaceAll(mixed.theirs, "\r\n", ""), "\n") && strings.Contains(mixed.theirs, "\r"):
		x = mixed
	}
	return x, x
}

func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// gitMergeFile merges as git does. It says conflict == true where git does not merge.
func gitMergeFile(dir string, x threeTexts) (merged []byte, conflict bool, err error) {
	for name, text := range map[string]string{"base": x.base, "theirs": x.theirs, "ours": x.ours} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, false, err
		}
	}
	git := exec.Command("git", "merge-file", "-p", "theirs", "base", "ours")
	git.Dir = dir
	git.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CEILING_DIRECTORIES="+dir)
	var stderr bytes.Buffer
	git.Stderr = &stderr
	merged, err = git.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 && exit.ExitCode() < 128 {
		return nil, true, nil
	}
	if err != nil {
		err = fmt.Errorf("git: %w: %s", err, &stderr)
	}
	return merged, false, err
}

// A user sees a clean merge only where git merges too, and the same text.
func TestMergesAsGit(t *testing.T) {
	const cases, workers = 5000, 4
	t.Logf("-merge.seed=%d", *seed)
	var (
		all                   sync.WaitGroup
		count                 sync.Mutex
		clean, both, cautious int
	)
	for worker := range workers {
		dir := t.TempDir()
		all.Go(func() {
			for i := worker; i < cases; i += workers {
				x, forGit := lineEnds(i, randomTexts(i))
				git, conflict, err := gitMergeFile(dir, forGit)
				if x != forGit && strings.Contains(x.theirs, "\n") {
					git = []byte(crlf(string(git)))
				}
				if err != nil {
					t.Error(err)
					return
				}
				got := Three(Text, []byte(x.base), []byte(x.theirs), []byte(x.ours))
				count.Lock()
				switch mine := len(got.Conflicts) > 0; {
				case mine && conflict:
					both++
				case mine:
					cautious++
				case conflict:
					t.Errorf("case %d: clean where git conflicts: %q\n%q", i, x, got.Text)
				case !bytes.Equal(got.Text, git):
					t.Errorf("case %d: %q\nmerged %q\ngit    %q", i, x, got.Text, git)
				default:
					clean++
				}
				count.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("%d clean, %d conflicts, %d conflicts where git merges", clean, both, cautious)
	if clean < cases/5 || both < cases/5 || cautious > 0 {
		t.Errorf("the cases show too little, or too much caution")
	}
}
