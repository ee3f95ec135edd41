package project

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	largestFile = 1 << 20 // bytes; source that people write is smaller
	mostFiles   = 20_000  // Python files; beyond them the search is not of a project
)

// marks are the words one of which a file must hold to be worth parsing.
var marks = [][]byte{
	[]byte("FastAPI"), []byte("BaseSettings"), []byte("Settings)"), []byte("DeclarativeBase"),
	[]byte("declarative_base"), []byte("as_declarative"), []byte("generate_base"), []byte("create_engine"),
	[]byte("create_async_engine"), []byte("SQLModel"), []byte("__tablename__"), []byte("discover_routers"),
	[]byte("create_table"), []byte("Table("),
}

// skipped are folders that hold no source of the project.
var skipped = []string{"node_modules", "__pycache__", "site-packages", "build", "dist", "venv", "env"}

// listing is what a walk over the project found. Paths are slash-separated.
type listing struct {
	python  []string          // every Python file
	files   map[string]bool   // the same, as a set
	sources map[string][]byte // those that hold a mark
	dirs    map[string]bool   // folders with Python files in them or below
	venvs   []string
	inis    []string // alembic.ini files
}

func walkProject(root string) (*listing, error) {
	l := &listing{files: map[string]bool{}, sources: map[string][]byte{}, dirs: map[string]bool{}}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, file)
		rel = filepath.ToSlash(rel)
		switch {
		case err != nil:
			if rel == "." {
				return err
			}
			return nil
		case d.IsDir():
			return l.enter(file, rel, d.Name())
		case len(l.python) < mostFiles:
			l.take(file, rel, d)
		}
		return nil
	})
	return l, err
}

func (l *listing) enter(file, rel, name string) error {
	if rel == "." {
		return nil
	}
	if _, err := os.Stat(filepath.Join(file, "pyvenv.cfg")); err == nil {
		l.venvs = append(l.venvs, rel)
		return fs.SkipDir
	}
	if strings.HasPrefix(name, ".") || slices.Contains(skipped, name) || strings.ContainsAny(name, "{}") {
		return fs.SkipDir
	}
	return nil
}

func (l *listing) take(file, rel string, d fs.DirEntry) {
	if d.Name() == "alembic.ini" {
		l.inis = append(l.inis, rel)
	}
	if path.Ext(rel) != ".py" {
		return
	}
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > largestFile {
		return
	}
	l.python, l.files[rel] = append(l.python, rel), true
	for dir := path.Dir(rel); dir != "." && !l.dirs[dir]; dir = path.Dir(dir) {
		l.dirs[dir] = true
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return
	}
	for _, mark := range marks {
		if bytes.Contains(src, mark) {
			l.sources[rel] = src
			return
		}
	}
}

// has reports whether a module of that path exists below dir: as a file, a
// package, or a folder with Python files.
func (l *listing) has(dir string, parts []string) bool {
	at := path.Join(append([]string{dir}, parts...)...)
	return l.dirs[at] || l.files[at+".py"]
}

// isPackage reports whether a folder has an __init__.py.
func (l *listing) isPackage(dir string) bool {
	return dir != "" && dir != "." && l.files[dir+"/__init__.py"]
}

func splitLines(text []byte) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text)), "\n")
}

// up is the folder above, "" for the project's root.
func up(p string) string {
	if dir := path.Dir(p); dir != "." && dir != "/" {
		return dir
	}
	return ""
}
