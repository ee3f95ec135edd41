package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Fault, when set, is called before each step on the disk, with its name: a test
// makes the step fail, or ends the process there.
var Fault func(point string) error

func step(point string) error {
	if Fault == nil {
		return nil
	}
	return Fault(point)
}

// writeFile makes a file that must not exist and brings it to the disk. Where it
// takes the place of one, like, it gets exactly this mode and, where possible,
// that owner; else the umask counts.
func writeFile(file string, data []byte, mode fs.FileMode, like fs.FileInfo) (err error) {
	if err := step("create " + filepath.Base(file)); err != nil {
		return err
	}
	first := mode
	if like != nil {
		first = 0o600
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, first)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := step("write " + filepath.Base(file)); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if like != nil {
		keepOwner(file, like)
		if err := f.Chmod(mode); err != nil {
			return err
		}
	}
	if err := step("sync " + filepath.Base(file)); err != nil {
		return err
	}
	return f.Sync()
}

func rename(from, to string) error {
	if err := step("rename to " + filepath.Base(to)); err != nil {
		return err
	}
	return replace(from, to)
}

func makeDir(dir string) error {
	if err := step("mkdir " + filepath.Base(dir)); err != nil {
		return err
	}
	return os.Mkdir(dir, 0o777)
}

// remove takes one file or empty folder away; one that is gone is no error.
func remove(path string) error {
	if err := step("remove " + filepath.Base(path)); err != nil {
		return err
	}
	if err := unlink(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// compiled is where Python keeps what it can make again.
const compiled = "__pycache__"

// removeDir takes a folder away, unless something else is in it. What Python
// compiled there is not something else.
func removeDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // never made, or gone
	}
	for _, entry := range entries {
		if entry.Name() != compiled {
			return nil
		}
	}
	if err := step("remove " + compiled); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, compiled)); err != nil {
		return err
	}
	return remove(dir)
}

// setMode gives a folder its mode and, where possible, the owner of like.
func setMode(dir string, mode fs.FileMode, like fs.FileInfo) error {
	if err := step("chmod " + filepath.Base(dir)); err != nil {
		return err
	}
	keepOwner(dir, like)
	return os.Chmod(dir, mode)
}

func syncDirs(dirs []string) error {
	return each(len(dirs), func(i int) error {
		if err := step("sync folder " + filepath.Base(dirs[i])); err != nil {
			return err
		}
		return syncDir(dirs[i])
	})
}

// each runs work(0) … work(n-1), eight at a time: a disk takes many requests to
// sync together in the time of one. Under Fault the order is fixed.
func each(n int, work func(i int) error) error {
	if Fault != nil {
		for i := range n {
			if err := work(i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, n)
	var all sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			errs[i] = work(i)
			<-slots
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// hash names content; "" is no file.
func hash(data []byte) string {
	if data == nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// hashOf is the hash of what stands at path.
func hashOf(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "not a file", nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if data == nil {
		data = []byte{}
	}
	return hash(data), nil
}

// ReplaceFile gives one file new content, whole or not at all; nil removes it. It
// is for what a plan can't know: files that another program has changed since.
func ReplaceFile(file string, data []byte) error {
	target, err := filepath.EvalSymlinks(file)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = file, nil
	}
	if err != nil || data == nil {
		return errors.Join(err, remove(target))
	}
	mode := fs.FileMode(0o644)
	like, err := os.Stat(target)
	if err == nil {
		mode = like.Mode().Perm()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp := filepath.Join(filepath.Dir(target), ".fastman-replace.tmp")
	if err := remove(temp); err != nil {
		return err
	}
	if err := writeFile(temp, data, mode, like); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return rename(temp, target)
}
