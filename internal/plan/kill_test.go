package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
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

// walked has changes and deletions ahead, and folders that will be empty: one that
// was before, one with what Python compiled, one that only our folder is in.
func walked(t *testing.T) string {
	root := project(t, map[string]string{
		"main.py": "old\r\n", "conf/.env": "S=1", "empty.py": "",
		"gone/old.py": "secret\n", "gone/deep/empty.py": "", "gone/void/": "",
		"stays/old.py": "o\n", "stays/user.py": "u\n",
	})
	must(t, os.Mkdir(filepath.Join(root, "gone/deep/__pycache__"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "gone/deep/__pycache__/empty.pyc"), nil, 0o644))
	must(t, os.Chmod(filepath.Join(root, "gone/old.py"), 0o660))
	must(t, os.Chmod(filepath.Join(root, "gone/deep"), 0o770))
	return root
}

func walkPlan(t *testing.T, root string) *Plan {
	p := newPlan(t, root)
	p.Label = "install:auth"
	change(t, p, "main.py", "new\r\n")
	change(t, p, "app/auth/__init__.py", "")
	change(t, p, "app/auth/models.py", "m\n")
	change(t, p, "conf/.env", "S=1\nT=2\n")
	for _, path := range []string{"gone/old.py", "gone/deep/empty.py", "stays/old.py"} {
		del(t, p, path)
	}
	for _, dir := range []string{"gone", "stays", "gone/deep", "gone/void"} {
		must(t, p.Prune(dir))
	}
	change(t, p, "empty.py", "full\n")
	return p
}

// sources is the tree without what Python compiled, which may go at any time.
func sources(t *testing.T, root string) map[string]string {
	all := tree(t, root)
	maps.DeleteFunc(all, func(name, _ string) bool { return strings.Contains(name, "__pycache__") })
	return all
}

// whole: no file is anything but old or new, and none is missing that is in both.
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
	for name := range old {
		_, has := new[name]
		if _, is := now[name]; has && !is {
			t.Errorf("%s: %s is missing", at, name)
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
			root := walked(t)
			held := lock(t, root)
			done := !killAt(n, func() {
				a, err := walkPlan(t, root).Apply(context.Background())
				must(t, err)
				must(t, a.Done())
			})
			whole(t, at, sources(t, root), oldTree, newTree)
			forward := beyondCommit(t, root)
			again := killAt(m, func() {
				r, err := Recover(root)
				must(t, err)
				if (r.Outcome == Finished) != forward {
					t.Errorf("%s: outcome %v", at, r.Outcome)
				}
			})
			whole(t, at, sources(t, root), oldTree, newTree)
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

// beyondCommit: from then on a kill leads forward, however far the run has come.
func beyondCommit(t *testing.T, root string) bool {
	j, err := readJournal(root)
	must(t, err)
	return j != nil && (j.State == committed || j.State == applied)
}

// bothTrees is the project before and after an undisturbed run.
func bothTrees(t *testing.T) (old, new map[string]string) {
	root := walked(t)
	old = sources(t, root)
	held := lock(t, root)
	a, err := walkPlan(t, root).Apply(context.Background())
	must(t, err)
	must(t, a.Done())
	must(t, held.Release())
	return old, sources(t, root)
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
		if now := sources(t, root); now["main.py"] == newTree["main.py"] {
			want = newTree
		}
	}
	if len(r.Kept) > 0 {
		t.Errorf("%s: kept %v", at, r.Kept)
	}
	must(t, held.Release())
	same(t, at, sources(t, root), want)
	if info, err := os.Stat(filepath.Join(root, "gone/deep")); err == nil && info.Mode().Perm() != 0o770 {
		t.Errorf("%s: the folder came back as %v", at, info.Mode())
	}
}

// Killed before any step of an undo, and once more as deep in the next run, the
// one after that completes it.
func TestKilledInUndo(t *testing.T) {
	oldTree, newTree := bothTrees(t)
	for n := 0; ; n++ {
		root := walked(t)
		held := lock(t, root)
		a, err := walkPlan(t, root).Apply(context.Background())
		must(t, err)
		killed := killAt(n, func() { _, err := a.Undo(); must(t, err) })
		at := fmt.Sprintf("step %d", n)
		whole(t, at, sources(t, root), oldTree, newTree)
		killAt(n, func() { _, err := Recover(root); must(t, err) })
		whole(t, at, sources(t, root), oldTree, newTree)
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
		root := walked(t)
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
		same(t, fmt.Sprintf("step %d", n), sources(t, root), oldTree)
		if t.Failed() {
			return
		}
	}
}

// A file that the user changed between the kill and the next run is theirs: the
// run is undone around it.
func TestRecoverKeepsLaterWork(t *testing.T) {
	for _, path := range []string{"empty.py", "gone/deep/empty.py"} {
		t.Run(path, func(t *testing.T) { recoverKeeps(t, path) })
	}
}

func recoverKeeps(t *testing.T, path string) {
	oldTree, _ := bothTrees(t)
	oldTree[path] = "-rw-r--r--\nmine\n"
	for n := 0; ; n++ {
		root := walked(t)
		held := lock(t, root)
		if !killAt(n, func() { _, err := walkPlan(t, root).Apply(context.Background()); must(t, err) }) {
			return
		}
		file := filepath.Join(root, path)
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte("mine\n"), 0o644))
		r, err := Recover(root)
		must(t, err)
		if r.Outcome == Finished {
			_, err := r.Applied.Undo()
			must(t, err)
		}
		must(t, held.Release())
		same(t, fmt.Sprintf("step %d", n), sources(t, root), oldTree)
	}
}

// A journal that we did not write is refused and nothing is touched.
func TestForeignJournal(t *testing.T) {
	for _, text := range []string{
		"{", "{}", `{"version":3,"state":"applied"}`,
		`{"version":1,"state":"undoing","files":[{"path":"../x","temp":".fastman-1.tmp"}]}`,
		`{"version":1,"state":"undoing","files":[{"path":"x","temp":".fastman-/../../y"}]}`,
		`{"version":1,"state":"undoing","dirs":["/etc"]}`,
		`{"version":2,"state":"undoing","prunes":[{"path":"../x"}]}`,
		`{"version":2,"state":"undoing","files":[{"path":"x","temp":".fastman-1.tmp","new":""}]}`,
	} {
		root := project(t, map[string]string{".fastman/tmp/journal.json": text, "x": "x"})
		before := tree(t, root)
		if _, err := Recover(root); !errors.Is(err, errJournal) {
			t.Errorf("%s: %v", text, err)
		}
		same(t, text, tree(t, root), before)
	}
}

// A journal of an earlier fastman, which knew no deletions, is followed.
func TestJournalOfVersion1(t *testing.T) {
	root := project(t, map[string]string{
		"main.py": "new\n", "app/x.py": "new\n",
		".fastman/tmp/journal.json": fmt.Sprintf(`{"version":1,"label":"install:auth","state":"undoing","dirs":["app"],"files":[
			{"path":"main.py","temp":".fastman-1.tmp","old":"b2xkCg==","new":%[1]q},
			{"path":"app/x.py","temp":".fastman-2.tmp","old":null,"new":%[1]q}]}`, hash([]byte("new\n"))),
	})
	held := lock(t, root)
	r, err := Recover(root)
	if err != nil || r.Outcome != Undone || r.Kept != nil {
		t.Fatal(r, err)
	}
	must(t, held.Release())
	same(t, "after", tree(t, root), map[string]string{"./": "", "main.py": "-rw-r--r--\nold\n"})
}

// generations is how the victim's files look: every line of every file names the
// generation, so that a torn or mixed file shows.
var generations = []string{"a.py", "pkg/b.py", "pkg/c.env"}

func generation(n int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("generation %d\n", n)), 2000)
}

// made is a file that only generation n has, in a folder that only it has.
func made(n int) string { return fmt.Sprintf("made/%d/x.py", n) }

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
		if err := p.Write(made(n), nil, generation(n), 0o644); err != nil {
			return err
		}
		if n > 1 {
			if err := errors.Join(p.Delete(made(n-1), generation(n-1)), p.Prune(path.Dir(made(n-1)))); err != nil {
				return err
			}
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
	if root := os.Getenv("PLAN_HOLDER"); root != "" {
		held, err := Lock(root)
		fmt.Println(held != nil, err)
		_, _ = io.Copy(io.Discard, os.Stdin) // until the kill
	}
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
	for _, name := range append(generations, made(n))[:len(generations)+min(n, 1)] {
		if read(root, name) != n {
			t.Fatalf("kill %d: %s is of generation %d, not %d", kill, name, read(root, name), n)
		}
	}
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		other := filepath.Base(filepath.Dir(path)) == "made" && filepath.Base(path) != strconv.Itoa(n)
		if strings.Contains(path, ".fastman") || other {
			t.Fatalf("kill %d: %s is left", kill, path)
		}
		return err
	}))
}
