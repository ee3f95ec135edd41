package install

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/merge"
)

// newVersion is what stands behind the name of a file whose new text could not be
// merged into the user's.
const newVersion = ".fastman-new"

// stageFiles plans the emitted files: new ones are written, those that the user has
// edited are merged, a deleted one stays deleted, and what the set no longer has goes.
func (r *recipe) stageFiles(ctx context.Context) error {
	var files []emitted
	if !r.target().Empty() {
		var err error
		if files, err = r.stack.emit(); err != nil {
			return err
		}
	}
	if err := r.format(ctx, files); err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, f := range files {
		kept[f.Path] = true
		if err := r.stageFile(f); err != nil {
			return err
		}
	}
	return r.dropFiles(ctx, kept)
}

func (r *recipe) stageFile(f emitted) error {
	r.asCut[f.Path] = f.AsCut
	r.next.Files[f.Path], r.nextBase.Files[f.Path] = made{From: f.From, Hash: hash(f.text())}, string(f.Content)
	old, ours := r.was().Files[f.Path]
	theirs, err := r.plan.Read(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if ours {
			return nil // deleted by the user
		}
		return r.writeFile(f.Path, nil, f.text())
	case err != nil:
		return writeFailure(err)
	case !ours && (f.Once || hash(theirs) == hash(f.text())):
		return nil // left by a removal
	case !ours && f.Left != nil && hash(theirs) == hash(f.Left):
		return r.writeFile(f.Path, theirs, f.text())
	case !ours:
		return failure(f.Path+": is there already and was not made by fastman", "move the file away, then run again")
	case f.Once:
		r.next.Files[f.Path], r.nextBase.Files[f.Path] = old, r.base.Files[f.Path]
		return nil
	case bytes.Equal(r.startOf(f.Path), f.Content):
		r.next.Files[f.Path] = old
		return nil
	}
	return r.mergeFile(f, theirs)
}

// format gives what is emitted now, and what was emitted last time into files that were
// changed since, the form of the project.
func (r *recipe) format(ctx context.Context, files []emitted) error {
	texts, changed := map[string][]byte{}, map[string][]byte{}
	for _, f := range files {
		texts[f.Path] = f.Content
	}
	for file, m := range r.was().Files {
		theirs, err := r.onDisk(file)
		if err != nil {
			return err
		}
		if theirs != nil && hash(theirs) != m.Hash {
			changed[file] = r.startOf(file)
		}
	}
	formatted, err := r.stack.formatted(ctx, texts)
	if err != nil {
		return err
	}
	for i, f := range files {
		if text := formatted[f.Path]; !bytes.Equal(text, f.Content) {
			files[i].formatted, files[i].AsCut = text, false
		}
	}
	r.changed, err = r.stack.formatted(ctx, changed)
	return err
}

// emittedLast is the text from which a file of the user's started.
func (r *recipe) emittedLast(file string) []byte {
	if text, changed := r.changed[file]; changed {
		return text
	}
	return r.startOf(file)
}

// startOf is what was emitted last, or what the user has merged by hand since.
func (r *recipe) startOf(file string) []byte {
	if pending, found := r.base.Pending[file]; found && !r.conflicted(file) {
		return []byte(pending)
	}
	return []byte(r.base.Files[file])
}

// edited reports whether the user has changed more of a file than its form.
func (r *recipe) edited(file string, theirs []byte) bool {
	last := r.emittedLast(file)
	return hash(theirs) != r.was().Files[file].Hash && hash(theirs) != hash(last) &&
		!(path.Ext(file) == ".py" && edit.SamePython(theirs, last))
}

// merged brings a new text into the user's form of a file. One that only got another
// form since is the new text.
func (r *recipe) merged(file string, theirs, ours []byte) merge.Result {
	last := r.emittedLast(file)
	if !r.edited(file, theirs) {
		last = bytes.ReplaceAll(theirs, []byte("\r\n"), []byte("\n"))
	}
	return merge.Three(merge.KindOf(file), last, theirs, ours)
}

// mergeFile brings what is new in a file into the user's form of it.
func (r *recipe) mergeFile(f emitted, theirs []byte) error {
	ours := f.text()
	merged := r.merged(f.Path, theirs, ours)
	if len(merged.Conflicts) > 0 {
		return r.leaveConflict(f, merged.Conflicts)
	}
	r.asCut[f.Path] = f.AsCut && hash(merged.Text) == hash(ours)
	if r.conflicted(f.Path) { // merged by hand meanwhile
		beside, err := r.plan.Read(f.Path + newVersion)
		if err == nil {
			err = r.plan.Delete(f.Path+newVersion, beside)
		}
		if err != nil {
			return writeFailure(err)
		}
	}
	return r.writeFile(f.Path, theirs, merged.Text)
}

// leaveConflict puts the new text beside a file in which both sides changed the same
// lines.
func (r *recipe) leaveConflict(f emitted, conflicts []merge.Conflict) error {
	r.next.Files[f.Path] = r.was().Files[f.Path]
	r.nextBase.Files[f.Path], r.nextBase.Pending[f.Path] = string(r.startOf(f.Path)), string(f.Content)
	beside := f.Path + newVersion
	r.report.left(f.Path+": your edit and the new version changed the same lines; the file is as it was\n"+excerpt(conflicts),
		"merge "+beside+" into it by hand, then delete that file")
	old, err := r.plan.Read(beside)
	if errors.Is(err, fs.ErrNotExist) {
		old = nil
	} else if err != nil {
		return writeFailure(err)
	}
	return r.writeFile(beside, old, f.text())
}

// conflicted reports whether a conflict of an earlier run was not resolved yet.
func (r *recipe) conflicted(file string) bool { return r.exists(file + newVersion) }

func (r *recipe) writeFile(file string, old, new []byte) error {
	if err := r.plan.Write(file, old, new, fileMode(file)); err != nil {
		return writeFailure(err)
	}
	return nil
}

// excerpt shows the lines in question, as far as they are read.
func excerpt(conflicts []merge.Conflict) string {
	const most = 12
	var lines []string
	for _, c := range conflicts {
		lines = append(lines, prefixed("  yours  ", c.Theirs)...)
		lines = append(lines, prefixed("  new    ", c.Ours)...)
	}
	if len(lines) > most {
		lines = append(lines[:most], "  …")
	}
	return strings.Join(lines, "\n")
}

func prefixed(by string, text []byte) []string {
	lines := slices.Collect(strings.Lines(string(text)))
	for i, line := range lines {
		lines[i] = by + strings.TrimRight(line, "\r\n")
	}
	return lines
}
