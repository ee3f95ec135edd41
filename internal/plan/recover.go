package plan

// Outcome is what Recover found of an earlier run.
type Outcome int

const (
	Nothing  Outcome = iota // no run was ended in its middle
	Undone                  // its files are as they were before it
	Finished                // its files are all new: go on from there, or Undo
)

// Recovery is what became of an earlier run that was ended in its middle.
type Recovery struct {
	Outcome Outcome
	Label   string   // what that run was doing
	Applied *Applied // with Finished
	Kept    []string // with Undone: files that were changed since and left as they are
}

// Recover completes or undoes what an earlier run left. The caller holds the Lock.
func Recover(root string) (Recovery, error) {
	p, err := New(root)
	if err != nil {
		return Recovery{}, err
	}
	j, err := readJournal(p.root)
	if err != nil {
		return Recovery{}, err
	}
	if j == nil {
		return Recovery{}, remove(journalFile(p.root) + ".next")
	}
	a := &Applied{p.root, j}
	if j.State == applied || j.State == committed && a.finish() == nil {
		return Recovery{Outcome: Finished, Label: j.Label, Applied: a}, nil
	}
	kept, err := a.undo()
	return Recovery{Outcome: Undone, Label: j.Label, Kept: kept}, err
}
