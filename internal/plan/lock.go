package plan

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tmpDir holds the lock and the journal. It ignores itself in git.
const tmpDir = ".fastman/tmp"

// ErrLocked: another run is at work in the same project.
var ErrLocked = errors.New("another fastman is at work here")

// Held is the right to write in a project. It ends with its process.
type Held struct {
	root string
	file *os.File
}

// Lock takes the right to write in root, or fails with ErrLocked at once.
func Lock(root string) (*Held, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	// A folder or file that another run takes away in between is made again.
	for range 100 {
		held, err := tryHold(abs)
		if held != nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return held, err
		}
		if _, gone := os.Stat(abs); gone != nil {
			return nil, gone
		}
	}
	return nil, ErrLocked
}

// tryHold returns neither a lock nor an error when the file lost its name
// meanwhile.
func tryHold(root string) (held *Held, err error) {
	if err := ensureTmp(root); err != nil {
		return nil, err
	}
	name := lockFile(root)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		tidy(root)
		return nil, err
	}
	defer func() {
		if held == nil {
			err = errors.Join(err, f.Close())
		}
	}()
	switch free, err := tryLock(f); {
	case err != nil:
		return nil, err
	case !free:
		return nil, lockedBy(f)
	}
	if !sameName(f, name) {
		return nil, nil
	}
	return &Held{root, f}, errors.Join(f.Truncate(0), writePid(f), ignoreItself(root))
}

func lockedBy(f *os.File) error {
	text, _ := io.ReadAll(io.LimitReader(f, 32))
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		return fmt.Errorf("%w (process %d)", ErrLocked, pid)
	}
	return ErrLocked
}

func writePid(f *os.File) error {
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func sameName(f *os.File, name string) bool {
	held, err1 := f.Stat()
	named, err2 := os.Stat(name)
	return err1 == nil && err2 == nil && os.SameFile(held, named)
}

// Release gives the right back and leaves no trace of it.
func (h *Held) Release() error {
	if !hasJournal(h.root) {
		_ = os.Remove(ignoreFile(h.root))
	}
	err := dropLock(h.file, lockFile(h.root))
	tidy(h.root)
	return err
}

func lockFile(root string) string   { return filepath.Join(root, tmpDir, "lock") }
func ignoreFile(root string) string { return filepath.Join(root, tmpDir, ".gitignore") }

func ensureTmp(root string) error {
	if err := os.Mkdir(filepath.Join(root, ".fastman"), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Mkdir(filepath.Join(root, tmpDir), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func ignoreItself(root string) error {
	return os.WriteFile(ignoreFile(root), []byte("*\n"), 0o600)
}

// tidy takes away the folders of our own that are empty.
func tidy(root string) {
	if os.Remove(filepath.Join(root, tmpDir)) == nil {
		_ = os.Remove(filepath.Join(root, ".fastman"))
	}
}
