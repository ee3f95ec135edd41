package plan

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A file that is changed through a link reads as it will be by its own name too.
func TestReadBehindALink(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "real.py"), []byte("old"), 0o644))
	if err := os.Symlink("real.py", filepath.Join(root, "main.py")); err != nil {
		t.Skip(err)
	}
	p, err := New(root)
	must(t, err)
	must(t, p.Write("main.py", []byte("old"), []byte("new"), 0o644))
	if text, err := p.Read("real.py"); err != nil || string(text) != "new" {
		t.Errorf("real.py reads %q, %v", text, err)
	}
}

// Whatever a manifest says, nothing in .git is touched: what stands there is run.
func TestGitFolderIsNoPartOfTheProject(t *testing.T) {
	p, err := New(t.TempDir())
	must(t, err)
	for _, path := range []string{".git/hooks/pre-commit", "lib/.GIT/config"} {
		if err := p.Delete(path, []byte("x")); !errors.Is(err, ErrPath) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
