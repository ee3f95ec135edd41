package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	errKilled = errors.New("killed")
	errDisk   = errors.New("input/output error")
)

// killAt runs work and ends it before its step n, as a kill would: nothing after
// that step happens. It reports whether there was such a step.
func killAt(n int, work func()) (killed bool) {
	Fault = func(string) error {
		if n--; n < 0 {
			panic(errKilled)
		}
		return nil
	}
	defer func() {
		Fault = nil
		if r := recover(); r != nil {
			if r != errKilled {
				panic(r)
			}
			killed = true
		}
	}()
	work()
	return false
}

var walked = map[string]string{"main.py": "old\r\n", "conf/.env": "S=1", "empty.py": ""}

func walkPlan(t *testing.T, root string) *Plan {
	p := newPlan(t, root)
	p.Label = "install:auth"
	change(t, p, "main.py", "new\r\n")
	change(t, p, "app/auth/__init__.py", "")
	change(t, p, "app/auth/models.py", "m\n")
	change(t, p, "conf/.env", "S=1\nT=2\n")
	change(t, p, "empty.py", "full\n")
	return p
}

// whole: no file is anything but old or new.
func whole(t *testing.T, at string, now, old, new map[string]string) {
	t.Helper()
	for name, text := range now {
		temp := strings.HasSuffix(name, ".tmp") || strings.HasPrefix(name, ".fastman/")
		was, had := old[name]
		is, has := new[name]
		if !temp && !(had && was == text) && !(has && is == text) {
			t.Errorf("%s: %s is %q", at, name, text)
		}
	}
}

// Killed before any step of an apply, and again before any step of the recovery,
// every file is whole, and the next run has all files old or all files new.
func TestKilledAtEveryStep(t *testing.T) {
	oldTree, newTree := bothTrees(t)
	for n := 0; ; n++ {
		for m := 0; ; m++ {
			at := fmt.Sprintf("step %d, then %d", n, m)
			root := project(t, walked)
			held := lock(t, root)
			done := !killAt(n, func() {
				a, err := walkPlan(t, root).Apply(context.Background())
				must(t, err)
				must(t, a.Done())
			})
			whole(t, at, tree(t, root), oldTree, newTree)
			again := killAt(m, func() { _, err := Recover(root); must(t, err) })
			whole(t, at, tree(t, root), oldTree, newTree)
			settled(t, at, root, held, oldTree, newTree)
			if done && !again {
				t.Logf("%d steps", n)
				return
			}
			if t.Failed() {
				return
			}
			if !again {
				break
			}
		}
	}
}

// bothTrees is the project before and after an undisturbed run.
func bothTrees(t *testing.T) (old, new map[string]string) {
	root := project(t, walked)
	old = tree(t, root)
	held := lock(t, root)
	a, err := walkPlan(t, root).Apply(context.Background())
	must(t, err)
	must(t, a.Done())
	must(t, held.Release())
	return old, tree(t, root)
}

// settled ends the recovery and checks that the project is wholly old or new,
// with nothing left over.
func settled(t *testing.T, at, root string, held *Held, oldTree, newTree map[string]string) {
	t.Helper()
	r, err := Recover(root)
	must(t, err)
	want := oldTree
	switch r.Outcome {
	case Finished:
		want = newTree
		if r.Label != "install:auth" {
			t.Errorf("%s: label %q", at, r.Label)
		}
		must(t, r.Applied.Done())
	case Nothing:
		if now := tree(t, root); now["main.py"] == newTree["main.py"] {
			want = newTree
		}
	}
	if len(r.Kept) > 0 {
		t.Errorf("%s: kept %v", at, r.Kept)
	}
	must(t, held.Release())
	same(t, at, tree(t, root), want)
}

// Killed before any step of an undo, the next run completes it.
func TestKilledInUndo(t *testing.T) {
	oldTree, newTree := bothTrees(t)
	for n := 0; ; n++ {
		root := project(t, walked)
		held := lock(t, root)
		a, err := walkPlan(t, root).Apply(context.Background())
		must(t, err)
		killed := killAt(n, func() { _, err := a.Undo(); must(t, err) })
		at := fmt.Sprintf("step %d", n)
		whole(t, at, tree(t, root), oldTree, newTree)
		settled(t, at, root, held, oldTree, newTree)
		if !killed || t.Failed() {
			t.Logf("%d steps", n)
			return
		}
	}
}

// A disk error at any step is an error, and the project is as it was.
func TestDiskErrorAtEveryStep(t *testing.T) {
	oldTree, _ := bothTrees(t)
	for n := 0; ; n++ {
		root := project(t, walked)
		held := lock(t, root)
		left := n
		Fault = func(string) error {
			if left--; left == -1 {
				return errDisk
			}
			return nil
		}
		_, err := walkPlan(t, root).Apply(context.Background())
		Fault = nil
		if err == nil {
			t.Logf("%d steps", n)
			return
		}
		if !errors.Is(err, errDisk) {
			t.Errorf("step %d: %v", n, err)
		}
		must(t, held.Release())
		same(t, fmt.Sprintf("step %d", n), tree(t, root), oldTree)
		if t.Failed() {
			return
		}
	}
}

// A file that the user changed between the kill and the next run is theirs: the
// run is undone around it.
func TestRecoverKeepsLaterWork(t *testing.T) {
	oldTree, _ := bothTrees(t)
	for n := 0; ; n++ {
		root := project(t, walked)
		held := lock(t, root)
		if !killAt(n, func() { _, err := walkPlan(t, root).Apply(context.Background()); must(t, err) }) {
			return
		}
		must(t, os.WriteFile(filepath.Join(root, "empty.py"), []byte("mine\n"), 0o644))
		r, err := Recover(root)
		must(t, err)
		if r.Outcome == Finished {
			_, err := r.Applied.Undo()
			must(t, err)
		}
		must(t, held.Release())
		want := map[string]string{"empty.py": "-rw-r--r--\nmine\n"}
		for name, text := range oldTree {
			if name != "empty.py" {
				want[name] = text
			}
		}
		same(t, fmt.Sprintf("step %d", n), tree(t, root), want)
	}
}

// A journal that we did not write is refused and nothing is touched.
func TestForeignJournal(t *testing.T) {
	for _, text := range []string{
		"{", "{}", `{"version":2,"state":"applied"}`,
		`{"version":1,"state":"undoing","files":[{"path":"../x","temp":".fastman-1.tmp"}]}`,
		`{"version":1,"state":"undoing","files":[{"path":"x","temp":".fastman-/../../y"}]}`,
		`{"version":1,"state":"undoing","dirs":["/etc"]}`,
	} {
		root := project(t, map[string]string{".fastman/tmp/journal.json": text, "x": "x"})
		before := tree(t, root)
		if _, err := Recover(root); !errors.Is(err, errJournal) {
			t.Errorf("%s: %v", text, err)
		}
		same(t, text, tree(t, root), before)
	}
}

// generations is how the victim's files look: every line of every file names the
// generation, so that a torn or mixed file shows.
var generations = []string{"a.py", "pkg/b.py", "pkg/c.env"}

func generation(n int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("generation %d\n", n)), 2000)
}

// victim is the process that is killed: it moves all files from generation to
// generation until then.
func victim(root string) error {
	held, err := Lock(root)
	if err != nil {
		return err
	}
	defer func() { _ = held.Release() }()
	r, err := Recover(root)
	if err != nil {
		return err
	}
	if r.Outcome == Finished {
		if err := r.Applied.Done(); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	for n := read(root, generations[0]) + 1; ; n++ {
		p, err := New(root)
		if err != nil {
			return err
		}
		for _, name := range generations {
			if err := p.Write(name, generation(n-1), generation(n), 0o644); err != nil {
				return err
			}
		}
		if err := p.Write(fmt.Sprintf("made/%d/x.py", n), nil, generation(n), 0o644); err != nil {
			return err
		}
		a, err := p.Apply(context.Background())
		if err != nil {
			return err
		}
		if n%3 == 0 {
			if _, err := a.Undo(); err != nil {
				return err
			}
			if a, err = p.Apply(context.Background()); err != nil {
				return err
			}
		}
		if err := a.Done(); err != nil {
			return err
		}
	}
}

// read returns the generation of a whole file, -1 of a torn one.
func read(root, name string) int {
	data, err := os.ReadFile(filepath.Join(root, name))
	n := -1
	if err != nil {
		return n
	}
	if _, err := fmt.Sscanf(string(data), "generation %d\n", &n); err != nil || !bytes.Equal(data, generation(n)) {
		return -1
	}
	return n
}

func TestMain(m *testing.M) {
	if root := os.Getenv("PLAN_VICTIM"); root != "" {
		fmt.Fprintln(os.Stderr, victim(root))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Killed by the system at 60 random instants, every file is whole each time, and
// the next run brings all of them to one generation.
func TestKillNine(t *testing.T) {
	files := map[string]string{}
	for _, name := range generations {
		files[name] = string(generation(0))
	}
	root := project(t, files)
	for kill := range 60 {
		killVictim(t, root)
		for _, name := range generations {
			if read(root, name) < 0 {
				t.Fatalf("kill %d: %s is torn", kill, name)
			}
		}
		recovered(t, root, kill)
	}
	t.Logf("at generation %d", read(root, generations[0]))
}

// killVictim starts a victim and kills it up to 60 ms after it is at work.
func killVictim(t *testing.T, root string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PLAN_VICTIM="+root)
	out, err := cmd.StdoutPipe()
	must(t, err)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	must(t, cmd.Start())
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err, complaint.String())
	}
	for until := time.Now().Add(rand.N(60 * time.Millisecond)); time.Now().Before(until); {
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	if complaint.Len() > 0 {
		t.Fatal(complaint.String())
	}
}

func recovered(t *testing.T, root string, kill int) {
	t.Helper()
	held := lock(t, root)
	r, err := Recover(root)
	must(t, err)
	if r.Outcome == Finished {
		must(t, r.Applied.Done())
	}
	must(t, held.Release())
	n := read(root, generations[0])
	for _, name := range append(generations, fmt.Sprintf("made/%d/x.py", n))[:len(generations)+min(n, 1)] {
		if read(root, name) != n {
			t.Fatalf("kill %d: %s is of generation %d, not %d", kill, name, read(root, name), n)
		}
	}
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if strings.Contains(path, ".fastman") || strings.Contains(path, fmt.Sprintf("made/%d", n+1)) {
			t.Fatalf("kill %d: %s is left", kill, path)
		}
		return err
	}))
}
