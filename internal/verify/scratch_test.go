package verify

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// An app gets its own code, also where the folder for temporary files is in the project, and
// nothing of what it must not harm; what is no file does not hold anybody up.
func TestScratchCopy(t *testing.T) {
	from, outside := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"app/main.py": "app = 1", ".env": "SECRET_KEY=x", "deploy/.env.production": "SECRET_KEY=x", "app.db": "rows", "data.sqlite3-wal": "rows",
		"venv/pyvenv.cfg": "", "venv/lib/big.py": "", "conda/conda-meta/history": "", "node_modules/x.js": "", "Größe und Maß/ä.py": "a = 1",
	} {
		file := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", filepath.Join(from, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for link, target := range map[string]string{"shared": outside, "main.py": filepath.Join("app", "main.py"), "nowhere": "gone"} {
		if err := os.Symlink(target, filepath.Join(from, link)); err != nil {
			t.Fatal(err)
		}
	}
	scratch := filepath.Join(from, "tmp", "fastman-verify-1")
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(scratch, "project")
	if err := copyProject(from, to); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"app/main.py": "app = 1", "main.py": "app = 1", "Größe und Maß/ä.py": "a = 1", ".env": "", "deploy/.env.production": ""} {
		if text, err := os.ReadFile(filepath.Join(to, name)); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
	for _, name := range []string{"app.db", "data.sqlite3-wal", "venv", "conda", "node_modules", "s", "nowhere", "tmp/fastman-verify-1"} {
		if _, err := os.Lstat(filepath.Join(to, name)); err == nil {
			t.Errorf("%s was taken along", name)
		}
	}
	if led, err := os.Readlink(filepath.Join(to, "shared")); err != nil || led != outside {
		t.Errorf("a link out of the project leads to %q, %v", led, err)
	}
	if led, _ := filepath.EvalSymlinks(filepath.Join(to, "main.py")); led != filepath.Join(to, "app", "main.py") {
		t.Errorf("a link within the project leads to %q", led)
	}
}

// A folder for temporary files that is named from where one stands is the same for the app,
// which stands elsewhere.
func TestScratchFolderIsAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", ".")
	if dir, err := scratchFolder(); err != nil || !filepath.IsAbs(dir) {
		t.Errorf("%q, %v", dir, err)
	}
}
