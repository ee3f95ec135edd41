package plan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Applied is a set of changes on its way to the disk or there. Until Done it can
// be undone.
type Applied struct {
	root string
	j    *journal
}

func newApplied(root, label string, all []staged) (*Applied, error) {
	j, err := newJournal(root, label, all)
	return &Applied{root, j}, err
}

// Label is the Plan's.
func (a *Applied) Label() string { return a.j.Label }

// Paths lists the files, in the order of writing.
func (a *Applied) Paths() []string {
	var paths []string
	for _, e := range a.j.Files {
		paths = append(paths, e.Path)
	}
	return paths
}

// prepare writes every new content beside its target. No file of the user has
// changed yet: a full disk or a closed folder shows here.
func (a *Applied) prepare(ctx context.Context, all []staged) error {
	// First the journal, so that nothing we make is ever unknown.
	if err := a.j.write(a.root); err != nil {
		return err
	}
	for _, dir := range a.j.Dirs {
		if err := makeDir(a.full(dir)); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	err := each(len(all), func(i int) error {
		s := all[i]
		temp := filepath.Join(filepath.Dir(s.target), a.j.Files[i].Temp)
		if err := writeFile(temp, s.New, s.Mode, s.info); err != nil {
			return fmt.Errorf("%s: %w", s.Path, withoutPath(err))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := syncDirs(a.dirs()); err != nil {
		return err
	}
	for _, s := range all {
		if _, err := s.check(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// withoutPath takes the name of a temporary file out of an error.
func withoutPath(err error) error {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// commit is the instant from which a kill leads forward, no longer back.
func (a *Applied) commit() error {
	a.j.State = committed
	if err := a.j.write(a.root); err != nil {
		return err
	}
	return syncDirs([]string{filepath.Join(a.root, ".fastman"), a.root})
}

// finish renames what is not yet renamed. It runs again after a kill, and stops
// at a file that somebody else has changed since.
func (a *Applied) finish() error {
	for _, e := range a.j.Files {
		if err := a.finishFile(e); err != nil {
			return err
		}
	}
	if err := syncDirs(a.dirs()); err != nil {
		return err
	}
	a.j.State = applied
	return a.j.write(a.root)
}

func (a *Applied) finishFile(e entry) error {
	target, err := resolve(a.root, e.Path)
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(target), e.Temp)
	waiting, err := hashOf(temp)
	if err != nil {
		return err
	}
	now, err := hashOf(target)
	if err != nil {
		return err
	}
	switch {
	case waiting == e.New && now == hash(e.Old):
		return rename(temp, target)
	case waiting == "" && now != hash(e.Old):
		return nil // renamed before; what happened to it since is the user's
	}
	return fmt.Errorf("%s: %w", e.Path, ErrChanged)
}

// Done keeps the changes and forgets how to undo them.
func (a *Applied) Done() error {
	return a.j.remove(a.root)
}

// Undo brings back every file that is still as we made it; kept lists the others.
// Folders that we made go when nothing else is in them.
func (a *Applied) Undo() (kept []string, err error) { return a.undo() }

func (a *Applied) undo() (kept []string, err error) {
	if a.j.State != prepared {
		a.j.State = undoing
		if err := a.j.write(a.root); err != nil {
			return nil, err
		}
	}
	for _, e := range slices.Backward(a.j.Files) {
		restored, err := a.undoFile(e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Path, err)
		}
		if !restored {
			kept = append(kept, e.Path)
		}
	}
	if err := syncDirs(a.existing()); err != nil {
		return nil, err
	}
	for _, dir := range slices.Backward(a.j.Dirs) {
		if err := a.removeDir(dir); err != nil {
			return nil, err
		}
	}
	return kept, a.j.remove(a.root)
}

// undoFile reports false for a file that is neither as it was nor as we made it.
func (a *Applied) undoFile(e entry) (bool, error) {
	target, err := resolve(a.root, e.Path)
	if err != nil {
		return false, nil // a link or folder on the way was changed since
	}
	temp := filepath.Join(filepath.Dir(target), e.Temp)
	if err := remove(temp); err != nil {
		return false, err
	}
	now, err := hashOf(target)
	switch {
	case err != nil:
		return false, err
	case now == hash(e.Old):
		return true, nil
	case now != e.New:
		return false, nil
	case e.Old == nil:
		return true, remove(target)
	}
	like, err := os.Stat(target)
	if err != nil {
		return false, err
	}
	if err := writeFile(temp, e.Old, 0, like); err != nil {
		return false, err
	}
	return true, rename(temp, target)
}

// removeDir takes a folder that we made, unless something else is in it. What
// Python compiled there is not something else.
func (a *Applied) removeDir(dir string) error {
	full := a.full(dir)
	entries, err := os.ReadDir(full)
	if err != nil {
		return nil // never made, or gone
	}
	for _, entry := range entries {
		if entry.Name() != "__pycache__" {
			return nil
		}
	}
	if err := os.RemoveAll(filepath.Join(full, "__pycache__")); err != nil {
		return err
	}
	return remove(full)
}

func (a *Applied) full(path string) string {
	return filepath.Join(a.root, filepath.FromSlash(path))
}

// dirs lists the folders that the files stand in and the parents of new ones.
func (a *Applied) dirs() []string {
	var dirs []string
	for _, dir := range a.j.Dirs {
		dirs = append(dirs, filepath.Dir(a.full(dir)))
	}
	for _, e := range a.j.Files {
		if target, err := resolve(a.root, e.Path); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func (a *Applied) existing() []string {
	return slices.DeleteFunc(a.dirs(), func(dir string) bool {
		_, err := os.Stat(dir)
		return err != nil
	})
}
