package plan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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

func newApplied(root, label string, all []staged, pruned []folder) (*Applied, error) {
	j, err := newJournal(root, label, all, pruned)
	return &Applied{root, j}, err
}

// Label is the Plan's.
func (a *Applied) Label() string { return a.j.Label }

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
		if s.New == nil {
			return nil
		}
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

// finish renames what is not yet renamed, then deletes. It runs again after a
// kill, and stops at a file that somebody else has changed since.
func (a *Applied) finish() error {
	for _, e := range a.j.Files {
		if err := a.finishFile(e); err != nil {
			return err
		}
	}
	for _, f := range a.j.Prunes {
		if err := a.prune(f); err != nil {
			return fmt.Errorf("%s: %w", f.Path, withoutPath(err))
		}
	}
	if err := syncDirs(a.existing()); err != nil {
		return err
	}
	a.j.State = applied
	return a.j.write(a.root)
}

func (a *Applied) finishFile(e entry) error {
	target, err := place(a.root, e.Path, e.deleted())
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
	was := hash(e.Old)
	switch {
	case e.deleted() && now == was:
		return remove(target)
	case e.deleted() && now == "":
		return nil // deleted before
	case waiting == e.New && now == was:
		return rename(temp, target)
	case waiting == "" && now != was && !e.deleted():
		return nil // renamed before; what happened to it since is the user's
	}
	return fmt.Errorf("%s: %w", e.Path, ErrChanged)
}

// Done keeps the changes and forgets how to undo them.
func (a *Applied) Done() error {
	return a.j.remove(a.root)
}

// Undo brings back every file that is still as we made it; kept lists the others.
// Folders that we made go when nothing else is in them; those that went come back.
func (a *Applied) Undo() (kept []string, err error) { return a.undo() }

func (a *Applied) undo() (kept []string, err error) {
	if a.j.State != prepared {
		a.j.State = undoing
		if err := a.j.write(a.root); err != nil {
			return nil, err
		}
	}
	for _, f := range slices.Backward(a.j.Prunes) {
		if err := a.unprune(f); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
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
		if err := removeDir(a.full(dir)); err != nil {
			return nil, err
		}
	}
	return kept, a.j.remove(a.root)
}

// undoFile reports false for a file that is neither as it was nor as we made it.
func (a *Applied) undoFile(e entry) (bool, error) {
	target, err := place(a.root, e.Path, e.deleted())
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
	mode, like, err := e.before(target)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // its folder is gone
	}
	if err != nil {
		return false, err
	}
	if err := writeFile(temp, e.Old, mode, like); err != nil {
		return false, err
	}
	return true, rename(temp, target)
}

// before is the mode of the file that comes back, and whose owner it gets: a
// deleted file that of its folder.
func (e entry) before(target string) (fs.FileMode, fs.FileInfo, error) {
	if e.deleted() {
		like, err := os.Stat(filepath.Dir(target))
		return e.Mode, like, err
	}
	like, err := os.Stat(target)
	if err != nil {
		return 0, nil, err
	}
	return like.Mode().Perm(), like, nil
}

func (a *Applied) prune(f folder) error {
	full, err := own(a.root, f.Path)
	if err != nil {
		return nil // changed since: the user's
	}
	return removeDir(full)
}

// unprune makes a folder that went, where its parent is still there. One that is
// empty may be a folder that an earlier undo was killed over.
func (a *Applied) unprune(f folder) error {
	full, err := own(a.root, f.Path)
	if err != nil {
		return nil
	}
	if entries, err := os.ReadDir(full); len(entries) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	like, err := os.Stat(filepath.Dir(full))
	if err != nil {
		return nil
	}
	if err := makeDir(full); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return setMode(full, f.Mode, like)
}

func (a *Applied) full(path string) string {
	return filepath.Join(a.root, filepath.FromSlash(path))
}

// dirs lists the folders that the files stand in, and the parents of those that
// are made or go.
func (a *Applied) dirs() []string {
	var dirs []string
	for _, dir := range a.j.Dirs {
		dirs = append(dirs, filepath.Dir(a.full(dir)))
	}
	for _, f := range a.j.Prunes {
		dirs = append(dirs, filepath.Dir(a.full(f.Path)))
	}
	for _, e := range a.j.Files {
		if target, err := place(a.root, e.Path, e.deleted()); err == nil {
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
