package install

import (
	"context"
	"path/filepath"
	"slices"
)

// StatusOptions are the flags of status.
type StatusOptions struct{ Common }

// StatusReport is what is installed, and how it fares. It is what --json prints; the
// shape is documented in the README and only ever gains fields.
type StatusReport struct {
	Command    string      `json:"command"`
	Installed  bool        `json:"installed"`
	Stack      string      `json:"stack,omitempty"`
	Types      []string    `json:"types"`
	Providers  []string    `json:"providers"`
	UI         bool        `json:"ui"`                // the page of passkey
	Version    string      `json:"version,omitempty"` // of the code in the project
	Fastman    string      `json:"fastman"`           // of the templates in this fastman
	Prefix     string      `json:"prefix,omitempty"`
	UsersTable string      `json:"users_table,omitempty"`
	Pending    bool        `json:"pending"` // an install was not finished: run it again
	Files      []FileState `json:"files"`   // that fastman made
	Edits      []FileState `json:"edits"`   // files of the user that it has put something into
	Update     *Update     `json:"update"`  // what update:auth would bring; null when nothing
}

// FileState says how one file fares.
type FileState struct {
	Path  string `json:"path"`
	State State  `json:"state"`
}

// State of a file.
type State string

// An emitted file is as it was written, edited, deleted, or waits for its new version to
// be merged by hand. In an edited one what fastman put there stands, or does not.
const (
	StateUnchanged State = "unchanged"
	StateEdited    State = "edited"
	StateMissing   State = "missing"
	StateConflict  State = "conflict"
)

// Update is what update:auth would bring.
type Update struct {
	Version string `json:"version"`
	Files   []File `json:"files"`
	Left    []Left `json:"left,omitempty"`  // what would be left for the user
	Error   string `json:"error,omitempty"` // why that could not be found out
}

// ShowStatus tells what is installed in the project in o.Dir. It writes nothing.
func ShowStatus(ctx context.Context, o StatusOptions) (*StatusReport, error) {
	o.DryRun = true
	report := &StatusReport{Command: "status", Fastman: o.library().Version, Types: []string{}, Providers: []string{}, Files: []FileState{}, Edits: []FileState{}}
	root, err := folder(o.Dir)
	if err != nil {
		return nil, err
	}
	if m, err := readManifest(root); err != nil || m == nil {
		return report, err
	}
	r, err := open(AuthOptions{Common: o.Common, Prefix: usualPrefix, UsersTable: usualTable}, updating)
	if err != nil {
		return nil, err
	}
	defer r.stack.close()
	return report, r.status(ctx, report)
}

func (r *recipe) status(ctx context.Context, report *StatusReport) error {
	m := r.manifest
	report.Installed, report.Stack, report.Version, report.Pending = true, m.Stack, m.Version, m.Pending
	report.UI, report.Prefix, report.UsersTable = m.UI, m.Prefix, m.UsersTable
	report.Types = append(report.Types, typeNames(m.Types)...)
	for _, p := range m.Providers {
		report.Providers = append(report.Providers, string(p))
	}
	if !r.stands() {
		report.Update = r.foresee(ctx)
	}
	r.lookAtForm(ctx)
	for _, file := range keys(m.Files) {
		state, err := r.stateOf(file)
		if err != nil {
			return err
		}
		report.Files = append(report.Files, FileState{file, state})
	}
	for _, file := range keys(m.Edits) {
		state, err := r.stateOfEdit(file)
		if err != nil {
			return err
		}
		report.Edits = append(report.Edits, FileState{file, state})
	}
	return nil
}

// lookAtForm finds out which of the files that changed only got another form from the
// project's formatter. Where that cannot be found out, they count as edited.
func (r *recipe) lookAtForm(ctx context.Context) {
	asWritten := func(file string) bool {
		theirs, err := r.onDisk(file)
		return err == nil && (theirs == nil || hash(theirs) == r.manifest.Files[file].Hash)
	}
	if r.changed != nil || !slices.ContainsFunc(keys(r.manifest.Files), func(file string) bool { return !asWritten(file) }) {
		return
	}
	if r.begin(ctx) == nil && r.stack.look(ctx) == nil {
		_ = r.format(ctx, nil)
	}
}

// foresee makes the plan of an update, and leaves it at that.
func (r *recipe) foresee(ctx context.Context) *Update {
	u := &Update{Version: r.library().Version, Files: []File{}}
	r.Progress = nil
	preview, err := r.preview(ctx)
	if err != nil {
		u.Error = err.Error()
		return u
	}
	for _, f := range preview.Files {
		if filepath.Dir(f.Path) != ".fastman" {
			u.Files = append(u.Files, f)
		}
	}
	u.Left = preview.Left
	return u
}

func (r *recipe) stateOf(file string) (State, error) {
	theirs, err := r.onDisk(file)
	switch {
	case err != nil:
		return "", err
	case r.conflicted(file):
		return StateConflict, nil
	case theirs == nil:
		return StateMissing, nil
	case r.edited(file, theirs):
		return StateEdited, nil
	}
	return StateUnchanged, nil
}

// stateOfEdit: of an env file only the names are looked at.
func (r *recipe) stateOfEdit(file string) (State, error) {
	theirs, err := r.onDisk(file)
	e := r.manifest.Edits[file]
	switch {
	case err != nil:
		return "", err
	case theirs == nil:
		return StateMissing, nil
	case !isDotenv(file) && r.asLeft(file, theirs, e):
		return StateUnchanged, nil
	case !holds(file, theirs, e.Puts):
		return StateMissing, nil
	case isDotenv(file):
		return StateUnchanged, nil
	}
	return StateEdited, nil
}
