package install

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"fastman/internal/plan"
)

// writeFailure explains an error of the file system.
func writeFailure(err error) error {
	var f *Failure
	var unfinished *plan.Unfinished
	switch {
	case errors.As(err, &f):
		return err
	case errors.As(err, &unfinished):
		return &Failure{What: err.Error(), Untouched: "what could be undone was undone",
			Hint: "run the command again: it undoes the rest"}
	case errors.Is(err, plan.ErrReadOnly), errors.Is(err, fs.ErrPermission):
		return failure(err.Error(), "make it writable (chmod u+w), then run again")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return failure(err.Error(), "free some space on that disk, then run again")
	case errors.Is(err, plan.ErrChanged):
		return failure(err.Error(), "close what writes to that file, then run again")
	case errors.Is(err, plan.ErrLink):
		return failure(err.Error(), "put the file in the link's place, or take the link away yourself; then run again")
	case errors.Is(err, plan.ErrExists):
		return failure(err.Error(), "move the file away, then run again")
	}
	return failure(err.Error(), "mend that, then run again")
}

// hinted is an error of a package below that knows what the user can do about it.
type hinted interface {
	error
	Hint() string
}

// refusal explains why a project cannot be worked on.
func refusal(err error) error {
	var f *Failure
	if errors.As(err, &f) {
		return err
	}
	var h hinted
	if errors.As(err, &h) {
		return failure(err.Error(), h.Hint())
	}
	return failure(err.Error(), "mend that, then run again")
}

// keepShape refuses to install again under another path or table: what is there
// would not follow.
func (r *recipe) keepShape() error {
	m := r.manifest
	if m == nil {
		return nil
	}
	for _, shape := range []struct{ flag, asked, usual, is string }{
		{"--prefix", r.Prefix, usualPrefix, m.Prefix},
		{"--users-table", r.UsersTable, usualTable, m.UsersTable},
	} {
		if shape.asked != shape.is && shape.asked != shape.usual {
			return failure(fmt.Sprintf("%s=%s: this project was installed with %s", shape.flag, shape.asked, shape.is),
				"leave the flag out")
		}
	}
	r.Prefix, r.UsersTable = m.Prefix, m.UsersTable
	return nil
}

// lastLines is where Python says what went wrong.
func lastLines(text string) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-4):], "\n")
}
