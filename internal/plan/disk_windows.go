package plan

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// keepOwner: a new file inherits its rights from the folder.
func keepOwner(string, fs.FileInfo) {}

// mayChange: who may is not written in one place there; the attempt shows.
func mayChange(string) bool { return true }

func replace(from, to string) error {
	return patiently(func() error { return os.Rename(from, to) })
}

func unlink(path string) error {
	return patiently(func() error { return os.Remove(path) })
}

// patiently tries again for half a second: virus scanners and editors hold files
// open for moments.
func patiently(work func() error) error {
	var err error
	for range 25 {
		err = work()
		if !errors.Is(err, windows.ERROR_SHARING_VIOLATION) && !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// syncDir: NTFS journals names by itself.
func syncDir(string) error { return nil }

// tryLock locks a byte far behind the end, because a locked byte can't be read
// and the file holds the process number.
func tryLock(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	far := windows.Overlapped{OffsetHigh: 1 << 20}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &far)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}

// dropLock closes first: an open file has no name to remove here. Removing fails
// when the next process has opened it, which then keeps it.
func dropLock(f *os.File, name string) error {
	err := f.Close()
	_ = os.Remove(name)
	return err
}
