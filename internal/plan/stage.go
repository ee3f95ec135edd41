package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// staged is a change whose place on disk was looked at.
type staged struct {
	Change
	target string      // the real file, behind any link; what is deleted is no link
	info   fs.FileInfo // nil: it will be made
}

// stage finds and checks every target: it holds what the plan was made from, and
// it can be written. Nothing is created.
func (p *Plan) stage() ([]staged, []folder, error) {
	var all []staged
	for _, c := range p.Changes() {
		target, err := place(p.root, c.Path, c.New == nil)
		if err != nil {
			return nil, nil, err
		}
		s := staged{Change: c, target: target}
		if s.info, err = s.check(); err != nil {
			return nil, nil, err
		}
		if s.info != nil {
			s.Mode = s.info.Mode().Perm()
		}
		for _, other := range all {
			if s.sameFile(other) {
				return nil, nil, fmt.Errorf("%s and %s: %w", other.Path, s.Path, ErrSameFile)
			}
		}
		all = append(all, s)
	}
	emptied, err := p.emptied(all)
	return all, emptied, err
}

// place is where the file or folder named rel really stands.
func place(root, rel string, deleted bool) (string, error) {
	if deleted {
		return own(root, rel)
	}
	return resolve(root, rel)
}

// own refuses a link, and what stands behind a linked folder outside the root:
// others use that too.
func own(root, rel string) (string, error) {
	dir, err := resolve(root, path.Dir(rel))
	if err != nil {
		return "", err
	}
	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", err
	}
	target := filepath.Join(dir, path.Base(rel))
	inside, err := filepath.Rel(realRoot, target)
	if err != nil || !filepath.IsLocal(inside) {
		return "", fmt.Errorf("%s: %w", rel, ErrLink)
	}
	if info, err := os.Lstat(target); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return "", fmt.Errorf("%s: %w", rel, ErrLink)
	}
	return target, nil
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
	if s.New == nil {
		return info, openFolder(filepath.Dir(s.target), s.Path)
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
	return openFolder(filepath.Dir(s.target), s.Path)
}

// openFolder: names can be made and taken away in the folder dir that rel stands
// in, or where that is missing, in the first one above that is there.
func openFolder(dir, rel string) error {
	at := path.Dir(rel)
	info, err := os.Stat(dir)
	for errors.Is(err, fs.ErrNotExist) {
		dir, at = filepath.Dir(dir), path.Dir(at)
		info, err = os.Stat(dir)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", rel, err)
	case !info.IsDir():
		return fmt.Errorf("%s: %s is not a folder", rel, at)
	case info.Mode().Perm()&0o222 == 0, !mayChange(dir):
		return fmt.Errorf("%s: the folder %s %w", rel, at, ErrReadOnly)
	}
	return nil
}

// folder is one that goes, with the mode that it gets when it comes back.
type folder struct {
	Path string      `json:"path"`
	Mode fs.FileMode `json:"mode"`
}

// emptied lists the folders to prune in which nothing will be left, children first.
func (p *Plan) emptied(all []staged) ([]folder, error) {
	var folders []folder
	gone, stays := map[string]bool{}, map[string]bool{}
	for _, s := range all {
		gone[s.Path] = s.New == nil
		for dir := path.Dir(s.Path); s.New != nil && dir != "."; dir = path.Dir(dir) {
			stays[dir] = true
		}
	}
	for _, dir := range slices.Backward(slices.Sorted(slices.Values(p.prunes))) {
		if stays[dir] {
			continue
		}
		info, empty, err := p.emptyBut(dir, gone)
		if err != nil {
			return nil, err
		}
		if empty {
			gone[dir] = true
			folders = append(folders, folder{dir, info.Mode() &^ fs.ModeDir})
		}
	}
	return folders, nil
}

// emptyBut tells whether nothing is in dir but what is gone by then, and what
// Python compiled. A link and what is no folder is not empty.
func (p *Plan) emptyBut(dir string, gone map[string]bool) (fs.FileInfo, bool, error) {
	target, err := own(p.root, dir)
	if err != nil {
		return nil, false, nil
	}
	info, err := os.Lstat(target)
	if err != nil || !info.IsDir() {
		return nil, false, nil
	}
	entries, err := os.ReadDir(target)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", dir, err)
	}
	for _, entry := range entries {
		if entry.Name() != compiled && !gone[path.Join(dir, entry.Name())] {
			return nil, false, nil
		}
	}
	return info, true, openFolder(filepath.Dir(target), dir)
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
