package install

import (
	"context"

	"fastman/internal/feature"
)

// UpdateOptions are the flags of update:auth.
type UpdateOptions struct {
	Common
	Check bool // only tell whether there is something to do
}

// updating is the job of update:auth.
var updating = job{
	command: "update:auth", needsInstall: true,
	target: func(is feature.Set) feature.Set { return is },
	did:    "updated %s in %s", would: "would update %s in %s", nothing: "up to date: %s is installed",
	done:   (*recipe).stands,
	mended: "mend what the error names, or update with --no-boot to look into it",
}

// UpdateAuth brings the emitted code to this fastman's templates and keeps the user's
// edits.
func UpdateAuth(ctx context.Context, o UpdateOptions) (*Report, error) {
	o.DryRun = o.DryRun || o.Check
	r, err := carryOut(ctx, AuthOptions{Common: o.Common, Prefix: usualPrefix, UsersTable: usualTable}, updating)
	if o.Check && err == nil && r.Status == StatusDryRun {
		r.left("the sign-in is not up to date", "fastman update:auth")
		r.Status = StatusLeft
	}
	return r, err
}
