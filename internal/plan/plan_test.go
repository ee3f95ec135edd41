package plan

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// project makes a folder with the given files; a name that ends in "/" is a folder.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		full := filepath.Join(root, name)
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(full, 0o755))
			continue
		}
		must(t, os.WriteFile(full, []byte(text), 0o644))
	}
	return root
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree is everything under root: names, contents, modes of files, links.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			all[rel+"/"] = ""
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			all[rel] = "-> " + to
			return err
		default:
			data, err := os.ReadFile(path)
			all[rel] = info.Mode().String() + "\n" + string(data)
			return err
		}
		return nil
	}))
	return all
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name, text := range want {
		if now, ok := got[name]; !ok || now != text {
			t.Errorf("%s: %s is %q, want %q", what, name, now, text)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s is left", what, name)
		}
	}
}

func newPlan(t *testing.T, root string) *Plan {
	t.Helper()
	p, err := New(root)
	must(t, err)
	return p
}

func lock(t *testing.T, root string) *Held {
	t.Helper()
	held, err := Lock(root)
	must(t, err)
	return held
}

func change(t *testing.T, p *Plan, path, new string) {
	t.Helper()
	old, err := p.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		old = nil
	}
	must(t, p.Write(path, old, []byte(new), 0o644))
}

func del(t *testing.T, p *Plan, path string) {
	t.Helper()
	old, err := p.Read(path)
	must(t, err)
	must(t, p.Delete(path, old))
}

// All changes arrive, in new folders too, and nothing of fastman's work is left.
func TestApply(t *testing.T) {
	root := project(t, map[string]string{"main.py": "old\n"})
	p := newPlan(t, root)
	change(t, p, "main.py", "new\n")
	change(t, p, "app/auth/__init__.py", "")
	held := lock(t, root)
	applied, err := p.Apply(context.Background())
	must(t, err)
	must(t, applied.Done())
	must(t, held.Release())
	same(t, "after", tree(t, root), map[string]string{
		"./": "", "main.py": "-rw-r--r--\nnew\n",
		"app/": "", "app/auth/": "", "app/auth/__init__.py": "-rw-r--r--\n",
	})
}

// Undo brings back the project as it was, compiled Python in new folders aside.
func TestUndo(t *testing.T) {
	root := project(t, map[string]string{"main.py": "old\n", "empty.py": ""})
	before := tree(t, root)
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, "main.py", "new\n")
	change(t, p, "empty.py", "filled\n")
	change(t, p, "app/auth/a.py", "a\n")
	applied, err := p.Apply(context.Background())
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(root, "app/auth/__pycache__"), 0o755))
	kept, err := applied.Undo()
	if err != nil || kept != nil {
		t.Fatal(kept, err)
	}
	must(t, held.Release())
	same(t, "after", tree(t, root), before)
}

// What the user changed after us is not overwritten by an undo.
func TestUndoKeepsLaterWork(t *testing.T) {
	root := project(t, map[string]string{"main.py": "old\n", "b.py": "old\n"})
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, "main.py", "new\n")
	change(t, p, "b.py", "new\n")
	change(t, p, "app/c.py", "new\n")
	applied, err := p.Apply(context.Background())
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "main.py"), []byte("mine\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(root, "app/c.py"), []byte("mine\n"), 0o644))
	kept, err := applied.Undo()
	if err != nil || strings.Join(kept, " ") != "app/c.py main.py" {
		t.Fatal(kept, err)
	}
	must(t, held.Release())
	same(t, "after", tree(t, root), map[string]string{
		"./": "", "main.py": "-rw-r--r--\nmine\n", "b.py": "-rw-r--r--\nold\n",
		"app/": "", "app/c.py": "-rw-r--r--\nmine\n",
	})
}

// Each of these is refused before anything is written; nothing is left behind.
func TestApplyRefuses(t *testing.T) {
	cases := []struct {
		name string
		prep func(t *testing.T, root string)
		want error
	}{
		{"changed file", func(t *testing.T, root string) {
			must(t, os.WriteFile(filepath.Join(root, "main.py"), []byte("mine"), 0o644))
		}, ErrChanged},
		{"file gone", func(t *testing.T, root string) {
			must(t, os.Remove(filepath.Join(root, "main.py")))
		}, ErrChanged},
		{"file made meanwhile", func(t *testing.T, root string) {
			must(t, os.Mkdir(filepath.Join(root, "app"), 0o755))
			must(t, os.WriteFile(filepath.Join(root, "app/new.py"), nil, 0o644))
		}, ErrExists},
		{"read-only file", func(t *testing.T, root string) {
			must(t, os.Chmod(filepath.Join(root, "main.py"), 0o444))
		}, ErrReadOnly},
		{"folder in place of the file", func(t *testing.T, root string) {
			must(t, os.Remove(filepath.Join(root, "main.py")))
			must(t, os.Mkdir(filepath.Join(root, "main.py"), 0o755))
		}, ErrNotFile},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := project(t, map[string]string{"main.py": "old\n"})
			p := newPlan(t, root)
			change(t, p, "app/new.py", "x\n")
			change(t, p, "main.py", "new\n")
			c.prep(t, root)
			refused(t, p, root, c.want)
		})
	}
}

// refused applies p and wants an error and an untouched project.
func refused(t *testing.T, p *Plan, root string, want error) {
	t.Helper()
	before := tree(t, root)
	if err := p.Check(); !errors.Is(err, want) {
		t.Errorf("Check: %v", err)
	}
	same(t, "after Check", tree(t, root), before)
	held := lock(t, root)
	if _, err := p.Apply(context.Background()); !errors.Is(err, want) {
		t.Errorf("Apply: %v", err)
	}
	must(t, held.Release())
	same(t, "after Apply", tree(t, root), before)
}

// A file where a folder must be is named.
func TestFileInTheWay(t *testing.T) {
	root := project(t, map[string]string{"app": "not a folder\n"})
	p := newPlan(t, root)
	change(t, p, "app/auth/new.py", "x\n")
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "app/auth/new.py") {
		t.Fatal(err)
	}
}

// Ctrl-C before the commit leaves nothing.
func TestCancelledApply(t *testing.T) {
	root := project(t, map[string]string{"main.py": "old\n"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	before := tree(t, root)
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, "main.py", "new\n")
	change(t, p, "app/new.py", "new\n")
	if _, err := p.Apply(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	must(t, held.Release())
	same(t, "after", tree(t, root), before)
}

// No path leads out of the project or into fastman's own work.
func TestWriteStaysInside(t *testing.T) {
	p := newPlan(t, t.TempDir())
	for _, path := range []string{"", ".", "..", "../x", "/etc/x", "a/../../x", "a//b", "a/", ".fastman/tmp/lock"} {
		if err := p.Write(path, nil, []byte("x"), 0o644); !errors.Is(err, ErrPath) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// A second edit of one file builds on the first; the file is written once.
func TestTwoEditsOfOneFile(t *testing.T) {
	root := project(t, map[string]string{"main.py": "1\n"})
	p := newPlan(t, root)
	change(t, p, "main.py", "1\n2\n")
	change(t, p, "main.py", "1\n2\n3\n")
	if err := p.Write("main.py", []byte("1\n"), []byte("x"), 0); !errors.Is(err, ErrChanged) {
		t.Fatal(err)
	}
	if c := p.Changes(); len(c) != 1 || string(c[0].Old) != "1\n" || string(c[0].New) != "1\n2\n3\n" {
		t.Fatalf("%+v", c)
	}
	change(t, p, "main.py", "1\n")
	if len(p.Changes()) != 0 {
		t.Fatal("back at the start, something is planned")
	}
}

// Apply needs the lock: without it two runs could meet.
func TestApplyNeedsLock(t *testing.T) {
	root := project(t, map[string]string{"main.py": "1\n"})
	p := newPlan(t, root)
	change(t, p, "main.py", "2\n")
	if _, err := p.Apply(context.Background()); !errors.Is(err, errNoLock) {
		t.Fatal(err)
	}
}

// A second Apply must not write over the journal of the first.
func TestApplyNeedsDone(t *testing.T) {
	root := project(t, map[string]string{"main.py": "1\n"})
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, "main.py", "2\n")
	applied, err := p.Apply(context.Background())
	must(t, err)
	if _, err := p.Apply(context.Background()); !errors.Is(err, errPending) {
		t.Fatal(err)
	}
	must(t, applied.Done())
	must(t, held.Release())
}

// One file is replaced whole, through a link, with its mode; nil removes it.
func TestReplaceFile(t *testing.T) {
	root := project(t, map[string]string{"a.lock": "1\n"})
	file := filepath.Join(root, "a.lock")
	for _, text := range []string{"2\n", "3\n"} {
		must(t, ReplaceFile(file, []byte(text)))
		same(t, "replaced", tree(t, root), map[string]string{"./": "", "a.lock": "-rw-r--r--\n" + text})
	}
	must(t, ReplaceFile(file, nil))
	must(t, ReplaceFile(filepath.Join(root, "b.lock"), []byte("new\n")))
	same(t, "removed and made", tree(t, root), map[string]string{"./": "", "b.lock": "-rw-r--r--\nnew\n"})
}

// The second run says who is at work, the first one's end lets the next in.
func TestLock(t *testing.T) {
	root := t.TempDir()
	held := lock(t, root)
	_, err := Lock(root)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "(process ") {
		t.Fatal(err)
	}
	must(t, held.Release())
	must(t, lock(t, root).Release())
	same(t, "after", tree(t, root), map[string]string{"./": ""})
}

// A lock file that was left behind, by a kill or with a copied project, stops
// nobody: not even when its number is that of a living process.
func TestLockLeftBehind(t *testing.T) {
	root := project(t, map[string]string{".fastman/tmp/lock": strconv.Itoa(os.Getpid()) + "\n"})
	must(t, lock(t, root).Release())
	same(t, "copied", tree(t, root), map[string]string{"./": ""})

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PLAN_HOLDER="+root)
	out, err := cmd.StdoutPipe()
	must(t, err)
	_, err = cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(root); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), strconv.Itoa(cmd.Process.Pid)) {
		t.Error(err)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	if _, err := os.Stat(lockFile(root)); err != nil {
		t.Error("the killed process left no lock file: the test shows nothing")
	}
	must(t, lock(t, root).Release())
	same(t, "killed", tree(t, root), map[string]string{"./": ""})
}

// Of many that try at once, one at a time gets in, and nothing is left at the end.
func TestLockRace(t *testing.T) {
	root := t.TempDir()
	inside := make(chan int, 1)
	ended := make(chan error)
	for range 8 {
		go func() {
			for done := 0; done < 50; {
				held, err := Lock(root)
				if errors.Is(err, ErrLocked) {
					continue
				}
				if err != nil {
					ended <- err
					return
				}
				select {
				case inside <- 1:
				default:
					ended <- errors.New("two are inside")
					return
				}
				<-inside
				if err := held.Release(); err != nil {
					ended <- err
					return
				}
				done++
			}
			ended <- nil
		}()
	}
	for range 8 {
		must(t, <-ended)
	}
	same(t, "after", tree(t, root), map[string]string{"./": ""})
}

// The diff is what git shows, for changed, new and empty files.
func TestDiff(t *testing.T) {
	root := project(t, map[string]string{"main.py": "a\nb\nc\nd\ne\nf\n"})
	p := newPlan(t, root)
	change(t, p, "main.py", "a\nb\nc\nd\nE\nf")
	change(t, p, "app/new.py", "x\n")
	change(t, p, "app/__init__.py", "")
	want := `--- a/main.py
+++ b/main.py
@@ -2,5 +2,5 @@
 b
 c
 d
-e
-f
+E
+f
\ No newline at end of file
--- /dev/null
+++ b/app/new.py
@@ -0,0 +1 @@
+x
--- /dev/null
+++ b/app/__init__.py
`
	if got := p.Diff(); got != want {
		t.Errorf("%s", got)
	}
}

// No value of an env file is in a diff, neither added, removed nor beside.
func TestDiffMasksEnv(t *testing.T) {
	old := "DB=hunter2\nSECRET_KEY='old1\nOLD2==\n'\n# K=old3\nEND=hunter3"
	root := project(t, map[string]string{".env": old})
	p := newPlan(t, root)
	change(t, p, ".env", "DB=hunter2\nexport SECRET_KEY=new1\n\n# K=new3\nEND=hunter3\nMINUTES=30\n")
	p.Mask(".env", "MINUTES")
	got := p.Diff()
	for _, secret := range []string{"hunter", "old1", "new1", "old3", "new3"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is in the diff:\n%s", secret, got)
		}
	}
	for _, shown := range []string{"+export SECRET_KEY=********\n", "+MINUTES=30\n", "--- a/.env\n"} {
		if !strings.Contains(got, shown) {
			t.Errorf("%q is not in the diff:\n%s", shown, got)
		}
	}
}
