package install

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/merge"
)

const (
	manifestPath   = ".fastman/auth.json"
	basePath       = ".fastman/base.json"
	attributesPath = ".fastman/.gitattributes"
	manifestFormat = 1
)

// manifest is what fastman knows of its own work in a project. It belongs in
// version control and never holds a secret.
type manifest struct {
	Format     int                `json:"format"`
	Version    string             `json:"version"` // of the templates
	Stack      string             `json:"stack"`
	Types      []feature.Type     `json:"types"`
	Providers  []feature.Provider `json:"providers,omitempty"`      // in the order in which they came
	First      feature.Provider   `json:"first_provider,omitempty"` // OAUTH_CLIENT_ID is its client, also when it has gone
	UI         bool               `json:"ui,omitempty"`             // with the page of passkey
	Prefix     string             `json:"prefix"`
	UsersTable string             `json:"users_table"`
	Files      map[string]made    `json:"files"`                 // that fastman made
	Edits      map[string]edited  `json:"edits"`                 // of files of the user
	Packages   []string           `json:"packages"`              // that fastman added
	Left       map[string]string  `json:"left,omitempty"`        // package manifest: hash of it as it was left
	UsedBefore []string           `json:"used_before,omitempty"` // of the packages: by the user's code, undeclared
	EnvDirs    []string           `json:"env_dirs"`              // folders whose env files belong to the app
	Pending    bool               `json:"pending"`               // packages, boot check or migration not done yet
}

// made is one emitted file.
type made struct {
	From string `json:"from"` // path of its template
	Hash string `json:"hash"` // of the text that was written
}

// edited is fastman's part in a file of the user.
type edited struct {
	Created bool       `json:"created,omitempty"` // the file was not there before
	Layers  []layer    `json:"layers,omitempty"`  // what undoes the edits, the last first; not of env files
	Puts    []edit.Put `json:"puts"`              // of env files with the hash of the value
}

// put notes a piece, in the place of what was known of it. That it stood there empty
// before stays known.
func (e *edited) put(p edit.Put) {
	for i, old := range e.Puts {
		if old.Kind == p.Kind && old.Key == p.Key && old.In == p.In {
			p.Old = cmp.Or(old.Old, p.Old)
			e.Puts[i] = p
			return
		}
	}
	e.Puts = append(e.Puts, p)
}

// layer is one run's change of a file, from one text to the next.
type layer struct {
	Before string        `json:"before,omitempty"` // hash; "" is no file
	After  string        `json:"after"`
	Pieces []merge.Piece `json:"pieces"`
}

// stands maps the template of each emitted file to the file.
func (m *manifest) stands() map[string]string {
	all := map[string]string{}
	for file, made := range m.Files {
		all[made.From] = file
	}
	return all
}

// put reports whether fastman has put a setting of that name into a file.
func (m *manifest) put(file, setting string) bool {
	return slices.ContainsFunc(m.Edits[file].Puts, func(p edit.Put) bool { return p.Kind == "setting" && p.Key == setting })
}

// base holds what was emitted last time, for the three-way merge of an update.
// One file, so that no linter, test runner or search takes the copies for code.
type base struct {
	Files     map[string]string `json:"files"`
	Pending   map[string]string `json:"pending,omitempty"` // new versions that wait to be merged by hand
	Originals map[string]string `json:"originals"`         // package manifests as they were
}

// readBase returns what was emitted last time; an empty one before the first install.
func readBase(root string) (base, error) {
	b := base{Files: map[string]string{}, Originals: map[string]string{}}
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(basePath)))
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return b, failure(err.Error(), "make the file readable, then run again")
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return b, invalid(basePath, data, err)
	}
	return b, nil
}

// hash is over the text with LF line ends, so that a checkout with CRLF is not an edit.
func hash(content []byte) string {
	sum := sha256.Sum256(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// readManifest returns nil when the project has none.
func readManifest(root string) (*manifest, error) {
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(manifestPath)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure(err.Error(), "make the file readable, then run again")
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, invalid(manifestPath, data, err)
	}
	if m.Format > manifestFormat {
		return nil, newerFastman(m.Version)
	}
	if err := m.check(); err != nil {
		return nil, invalid(manifestPath, data, err)
	}
	return &m, nil
}

// invalid: two branches that both changed it leave markers of a merge in it.
func invalid(file string, data []byte, err error) error {
	what, hint := fmt.Sprintf("%s: not valid: %v", file, err), "bring it back from version control: git checkout -- "+file
	if bytes.Contains(data, []byte("\n<<<<<<< ")) || bytes.HasPrefix(data, []byte("<<<<<<< ")) {
		what = file + ": holds the markers of a merge"
		hint = "take one side, then have fastman bring the other's types: git checkout --ours .fastman && fastman install:auth --type=…"
	}
	return failure(what, hint)
}

// encode writes JSON with indentation, so that a merge of two branches stays readable.
func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return out.Bytes(), err
}

func newerFastman(version string) error {
	return failure(fmt.Sprintf("%s: written by a newer fastman (%s)", manifestPath, version),
		"use that version of fastman, or a later one")
}

// check finds what a careless hand has made of a manifest, before it leads anywhere:
// its paths are those of files that are written and removed.
func (m *manifest) check() error {
	if !slices.Contains(stacks, m.Stack) {
		return fmt.Errorf("unknown stack %q", m.Stack)
	}
	for _, t := range m.Types {
		if !slices.Contains(feature.Types, t) {
			return fmt.Errorf("unknown type %q", t)
		}
	}
	for _, p := range m.Providers {
		if !slices.Contains(feature.Providers, p) {
			return fmt.Errorf("unknown provider %q", p)
		}
	}
	if !prefixForm.MatchString(m.Prefix) || !tableForm.MatchString(m.UsersTable) {
		return fmt.Errorf("prefix %q or users_table %q", m.Prefix, m.UsersTable)
	}
	for _, paths := range [][]string{keys(m.Files), keys(m.Edits), keys(m.Left), m.EnvDirs} {
		for _, path := range paths {
			if !fs.ValidPath(path) {
				return fmt.Errorf("%q is not a path inside the project", path)
			}
		}
	}
	return nil
}
