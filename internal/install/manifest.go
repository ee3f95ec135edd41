package install

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fastman/internal/edit"
	"fastman/internal/feature"
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
	Providers  []feature.Provider `json:"providers,omitempty"` // in the order in which they came
	Prefix     string             `json:"prefix"`
	UsersTable string             `json:"users_table"`
	Files      map[string]string  `json:"files"`    // emitted file: hash
	Edits      map[string]edited  `json:"edits"`    // file of the user: what was put there
	Packages   []string           `json:"packages"` // that fastman added
	EnvDirs    []string           `json:"env_dirs"` // folders whose env files belong to the app
	Pending    bool               `json:"pending"`  // packages, boot check or migration not done yet
}

// edited is fastman's part in a file of the user.
type edited struct {
	Created bool       `json:"created,omitempty"` // the file was not there before
	Before  string     `json:"before,omitempty"`  // hash of the file as the user had it; not of env files
	After   string     `json:"after,omitempty"`   // hash of the file as it was left; not of env files
	Puts    []edit.Put `json:"puts"`
}

// base holds what was emitted last time, for the three-way merge of an update.
// One file, so that no linter, test runner or search takes the copies for code.
type base struct {
	Files     map[string]string `json:"files"`
	Originals map[string]string `json:"originals"` // package manifests as they were
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
		return nil, failure(fmt.Sprintf("%s: not valid: %v", manifestPath, err),
			"bring it back from version control: git checkout -- "+manifestPath)
	}
	if m.Format > manifestFormat {
		return nil, failure(fmt.Sprintf("%s: written by a newer fastman (%s)", manifestPath, m.Version),
			"use that version of fastman, or a later one")
	}
	return &m, nil
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
