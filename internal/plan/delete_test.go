package plan

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What was deleted is gone, with the folders that are empty then; a folder in
// which the user has something stays, and so does every parent that was not named.
func TestDelete(t *testing.T) {
	root := project(t, map[string]string{
		"app/auth/a.py": "a\n", "app/auth/deep/b.py": "", "app/auth/deep/__pycache__/b.pyc": "x",
		"app/mine/c.py": "c\n", "app/mine/user.py": "u\n", "app/void/": "", "app/full/d.py": "d\n",
	})
	held := lock(t, root)
	p := newPlan(t, root)
	for _, path := range []string{"app/auth/a.py", "app/auth/deep/b.py", "app/mine/c.py", "app/full/d.py"} {
		del(t, p, path)
	}
	change(t, p, "app/full/new.py", "new\n")
	for _, dir := range []string{"app/auth", "app/mine", "app/auth/deep", "app/full", "app/missing"} {
		must(t, p.Prune(dir))
	}
	applied, err := p.Apply(context.Background())
	must(t, err)
	must(t, applied.Done())
	must(t, held.Release())
	same(t, "after", tree(t, root), map[string]string{
		"./": "", "app/": "", "app/void/": "", "app/mine/": "", "app/mine/user.py": "-rw-r--r--\nu\n",
		"app/full/": "", "app/full/new.py": "-rw-r--r--\nnew\n",
	})
}

// Writes come before deletions, whatever the order of planning.
func TestDeletionsComeLast(t *testing.T) {
	p := newPlan(t, project(t, map[string]string{"a.py": "a\n", "b.py": "b\n"}))
	del(t, p, "a.py")
	change(t, p, "b.py", "B\n")
	change(t, p, "c.py", "c\n")
	var order []string
	for _, c := range p.Changes() {
		order = append(order, c.Path)
	}
	if got := strings.Join(order, " "); got != "b.py c.py a.py" {
		t.Error(got)
	}
}

// A plan can change its mind about a file, and reads what it will be.
func TestDeleteAndWrite(t *testing.T) {
	p := newPlan(t, project(t, map[string]string{"a.py": "a\n", "empty.py": ""}))
	del(t, p, "a.py")
	if _, err := p.Read("a.py"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a deleted file reads as %v", err)
	}
	if err := p.Delete("a.py", []byte("a\n")); !errors.Is(err, ErrChanged) {
		t.Errorf("deleted twice: %v", err)
	}
	if err := p.Write("a.py", []byte("a\n"), []byte("b\n"), 0o644); !errors.Is(err, ErrChanged) {
		t.Errorf("written over its old content: %v", err)
	}
	change(t, p, "a.py", "b\n")
	if c := p.Changes(); len(c) != 1 || string(c[0].Old) != "a\n" || string(c[0].New) != "b\n" {
		t.Errorf("written after its deletion: %+v", c)
	}
	del(t, p, "a.py")
	change(t, p, "a.py", "a\n")
	change(t, p, "new.py", "n\n")
	del(t, p, "new.py")
	if c := p.Changes(); len(c) != 0 {
		t.Errorf("back at the start, something is planned: %+v", c)
	}
	del(t, p, "empty.py")
	if c := p.Changes(); len(c) != 1 || c[0].New != nil {
		t.Errorf("an empty file: %+v", c)
	}
	if err := p.Delete("missing.py", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// No deletion leads out of the project or into fastman's own work.
func TestDeleteStaysInside(t *testing.T) {
	p := newPlan(t, t.TempDir())
	for _, path := range []string{"", ".", "..", "../x", "/etc/x", "a/../../x", ".fastman/tmp/lock"} {
		if err := p.Delete(path, []byte("x")); !errors.Is(err, ErrPath) {
			t.Errorf("delete %q: %v", path, err)
		}
		if err := p.Prune(path); !errors.Is(err, ErrPath) {
			t.Errorf("prune %q: %v", path, err)
		}
	}
}

// Each of these stops a deletion before anything is done.
func TestDeleteRefuses(t *testing.T) {
	cases := []struct {
		name string
		prep func(t *testing.T, root string)
		want error
	}{
		{"changed file", func(t *testing.T, root string) {
			must(t, os.WriteFile(filepath.Join(root, "app/auth/a.py"), []byte("mine"), 0o644))
		}, ErrChanged},
		{"file gone", func(t *testing.T, root string) {
			must(t, os.Remove(filepath.Join(root, "app/auth/a.py")))
		}, ErrChanged},
		{"read-only file", func(t *testing.T, root string) {
			must(t, os.Chmod(filepath.Join(root, "app/auth/a.py"), 0o444))
		}, ErrReadOnly},
		{"read-only folder", func(t *testing.T, root string) {
			close555(t, filepath.Join(root, "app/auth"))
		}, ErrReadOnly},
		{"read-only folder around one that goes", func(t *testing.T, root string) {
			close555(t, filepath.Join(root, "app"))
		}, ErrReadOnly},
		{"folder in place of the file", func(t *testing.T, root string) {
			must(t, os.Remove(filepath.Join(root, "app/auth/a.py")))
			must(t, os.Mkdir(filepath.Join(root, "app/auth/a.py"), 0o755))
		}, ErrNotFile},
		{"link in place of the file", func(t *testing.T, root string) {
			must(t, os.Rename(filepath.Join(root, "app/auth/a.py"), filepath.Join(root, "real.py")))
			must(t, os.Symlink("../../real.py", filepath.Join(root, "app/auth/a.py")))
		}, ErrLink},
		{"folder that is shared with other projects", func(t *testing.T, root string) {
			shared := t.TempDir()
			must(t, os.WriteFile(filepath.Join(shared, "a.py"), []byte("a\n"), 0o644))
			must(t, os.RemoveAll(filepath.Join(root, "app/auth")))
			must(t, os.Symlink(shared, filepath.Join(root, "app/auth")))
		}, ErrLink},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := project(t, map[string]string{"app/auth/a.py": "a\n", "main.py": "old\n"})
			p := newPlan(t, root)
			change(t, p, "main.py", "new\n")
			del(t, p, "app/auth/a.py")
			must(t, p.Prune("app/auth"))
			c.prep(t, root)
			refused(t, p, root, c.want)
		})
	}
}

func close555(t *testing.T, dir string) {
	must(t, os.Chmod(dir, 0o555))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
}

// A closed folder is in nobody's way when what would go from it stays anyway.
func TestPruneThatStays(t *testing.T) {
	root := project(t, map[string]string{"app/auth/a.py": "a\n", "app/auth/user.py": "u\n"})
	close555(t, filepath.Join(root, "app"))
	p := newPlan(t, root)
	del(t, p, "app/auth/a.py")
	must(t, p.Prune("app/auth"))
	must(t, p.Check())
}

// A linked folder is followed inside the project, and is not taken for an empty one.
func TestDeleteBehindLinkedFolder(t *testing.T) {
	root := project(t, map[string]string{"shared/auth/a.py": "a\n"})
	must(t, os.Symlink("shared", filepath.Join(root, "app")))
	held := lock(t, root)
	p := newPlan(t, root)
	del(t, p, "app/auth/a.py")
	must(t, p.Prune("app/auth"))
	must(t, p.Prune("app"))
	applied, err := p.Apply(context.Background())
	must(t, err)
	must(t, applied.Done())
	must(t, held.Release())
	same(t, "after", tree(t, root), map[string]string{"./": "", "shared/": "", "app": "-> shared"})
}

// An undo brings deleted files and folders back with their modes, around what the
// user has put in their place since.
func TestUndoOfDelete(t *testing.T) {
	root := project(t, map[string]string{"auth/a.py": "a\n", "auth/b.py": "", "auth/.env": "S=1\n", "open/c.py": "c\n"})
	must(t, os.Chmod(filepath.Join(root, "auth/a.py"), 0o751))
	must(t, os.Chmod(filepath.Join(root, "auth/.env"), 0o600))
	must(t, os.Chmod(filepath.Join(root, "open"), 0o777|fs.ModeSetgid))
	want := tree(t, root)
	held := lock(t, root)
	p := newPlan(t, root)
	for _, path := range []string{"auth/a.py", "auth/b.py", "auth/.env", "open/c.py"} {
		del(t, p, path)
	}
	must(t, p.Prune("auth"))
	must(t, p.Prune("open"))
	applied, err := p.Apply(context.Background())
	must(t, err)
	must(t, os.Mkdir(filepath.Join(root, "auth"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "auth/b.py"), []byte("mine\n"), 0o644))
	want["auth/b.py"] = "-rw-r--r--\nmine\n"
	kept, err := applied.Undo()
	if err != nil || strings.Join(kept, " ") != "auth/b.py" {
		t.Fatal(kept, err)
	}
	must(t, held.Release())
	same(t, "after", tree(t, root), want)
	if info, err := os.Stat(filepath.Join(root, "open")); err != nil || info.Mode() != 0o777|fs.ModeDir|fs.ModeSetgid {
		t.Errorf("the folder came back as %v (%v)", info.Mode(), err)
	}
}

// What was deleted from a folder that the user took away since stays away.
func TestUndoWithoutTheFolder(t *testing.T) {
	root := project(t, map[string]string{"app/auth/a.py": "a\n", "main.py": "old\n"})
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, "main.py", "new\n")
	del(t, p, "app/auth/a.py")
	must(t, p.Prune("app/auth"))
	applied, err := p.Apply(context.Background())
	must(t, err)
	must(t, os.Remove(filepath.Join(root, "app")))
	kept, err := applied.Undo()
	if err != nil || strings.Join(kept, " ") != "app/auth/a.py" {
		t.Fatal(kept, err)
	}
	must(t, held.Release())
	same(t, "after", tree(t, root), map[string]string{"./": "", "main.py": "-rw-r--r--\nold\n"})
}

// A file that somebody changes at the last moment is not deleted: the whole run
// is undone.
func TestChangedBeforeDeletion(t *testing.T) {
	root := project(t, map[string]string{"main.py": "old\n", "app/a.py": "a\n", "app/b.py": "b\n"})
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, "main.py", "new\n")
	del(t, p, "app/a.py")
	del(t, p, "app/b.py")
	must(t, p.Prune("app"))
	Fault = func(point string) error {
		if point == "remove a.py" {
			return os.WriteFile(filepath.Join(root, "app/b.py"), []byte("mine\n"), 0o644)
		}
		return nil
	}
	_, err := p.Apply(context.Background())
	Fault = nil
	var unfinished *Unfinished
	if !errors.As(err, &unfinished) || !errors.Is(err, ErrChanged) || strings.Join(unfinished.Kept, " ") != "app/b.py" {
		t.Fatal(err)
	}
	must(t, held.Release())
	same(t, "after", tree(t, root), map[string]string{
		"./": "", "main.py": "-rw-r--r--\nold\n",
		"app/": "", "app/a.py": "-rw-r--r--\na\n", "app/b.py": "-rw-r--r--\nmine\n",
	})
}

// A file that the user puts into a folder at the last moment keeps the folder.
func TestFilledBeforePrune(t *testing.T) {
	root := project(t, map[string]string{"app/a.py": "a\n"})
	held := lock(t, root)
	p := newPlan(t, root)
	del(t, p, "app/a.py")
	must(t, p.Prune("app"))
	Fault = func(point string) error {
		if point == "remove a.py" {
			return os.WriteFile(filepath.Join(root, "app/user.py"), []byte("mine\n"), 0o644)
		}
		return nil
	}
	applied, err := p.Apply(context.Background())
	Fault = nil
	must(t, err)
	must(t, applied.Done())
	must(t, held.Release())
	same(t, "after", tree(t, root), map[string]string{"./": "", "app/": "", "app/user.py": "-rw-r--r--\nmine\n"})
}

// The diff shows what goes, but no value of an env file, and reads well with
// spaces and letters of all alphabets in a name.
func TestDiffOfDelete(t *testing.T) {
	root := project(t, map[string]string{"a.py": "a\nb", "__init__.py": "", ".env": "KEY=hunter2\nMINUTES=30\n", "base.json": "{}\n", "mein schlüssel.py": "x\n"})
	p := newPlan(t, root)
	for _, path := range []string{"a.py", "__init__.py", ".env", "base.json", "mein schlüssel.py"} {
		del(t, p, path)
	}
	p.Mask(".env", "MINUTES")
	p.Brief("base.json")
	want := `--- a/a.py
+++ /dev/null
@@ -1,2 +0,0 @@
-a
-b
\ No newline at end of file
--- a/__init__.py
+++ /dev/null
--- a/.env
+++ /dev/null
@@ -1,2 +0,0 @@
-KEY=********
-MINUTES=30
--- a/base.json
+++ /dev/null
# 3 bytes, not shown
--- a/mein schlüssel.py` + "\t" + `
+++ /dev/null
@@ -1 +0,0 @@
-x
`
	if got := p.Diff(); got != want {
		t.Errorf("%s", got)
	}
}

// Names with spaces and letters of all alphabets are made, changed, deleted and
// brought back like others.
func TestUnusualNames(t *testing.T) {
	root := project(t, map[string]string{"my app/größe.py": "old\n", "日本/ключ α.py": "k\n", "-rf/$HOME 'x'.py": "x\n"})
	before := tree(t, root)
	held := lock(t, root)
	p := newPlan(t, root)
	change(t, p, "my app/größe.py", "new\n")
	change(t, p, "my app/sub folder/🔑.py", "made\n")
	del(t, p, "日本/ключ α.py")
	del(t, p, "-rf/$HOME 'x'.py")
	must(t, p.Prune("日本"))
	must(t, p.Prune("-rf"))
	applied, err := p.Apply(context.Background())
	must(t, err)
	now := tree(t, root)
	maps.DeleteFunc(now, func(name, _ string) bool { return strings.HasPrefix(name, ".fastman/") })
	same(t, "applied", now, map[string]string{
		"./": "", "my app/": "", "my app/größe.py": "-rw-r--r--\nnew\n",
		"my app/sub folder/": "", "my app/sub folder/🔑.py": "-rw-r--r--\nmade\n",
	})
	if kept, err := applied.Undo(); err != nil || kept != nil {
		t.Fatal(kept, err)
	}
	must(t, held.Release())
	same(t, "undone", tree(t, root), before)
}
