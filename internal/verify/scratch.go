package verify

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/install"
)

// largestCopied bounds what is taken along: data and models are no part of an app's code.
const largestCopied = 64 << 20

// left are folders that hold nothing an app reads, or what it finds where it stands.
var left = []string{".git", ".hg", ".svn", ".fastman", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".idea", ".vscode"}

// scratchFolder makes the folder of a run, and returns its one true path.
func scratchFolder() (string, error) {
	dir, err := os.MkdirTemp("", "fastman-verify-")
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// copyProject copies a project without databases and what was installed into it, and with
// empty env files, since many an app does not start without: one that runs in the copy
// finds its own code there, and nothing to harm.
func copyProject(from, to string) error {
	return filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) && file != from {
			return fs.SkipDir // the app cannot read it where it stands, either
		}
		rel, relErr := filepath.Rel(from, file)
		if err = errors.Join(err, relErr); err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case entry.IsDir() && file != from && (staysBehind(file, entry.Name()) || file == filepath.Dir(to)):
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case install.IsEnv(file):
			return os.WriteFile(target, nil, 0o600)
		case isDatabase(entry.Name()):
			return nil
		case entry.Type()&fs.ModeSymlink != 0:
			return copyLink(from, file, target)
		case !entry.Type().IsRegular():
			return nil
		}
		return copyFile(file, target, entry)
	})
}

func staysBehind(dir, name string) bool {
	return slices.Contains(left, name) || slices.ContainsFunc([]string{"pyvenv.cfg", "conda-meta"}, func(mark string) bool {
		_, err := os.Stat(filepath.Join(dir, mark))
		return err == nil
	})
}

func isDatabase(name string) bool {
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return slices.Contains([]string{".db", ".sqlite", ".sqlite3", ".db3"}, filepath.Ext(name))
}

// copyLink lets a link lead where it did: to the copy of what is in the project.
func copyLink(root, file, target string) error {
	to, err := filepath.EvalSymlinks(file)
	if err != nil {
		return nil // it led nowhere before
	}
	if rel, err := filepath.Rel(root, to); err == nil && filepath.IsLocal(rel) {
		if rel, err = filepath.Rel(filepath.Dir(file), to); err == nil {
			return os.Symlink(rel, target)
		}
	}
	return os.Symlink(to, target)
}

func copyFile(from, to string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil || info.Size() > largestCopied {
		return err
	}
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
