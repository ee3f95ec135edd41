//go:build !windows

package plan

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A linked file stays a link; its target changes, and comes back with an undo.
func TestLinkedFile(t *testing.T) {
	root := project(t, map[string]string{"conf/real.env": "A=1\n", "shared/": ""})
	must(t, os.Symlink("conf/real.env", filepath.Join(root, ".env")))
	must(t, os.Symlink("shared", filepath.Join(root, "app")))
	must(t, os.Chmod(filepath.Join(root, "conf/real.env"), 0o640))
	before := tree(t, root)
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, ".env", "A=2\n")
	change(t, p, "app/auth/a.py", "a\n")
	applied, err := p.Apply(context.Background())
	must(t, err)
	after := tree(t, root)
	if after[".env"] != before[".env"] || after["conf/real.env"] != "-rw-r-----\nA=2\n" || after["shared/auth/a.py"] == "" {
		t.Errorf("%v", after)
	}
	if _, err := applied.Undo(); err != nil {
		t.Fatal(err)
	}
	must(t, held.Release())
	same(t, "after", tree(t, root), before)
}

// Two names of one file can't get two contents.
func TestTwoNamesOfOneFile(t *testing.T) {
	root := project(t, map[string]string{".env": "A=1\n"})
	must(t, os.Symlink(".env", filepath.Join(root, ".env.local")))
	p := newPlan(t, root)
	change(t, p, ".env", "A=2\n")
	change(t, p, ".env.local", "A=3\n")
	refused(t, p, root, ErrSameFile)
}

// A link that leads nowhere is refused, not replaced.
func TestDanglingLink(t *testing.T) {
	root := t.TempDir()
	must(t, os.Symlink("nowhere", filepath.Join(root, ".env")))
	p := newPlan(t, root)
	change(t, p, ".env", "A=2\n")
	refused(t, p, root, os.ErrNotExist)
}

// A folder that was closed stays as it is, for root too.
func TestReadOnlyFolder(t *testing.T) {
	root := project(t, map[string]string{"app/main.py": "x\n"})
	must(t, os.Chmod(filepath.Join(root, "app"), 0o555))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(root, "app"), 0o755) })
	p := newPlan(t, root)
	change(t, p, "app/new.py", "x\n")
	refused(t, p, root, ErrReadOnly)
}

// The mode of a changed file is kept, a made one gets what was asked for.
func TestModes(t *testing.T) {
	root := project(t, map[string]string{"run.py": "x\n"})
	must(t, os.Chmod(filepath.Join(root, "run.py"), 0o751))
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, "run.py", "y\n")
	must(t, p.Write(".env", nil, []byte("S=1\n"), 0o600))
	applied, err := p.Apply(context.Background())
	must(t, err)
	info, err := os.Stat(journalFile(root))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the journal, which holds secrets, has mode %v (%v)", info.Mode(), err)
	}
	must(t, applied.Done())
	must(t, held.Release())
	same(t, "after", tree(t, root), map[string]string{
		"./": "", "run.py": "-rwxr-x--x\ny\n", ".env": "-rw-------\nS=1\n",
	})
}

// A disk that fills up while we write changes nothing, and nothing is deleted.
func TestFullDisk(t *testing.T) {
	if !alone(t) {
		return
	}
	root := project(t, map[string]string{"main.py": "old\n", "auth/a.py": "a\n"})
	before := tree(t, root)
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, "main.py", "new\n")
	change(t, p, "app/big.py", string(make([]byte, 32<<20)))
	del(t, p, "auth/a.py")
	must(t, p.Prune("auth"))
	onFullDisk(t, func() error { _, err := p.Apply(context.Background()); return err })
	must(t, held.Release())
	same(t, "after", tree(t, root), before)
}

// An undo that a full disk stops loses nothing: the next run does it.
func TestUndoOnFullDisk(t *testing.T) {
	if !alone(t) {
		return
	}
	root := project(t, map[string]string{"main.py": "old\n", "auth/big.py": string(make([]byte, 32<<20))})
	before := tree(t, root)
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, "main.py", "new\n")
	del(t, p, "auth/big.py")
	must(t, p.Prune("auth"))
	applied, err := p.Apply(context.Background())
	must(t, err)
	onFullDisk(t, func() error { _, err := applied.Undo(); return err })
	r, err := Recover(root)
	if err != nil || r.Outcome != Finished {
		t.Fatal(r.Outcome, err)
	}
	if kept, err := r.Applied.Undo(); err != nil || kept != nil {
		t.Fatal(kept, err)
	}
	must(t, held.Release())
	same(t, "after", tree(t, root), before)
}

// onFullDisk wants work to fail for want of room. The limit on the size of a file
// stands in for the disk: a write fails half way.
func onFullDisk(t *testing.T, work func() error) {
	t.Helper()
	var was syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 16 << 20, Max: was.Max}))
	err := work()
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was))
	if !errors.Is(err, syscall.EFBIG) {
		t.Fatal(err)
	}
}

// alone is true in a process of the test's own, which it starts otherwise: the
// limit holds for all of one, and the tests' common log is a file too.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv("PLAN_ALONE") != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "PLAN_ALONE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}
