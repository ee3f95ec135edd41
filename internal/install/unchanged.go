package install

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/plan"
	"fastman/internal/project"
)

// nothingToDo reports whether everything that was asked for stands already. It
// reads files only: no interpreter runs for a second install.
func (r *recipe) nothingToDo() bool {
	m := r.manifest
	return m != nil && !m.Pending && m.Version == r.library().Version && !plan.Pending(r.root) &&
		r.target().Equal(r.installed()) && r.editsStand() && r.envStands()
}

// editsStand looks for what fastman put into the user's files: by the hash of the
// whole file, and where that has changed since, piece by piece.
func (r *recipe) editsStand() bool {
	for file, e := range r.manifest.Edits {
		if isEnv(file) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(file)))
		if err != nil {
			return false
		}
		if hash(content) == e.After {
			continue
		}
		for _, p := range e.Puts {
			if !bytes.Contains(squeeze(content), squeeze([]byte(p.Text))) {
				return false
			}
		}
	}
	return true
}

// squeeze takes out what a formatter may change: white space and trailing commas.
func squeeze(text []byte) []byte {
	text = []byte(strings.Join(strings.Fields(string(text)), ""))
	return bytes.ReplaceAll(text, []byte(",)"), []byte(")"))
}

// envStands reports whether each env file, also one that came later, has its key.
func (r *recipe) envStands() bool {
	files, _ := project.EnvFiles(r.root, r.manifest.EnvDirs...)
	if len(files) == 0 {
		return false
	}
	for _, file := range files {
		src, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(file)))
		if err != nil {
			return false
		}
		if _, there := edit.DotenvGet(src, current); !there {
			return false
		}
	}
	return true
}
