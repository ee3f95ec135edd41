package plan

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// state is how far a set of changes has come.
type state string

const (
	prepared  state = "prepared"  // temporary files are being written
	committed state = "committed" // they are whole; renaming may have begun
	applied   state = "applied"   // every file is new
	undoing   state = "undoing"   // going back
)

// journal is what the next run needs after a kill. It holds the old bytes of env
// files too: mode 0600, in a folder that git ignores.
type journal struct {
	Version int      `json:"version"`
	Label   string   `json:"label"`
	State   state    `json:"state"`
	Dirs    []string `json:"dirs"` // folders we make, parents first
	Files   []entry  `json:"files"`
	Prunes  []folder `json:"prunes,omitempty"` // folders that go, children first
}

type entry struct {
	Path string      `json:"path"`
	Temp string      `json:"temp"` // name of the temporary file, in the target's folder
	Old  []byte      `json:"old"`  // null: there was no file
	New  string      `json:"new"`  // hash of the new content; "": the file is deleted
	Mode fs.FileMode `json:"mode"` // of a deleted file, for the way back
}

func (e entry) deleted() bool { return e.New == "" }

// journalVersion 2 has deletions and prunes. One of version 1 reads the same.
const journalVersion = 2

var errJournal = errors.New("is not a journal of this fastman; look at the files named in it, then delete it")

func journalFile(root string) string { return filepath.Join(root, tmpDir, "journal.json") }

func hasJournal(root string) bool {
	_, err := os.Lstat(journalFile(root))
	return err == nil
}

// Pending tells whether an earlier run was ended in its middle, so that Recover
// has something to do. It needs no lock and changes nothing.
func Pending(root string) bool { return hasJournal(root) }

func newJournal(root, label string, all []staged, pruned []folder) (*journal, error) {
	j := &journal{Version: journalVersion, Label: label, State: prepared, Dirs: missingDirs(root, all), Prunes: pruned}
	for _, s := range all {
		var name [6]byte
		if _, err := rand.Read(name[:]); err != nil {
			return nil, err
		}
		temp := ".fastman-" + hex.EncodeToString(name[:]) + ".tmp"
		j.Files = append(j.Files, entry{Path: s.Path, Temp: temp, Old: s.Old, New: hash(s.New), Mode: s.Mode})
	}
	return j, nil
}

// write replaces the journal in one step.
func (j *journal) write(root string) error {
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	next := journalFile(root) + ".next"
	if err := remove(next); err != nil {
		return err
	}
	if err := writeFile(next, data, 0o600, nil); err != nil {
		return err
	}
	if err := rename(next, journalFile(root)); err != nil {
		return err
	}
	return syncDirs([]string{filepath.Join(root, tmpDir)})
}

func (j *journal) remove(root string) error {
	return errors.Join(remove(journalFile(root)), remove(journalFile(root)+".next"))
}

// readJournal returns nil when there is none.
func readJournal(root string) (*journal, error) {
	data, err := os.ReadFile(journalFile(root))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	j := &journal{}
	if err := json.Unmarshal(data, j); err != nil || !j.valid() {
		return nil, fmt.Errorf("%s/journal.json %w", tmpDir, errJournal)
	}
	return j, nil
}

// valid refuses what we never write: the file comes with the project's folder,
// and must not lead out of it.
func (j *journal) valid() bool {
	for _, e := range j.Files {
		plain := strings.HasPrefix(e.Temp, ".fastman-") && filepath.Base(e.Temp) == e.Temp
		if !plain || checkPath(e.Path) != nil || e.deleted() && e.Old == nil {
			return false
		}
	}
	dirs := slices.Clone(j.Dirs)
	for _, f := range j.Prunes {
		dirs = append(dirs, f.Path)
	}
	if slices.ContainsFunc(dirs, func(dir string) bool { return checkPath(dir) != nil }) {
		return false
	}
	switch j.State {
	case prepared, committed, applied, undoing:
		return j.Version == 1 || j.Version == journalVersion
	}
	return false
}
