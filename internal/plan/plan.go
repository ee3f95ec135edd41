// Package plan is the only writer of the user's files. Changes are collected in
// memory, checked, and then made together: temporary files first, a journal,
// renames, deletions. Killed at any instant, every file is whole, old or new, and
// Recover finishes or undoes.
package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var (
	ErrChanged  = errors.New("changed meanwhile")
	ErrExists   = errors.New("is there already")
	ErrReadOnly = errors.New("is read-only")
	ErrPath     = errors.New("is not a path inside the project")
	ErrNotFile  = errors.New("is not a regular file")
	ErrSameFile = errors.New("are the same file")
	ErrLink     = errors.New("is a link, or stands behind one that leads out of the project: it is not deleted")

	errNoLock  = errors.New("plan: Apply without Lock")
	errPending = errors.New("plan: Apply before Done, Undo or Recover of an earlier one")
)

// Change is one file that is made, changed or deleted.
type Change struct {
	Path string      // slash-separated, relative to the root
	Old  []byte      // nil: the file is made
	New  []byte      // nil: the file is deleted
	Mode fs.FileMode // of a file that is made, before umask; a changed file keeps its own

	target string // where path leads, when it is a link: relative to the root
	masked bool
	shown  []string
	brief  bool
}

// Plan collects changes to the files under one folder. It touches nothing
// before Apply.
type Plan struct {
	Label string // what is being done; the journal keeps it for the run after a kill

	root    string
	changes []Change
	prunes  []string
}

// New begins an empty plan for the project in root.
func New(root string) (*Plan, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	return &Plan{root: abs}, nil
}

// Write plans the new content of path. old is what the caller has read there:
// nil when the file must not exist yet or its deletion is planned, the planned
// content when path was written before. Content that stays as it is plans nothing.
func (p *Plan) Write(path string, old, new []byte, mode fs.FileMode) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if new == nil {
		new = []byte{}
	}
	return p.add(Change{Path: path, Old: old, New: new, Mode: mode})
}

// Delete plans that path goes. old is what the caller has read there.
func (p *Plan) Delete(path string, old []byte) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if old == nil {
		return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return p.add(Change{Path: path, Old: old})
}

// Prune plans that a folder goes when nothing but __pycache__ is left in it after
// the changes. Its parents stay, unless they are named too, in any order.
func (p *Plan) Prune(dir string) error {
	if err := checkPath(dir); err != nil {
		return err
	}
	if !slices.Contains(p.prunes, dir) {
		p.prunes = append(p.prunes, dir)
	}
	return nil
}

// add puts a change on top of what is planned for its path.
func (p *Plan) add(next Change) error {
	c := p.find(next.Path)
	if c == nil {
		next.target = p.behind(next.Path)
		p.changes = append(p.changes, next)
		return nil
	}
	if !equal(c.New, next.Old) {
		return fmt.Errorf("%s: %w", next.Path, ErrChanged)
	}
	c.New = next.New
	if c.Old == nil {
		c.Mode = next.Mode
	}
	return nil
}

// equal tells whether two contents are equal; nil, no file, is not an empty one.
func equal(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// Read returns what path will hold: the planned content, else what is on disk.
// A file that will not be there is an error that wraps fs.ErrNotExist.
func (p *Plan) Read(path string) ([]byte, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	c := p.find(path)
	if i := slices.IndexFunc(p.changes, func(c Change) bool { return c.target == path }); c == nil && i >= 0 {
		c = &p.changes[i]
	}
	switch {
	case c != nil && c.New == nil:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case c != nil:
		return c.New, nil
	}
	return os.ReadFile(filepath.Join(p.root, filepath.FromSlash(path)))
}

// Mask keeps the values in path, an env file, out of every diff, but for those
// of the variables in shown.
func (p *Plan) Mask(path string, shown ...string) {
	if c := p.find(path); c != nil {
		c.masked, c.shown = true, shown
	}
}

// Brief keeps the content of path, which nobody reads, out of every diff.
func (p *Plan) Brief(path string) {
	if c := p.find(path); c != nil {
		c.brief = true
	}
}

// Changes lists what is planned for files, in the order in which it is done:
// deletions come last.
func (p *Plan) Changes() []Change {
	var writes, deletions []Change
	for _, c := range p.changes {
		switch {
		case equal(c.Old, c.New):
		case c.New == nil:
			deletions = append(deletions, c)
		default:
			writes = append(writes, c)
		}
	}
	return append(writes, deletions...)
}

// Check finds what would stop Apply, and creates nothing.
func (p *Plan) Check() error {
	_, _, err := p.stage()
	return err
}

// behind is the path of the file in the project to which path leads, when it is another.
func (p *Plan) behind(path string) string {
	root, rootErr := filepath.EvalSymlinks(p.root)
	target, err := resolve(p.root, path)
	if rootErr != nil || err != nil {
		return ""
	}
	rel, err := filepath.Rel(root, target)
	if rel = filepath.ToSlash(rel); err != nil || rel == path {
		return ""
	}
	return rel
}

func (p *Plan) find(path string) *Change {
	for i := range p.changes {
		if p.changes[i].Path == path {
			return &p.changes[i]
		}
	}
	return nil
}

func checkPath(path string) error {
	inside := fs.ValidPath(path) && path != "." && filepath.IsLocal(filepath.FromSlash(path))
	if !inside || strings.HasPrefix(path, tmpDir+"/") || slices.ContainsFunc(strings.Split(path, "/"), isGit) {
		return fmt.Errorf("%q: %w", path, ErrPath)
	}
	return nil
}

// isGit: what is in that folder is run, and is no file of the project.
func isGit(element string) bool { return strings.EqualFold(element, ".git") }

// Apply makes all planned changes, or none: after an error every file is as it
// was, unless the error is an *Unfinished. The caller holds the Lock. What is
// applied is kept in the journal until Done or Undo.
func (p *Plan) Apply(ctx context.Context) (*Applied, error) {
	if _, err := os.Stat(lockFile(p.root)); err != nil {
		return nil, errNoLock
	}
	if hasJournal(p.root) {
		return nil, errPending
	}
	staged, pruned, err := p.stage()
	if err != nil {
		return nil, err
	}
	a, err := newApplied(p.root, p.Label, staged, pruned)
	if err != nil {
		return nil, err
	}
	if err := a.prepare(ctx, staged); err != nil {
		return nil, a.giveUp(err)
	}
	if err := a.commit(); err != nil {
		return nil, a.giveUp(err)
	}
	if err := a.finish(); err != nil {
		return nil, a.giveUp(err)
	}
	return a, nil
}

// giveUp undoes what an Apply has begun.
func (a *Applied) giveUp(cause error) error {
	kept, err := a.undo()
	if err != nil || len(kept) > 0 {
		return &Unfinished{Cause: cause, Kept: kept, Undo: err}
	}
	return cause
}

// Unfinished is an Apply that failed and could not be undone wholly. When Undo
// is not nil, the journal is still there and the next run undoes the rest.
type Unfinished struct {
	Cause error
	Kept  []string // files that somebody else changed in between: left as they are
	Undo  error
}

func (u *Unfinished) Error() string {
	if u.Undo != nil {
		return fmt.Sprintf("%v; undoing it failed: %v", u.Cause, u.Undo)
	}
	return fmt.Sprintf("%v; changed meanwhile and left so: %s", u.Cause, strings.Join(u.Kept, ", "))
}

func (u *Unfinished) Unwrap() []error { return []error{u.Cause, u.Undo} }
