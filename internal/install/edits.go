package install

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/merge"
)

// edit plans one edit of a user's file, or leaves it to the user with the lines to paste.
func (r *recipe) edit(file string, do func(src []byte) edit.Result) error {
	src, err := r.plan.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		src = nil
	} else if err != nil {
		return writeFailure(err)
	}
	result := do(src)
	switch result.Status {
	case edit.CannotPlace:
		r.report.left(file+": "+result.Reason, result.Snippet)
		return nil
	case edit.AlreadyThere:
		return nil
	}
	if err := r.writeFile(file, src, result.Out); err != nil {
		return err
	}
	r.record(file, src == nil, result)
	return nil
}

// record notes in the manifest what an edit put where. Of a value in an env file it
// keeps the hash: enough to know it again.
func (r *recipe) record(file string, created bool, result edit.Result) {
	e := r.next.Edits[file]
	e.Created = e.Created || created
	for _, p := range result.Puts {
		if isDotenv(file) {
			value, _ := edit.DotenvGet(result.Out, p.Key)
			p.Text = hash([]byte(value))
		}
		e.put(p)
	}
	r.next.Edits[file] = e
}

// stageLayers notes what undoes this run's edits. Layers that follow one upon the other
// become one.
func (r *recipe) stageLayers() error {
	for _, file := range keys(r.next.Edits) {
		e := r.next.Edits[file]
		if isDotenv(file) || r.next.Left[file] != "" {
			continue
		}
		before, err := r.onDisk(file)
		if err != nil {
			return err
		}
		after, err := r.plan.Read(file)
		if errors.Is(err, fs.ErrNotExist) || err == nil && before != nil && string(before) == string(after) {
			continue
		} else if err != nil {
			return writeFailure(err)
		}
		if origin, exact := unlayer(before, e.Layers); exact && before != nil {
			before, e.Layers = origin, nil
		}
		e.Layers = append(e.Layers, newLayer(before, after))
		r.next.Edits[file] = e
	}
	return nil
}

func newLayer(before, after []byte) layer {
	l := layer{After: hash(after), Pieces: merge.Pieces(before, after)}
	if before != nil {
		l.Before = hash(before)
	}
	return l
}

// unlayer undoes all layers of a text that is as the last of them left it. A file that
// was not there before is nil.
func unlayer(text []byte, layers []layer) (origin []byte, exact bool) {
	for _, l := range slices.Backward(layers) {
		if hash(text) != l.After {
			return nil, false
		}
		back, ok := merge.Undo(text, l.Pieces)
		if l.Before == "" {
			return nil, ok && len(back) == 0
		}
		if !ok || hash(back) != l.Before {
			return nil, false
		}
		text = back
	}
	return text, true
}

// undoEdits takes fastman's part out of the user's files: all of it, or what the set no
// longer needs.
func (r *recipe) undoEdits(ctx context.Context) error {
	all := r.target().Empty()
	for _, file := range keys(r.was().Edits) {
		e := r.was().Edits[file]
		if r.was().Left[file] != "" {
			continue // the package manager's
		}
		src, err := r.plan.Read(file)
		if errors.Is(err, fs.ErrNotExist) {
			delete(r.next.Edits, file)
			continue
		} else if err != nil {
			return writeFailure(err)
		}
		switch {
		case isDotenv(file):
			err = r.undoEnv(file, src, e)
		case all:
			err = r.undoFile(ctx, file, src, e)
		default:
			err = r.undoPuts(ctx, file, src, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// undoFile gives a file back as it was before the first install. Where the user has
// changed it since, it keeps that and loses what is ours.
func (r *recipe) undoFile(ctx context.Context, file string, src []byte, e edited) error {
	delete(r.next.Edits, file)
	out, exact := unlayer(src, e.Layers)
	if !exact {
		out, exact = undoAround(src, e.Layers)
	}
	if !exact {
		result, err := r.stack.remove(ctx, file, src, e.Puts)
		if err != nil {
			return err
		}
		r.reportStay(file, result)
		out = result.Out
	}
	return r.replace(file, src, out, e.Created)
}

// reportStay tells what could not be taken out of a file.
func (r *recipe) reportStay(file string, result edit.Result) {
	switch {
	case result.Status == edit.CannotPlace:
		r.report.left(file+": "+result.Reason, result.Snippet)
	case result.Reason != "":
		r.report.note(file + ": " + result.Reason + ", so it stays")
	}
}

// undoAround undoes layers in a text that was changed elsewhere since.
func undoAround(text []byte, layers []layer) ([]byte, bool) {
	for _, l := range slices.Backward(layers) {
		back, ok := merge.Undo(text, l.Pieces)
		if !ok {
			return nil, false
		}
		text = back
	}
	return text, true
}

// replace writes what is left of a file; nothing is left of one that fastman made when
// only blank lines are.
func (r *recipe) replace(file string, src, out []byte, created bool) error {
	if created && strings.TrimSpace(string(out)) == "" {
		if err := r.plan.Delete(file, src); err != nil {
			return writeFailure(err)
		}
		return r.pruneAbove(file)
	}
	return r.writeFile(file, src, out)
}

// undoPuts takes out the pieces that the set no longer needs.
func (r *recipe) undoPuts(ctx context.Context, file string, src []byte, e edited) error {
	var gone []edit.Put
	for _, p := range e.Puts {
		if !r.stack.needs(file, p) {
			gone = append(gone, p)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	result, err := r.stack.remove(ctx, file, src, gone)
	if err != nil {
		return err
	}
	r.reportStay(file, result)
	e.Puts = slices.DeleteFunc(slices.Clone(e.Puts), func(p edit.Put) bool { return slices.Contains(gone, p) && !slices.Contains(result.Puts, p) })
	r.next.Edits[file] = e
	return r.writeFile(file, src, result.Out)
}

// onDisk returns nil for a file that is not there.
func (r *recipe) onDisk(file string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(file)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, writeFailure(err)
	}
	return data, nil
}
