//go:build !windows

package plan

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepOwner gives name the owner and group of like. Only root may give a file
// away: for others it stays theirs.
func keepOwner(name string, like fs.FileInfo) {
	stat, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	if err := os.Lchown(name, int(stat.Uid), int(stat.Gid)); err != nil {
		_ = os.Lchown(name, -1, int(stat.Gid))
	}
}

// mayChange tells whether this user may make and take away names in a folder.
func mayChange(dir string) bool {
	return !errors.Is(unix.Access(dir, unix.W_OK|unix.X_OK), fs.ErrPermission)
}

func replace(from, to string) error { return os.Rename(from, to) }

func unlink(path string) error { return os.Remove(path) }

// syncDir brings the names in a folder to the disk. File systems that have no
// such thing say EINVAL.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// dropLock removes the lock file while it is still held: whoever opened it
// before finds that its name is gone, and opens the next one.
func dropLock(f *os.File, name string) error {
	return errors.Join(os.Remove(name), f.Close())
}
