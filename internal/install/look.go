package install

import (
	"context"

	"fastman/internal/feature"
	"fastman/internal/plan"
)

// Found is what is known of a project before anything is planned for it.
type Found struct {
	Stack   string
	Set     feature.Set // what is installed
	Prefix  string      // under which the routes stand, or will
	Stopped bool        // an earlier run was ended in its middle
}

// Look tells what is installed in the project in o.Dir, and where nothing is, whether
// the project is one that can be worked on. It writes nothing.
func Look(ctx context.Context, o AuthOptions) (*Found, error) {
	r, err := open(o, job{command: "install:auth", target: func(is feature.Set) feature.Set { return is }})
	if err != nil {
		return nil, err
	}
	found := &Found{Stack: r.stackName, Set: r.installed(), Prefix: r.Prefix, Stopped: plan.Pending(r.root)}
	if found.Stopped || !found.Set.Empty() {
		return found, nil
	}
	defer r.stack.close()
	for _, step := range []func(context.Context) error{r.begin, r.look} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return found, nil
}
