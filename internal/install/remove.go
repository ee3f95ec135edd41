package install

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/feature"
)

// RemoveOptions are the flags of remove:auth.
type RemoveOptions struct {
	Common
	Types      []feature.Type
	Providers  []feature.Provider
	UI         bool // the page of passkey
	All        bool
	DropTables bool // the data as well
}

// RemoveAuth takes types and providers out of the project in o.Dir; with All everything.
func RemoveAuth(ctx context.Context, o RemoveOptions) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return carryOut(ctx, AuthOptions{Common: o.Common, Prefix: usualPrefix, UsersTable: usualTable}, job{
		command: "remove:auth", needsInstall: true, removes: true, dropTables: o.DropTables,
		target: func(is feature.Set) feature.Set {
			if o.All {
				return feature.NewSet()
			}
			return is.Without(o.Types...).WithoutProviders(o.Providers...).WithUI(is.UI() && !o.UI)
		},
		did: "removed %s from %s", would: "would remove %s from %s", nothing: "nothing to do: none of that is installed, but %s",
		done:   func(r *recipe) bool { return r.target().Equal(r.installed()) },
		mended: "take out what the error names first, or remove with --no-boot",
	})
}

func (o *RemoveOptions) check() error {
	named := len(o.Types)+len(o.Providers) > 0 || o.UI
	switch {
	case o.All && named:
		return &Usage{What: "--all goes without --type, --provider and --ui", Hint: "fastman remove:auth --all"}
	case !o.All && !named:
		return &Usage{What: "remove:auth needs to know what goes", Hint: "say it: --type=…, --provider=…, --ui or --all"}
	case o.DropTables && !o.All:
		return &Usage{What: "--drop-tables goes with --all only", Hint: "fastman remove:auth --all --drop-tables"}
	}
	return nil
}

// dropFiles plans the end of emitted files that are not in kept.
func (r *recipe) dropFiles(ctx context.Context, kept map[string]bool) error {
	gone := slices.DeleteFunc(keys(r.was().Files), func(file string) bool {
		return kept[file] || r.outlives(file)
	})
	if err := r.detach(ctx, gone); err != nil {
		return err
	}
	gone, err := r.withoutUsed(ctx, gone)
	if err != nil {
		return err
	}
	for _, file := range gone {
		if err := r.dropFile(file); err != nil {
			return err
		}
	}
	if err := r.detach(ctx, gone); err != nil {
		return err
	}
	r.keepHistory(kept, gone)
	return nil
}

// detach lets what stays of the migrations work without the users, when they have gone.
func (r *recipe) detach(ctx context.Context, gone []string) error {
	if r.target().Stores() || r.job.dropTables {
		return nil
	}
	return r.stack.detach(ctx, gone)
}

// outlives reports whether an emitted file is history that stays: not without what it
// is the history of.
func (r *recipe) outlives(file string) bool {
	return !r.job.dropTables && r.stack.stays(file, r.was().Files[file].From)
}

// withoutUsed leaves out what code of the user imports. What belongs to the sign-in
// itself cannot be imported any longer: that code has to change first.
func (r *recipe) withoutUsed(ctx context.Context, gone []string) ([]string, error) {
	for {
		uses, err := r.stack.uses(ctx, gone)
		if err != nil {
			return nil, err
		}
		var broken []string
		needed := map[string]bool{}
		for file, places := range uses {
			needed[file] = true
			if r.stack.isModule(file) {
				broken = append(broken, places...)
			} else {
				r.report.note(file + " stays: " + places[0] + " imports it")
			}
		}
		if len(broken) > 0 {
			slices.Sort(broken)
			return nil, failure("code of yours uses what would go: "+strings.Join(slices.Compact(broken), ", "),
				"take these uses out, then run again")
		}
		rest := slices.DeleteFunc(slices.Clone(gone), func(file string) bool { return needed[file] || r.holdsOthers(file, gone) })
		if len(rest) == len(gone) {
			return rest, nil
		}
		gone = rest
	}
}

// holdsOthers reports whether a file makes a package of a folder in which more stands
// than what goes.
func (r *recipe) holdsOthers(file string, gone []string) bool {
	if path.Base(file) != "__init__.py" {
		return false
	}
	dir := path.Dir(file)
	others := false
	_ = filepath.WalkDir(filepath.Join(r.root, filepath.FromSlash(dir)), func(full string, entry fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(r.root, full)
		switch {
		case err != nil:
			return nil
		case entry.IsDir() && entry.Name() == "__pycache__":
			return fs.SkipDir
		case !entry.IsDir() && !slices.Contains(gone, filepath.ToSlash(rel)):
			others = true
			return fs.SkipAll
		}
		return nil
	})
	return others
}

// dropFile plans the end of one file. One that holds edits which are in no commit
// stays, so that nothing is lost.
func (r *recipe) dropFile(file string) error {
	theirs, err := r.plan.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return writeFailure(err)
	case r.edited(file, theirs) && !r.Yes && !committed(r.root, file):
		r.report.left(file+": holds edits of yours that are in no commit, so it stays", "delete it when you have what you need: rm "+file)
		return nil
	}
	if err := r.deleteFile(file, theirs); err != nil || !r.conflicted(file) {
		return err
	}
	beside, err := r.plan.Read(file + newVersion)
	if err != nil {
		return writeFailure(err)
	}
	return r.deleteFile(file+newVersion, beside)
}

func (r *recipe) deleteFile(file string, old []byte) error {
	if err := r.plan.Delete(file, old); err != nil {
		return writeFailure(err)
	}
	return r.pruneAbove(file)
}

// pruneAbove plans the end of the folders above a file where they get empty.
func (r *recipe) pruneAbove(file string) error {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if err := r.plan.Prune(dir); err != nil {
			return writeFailure(err)
		}
	}
	return nil
}

// keepHistory keeps in the manifest what outlives its type, so that the type finds it
// when it comes back. When nobody is left who has tables, it is the user's.
func (r *recipe) keepHistory(kept map[string]bool, gone []string) {
	for _, file := range keys(r.was().Files) {
		if kept[file] || slices.Contains(gone, file) || !r.exists(file) {
			continue
		}
		r.stay = append(r.stay, file)
		if r.outlives(file) && !r.target().Stores() {
			r.history = append(r.history, file)
			continue
		}
		r.next.Files[file], r.nextBase.Files[file] = r.was().Files[file], r.base.Files[file]
	}
}

// forget plans the end of fastman's own files.
func (r *recipe) forget() error {
	for _, file := range []string{manifestPath, basePath, attributesPath} {
		old, err := r.onDisk(file)
		if err != nil {
			return err
		}
		if old == nil {
			continue
		}
		if err := r.deleteFile(file, old); err != nil {
			return err
		}
	}
	return nil
}
