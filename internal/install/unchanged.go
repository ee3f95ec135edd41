package install

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/project"
)

// stands reports whether everything that was asked for is there already. It reads
// files only: no interpreter runs for a second install.
func (r *recipe) stands() bool {
	m := r.manifest
	return !m.Pending && m.Version == r.library().Version && r.target().Equal(r.installed()) &&
		r.editsStand() && r.envStands() && !slices.ContainsFunc(keys(m.Files), r.conflicted)
}

// editsStand looks for what fastman put into the user's files.
func (r *recipe) editsStand() bool {
	for file, e := range r.manifest.Edits {
		if isDotenv(file) {
			continue
		}
		content, err := r.onDisk(file)
		if err != nil || content == nil || !r.asLeft(file, content, e) && !holds(file, content, e.Puts) {
			return false
		}
	}
	return true
}

// asLeft reports whether a file of the user is as the last run left it.
func (r *recipe) asLeft(file string, content []byte, e edited) bool {
	n := len(e.Layers)
	return n > 0 && hash(content) == e.Layers[n-1].After || hash(content) == r.was().Left[file]
}

// holds reports whether all pieces are in a text that was changed since.
func holds(file string, content []byte, puts []edit.Put) bool {
	return !slices.ContainsFunc(puts, func(p edit.Put) bool {
		if isDotenv(file) {
			_, there := edit.DotenvGet(content, p.Key)
			return !there
		}
		return !bytes.Contains(squeeze(content), squeeze([]byte(p.Text)))
	})
}

// squeeze takes out what a formatter may change: white space, the kind of quotes,
// trailing commas, brackets around a long line.
func squeeze(text []byte) []byte {
	return []byte(formless.Replace(strings.Join(strings.Fields(string(text)), "")))
}

var formless = strings.NewReplacer("'", `"`, "(", "", ")", "", ",", "")

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
