package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// staged is a change whose place on disk was looked at.
type staged struct {
	Change
	target string      // the real file, behind any link
	info   fs.FileInfo // nil: it will be made
}

// stage finds and checks every target: it holds what the plan was made from, and
// it can be written. Nothing is created.
func (p *Plan) stage() ([]staged, error) {
	var all []staged
	for _, c := range p.Changes() {
		target, err := resolve(p.root, c.Path)
		if err != nil {
			return nil, err
		}
		s := staged{Change: c, target: target}
		if s.info, err = s.check(); err != nil {
			return nil, err
		}
		for _, other := range all {
			if s.sameFile(other) {
				return nil, fmt.Errorf("%s and %s: %w", other.Path, s.Path, ErrSameFile)
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// resolve returns the file behind path. Links are followed, so that a linked
// file stays a link and its target is what changes. The last elements may not
// exist yet.
func resolve(root, rel string) (string, error) {
	full := filepath.Join(root, filepath.FromSlash(rel))
	missing := ""
	for at := full; ; at = filepath.Dir(at) {
		real, err := filepath.EvalSymlinks(at)
		if err == nil {
			return filepath.Join(real, missing), nil
		}
		if _, linked := os.Lstat(at); linked == nil || !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			return "", fmt.Errorf("%s: %w", rel, err)
		}
		missing = filepath.Join(filepath.Base(at), missing)
	}
}

func (s staged) check() (fs.FileInfo, error) {
	if s.Old == nil {
		return nil, s.checkFree()
	}
	info, err := os.Stat(s.target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: it is gone", s.Path, ErrChanged)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", s.Path, ErrNotFile)
	}
	if err := writable(s.target, info); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	now, err := os.ReadFile(s.target)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(now, s.Old) {
		return nil, fmt.Errorf("%s: %w", s.Path, ErrChanged)
	}
	return info, nil
}

// writable is stricter than the system for root, whom no mode stops: a file
// without a write bit was closed on purpose.
func writable(target string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o222 == 0 {
		return ErrReadOnly
	}
	f, err := os.OpenFile(target, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrPermission) {
		return ErrReadOnly
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// checkFree: nothing stands at the target, and its folder can take a file.
func (s staged) checkFree() error {
	if _, err := os.Lstat(s.target); err == nil {
		return fmt.Errorf("%s: %w", s.Path, ErrExists)
	}
	dir, rel := filepath.Dir(s.target), path.Dir(s.Path)
	info, err := os.Stat(dir)
	for errors.Is(err, fs.ErrNotExist) {
		dir, rel = filepath.Dir(dir), path.Dir(rel)
		info, err = os.Stat(dir)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", s.Path, err)
	case !info.IsDir():
		return fmt.Errorf("%s: %s is not a folder", s.Path, rel)
	case info.Mode().Perm()&0o222 == 0:
		return fmt.Errorf("%s: the folder %s %w", s.Path, rel, ErrReadOnly)
	}
	return nil
}

func (s staged) sameFile(other staged) bool {
	if s.target == other.target {
		return true
	}
	return s.info != nil && other.info != nil && os.SameFile(s.info, other.info)
}

// missingDirs lists the folders that are to be made, parents first, as paths
// under the root.
func missingDirs(root string, all []staged) []string {
	var dirs []string
	seen := map[string]bool{}
	for _, s := range all {
		parts := strings.Split(path.Dir(s.Path), "/")
		for i := range parts {
			dir := strings.Join(parts[:i+1], "/")
			if seen[dir] {
				continue
			}
			seen[dir] = true
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(dir))); errors.Is(err, fs.ErrNotExist) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}
