package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fastman/internal/cut"
	"fastman/internal/deps"
	"fastman/internal/feature"
	"fastman/internal/plan"
	"fastman/internal/project"
	"fastman/templates"
)

// NewOptions are the flags of new.
type NewOptions struct {
	Common
	Name  string
	Stack string
	Set   feature.Set // empty: a project without sign-in
}

// kit is what new makes of one stack: template file, file in the project. The code of
// the skeleton knows no types, which are then installed as into any project; the
// papers are what there is to read, and tell of the types.
type kit struct {
	skeleton, papers [][2]string
	template         string // folder of the template
	entry, serve     string
}

var kits = map[string]kit{
	fastapiStack: {
		template: "fastapi", entry: "app/main.py", serve: "app.main:app",
		skeleton: [][2]string{
			{"new/pyproject.toml", "pyproject.toml"},
			{"new/gitignore", ".gitignore"},
			{"new/env", ".env"},
			{"new/env.example", ".env.example"},
			{"app/__init__.py", "app/__init__.py"},
			{"app/main.py", "app/main.py"},
			{"app/core/__init__.py", "app/core/__init__.py"},
			{"app/core/config.py", "app/core/config.py"},
		},
		papers: readme,
	},
	goStack: {
		template: "goapp", entry: "main.go", serve: ".",
		skeleton: [][2]string{
			{"new/gomod", "go.mod"},
			{"new/gitignore", ".gitignore"},
			{"new/env", ".env"},
			{"new/env.example", ".env.example"},
			{"main.go", "main.go"},
		},
		papers: readme,
	},
}

var readme = [][2]string{
	{"new/README.md", "README.md"},
	{"new/requests.http", "requests.http"},
}

// New makes a minimal runnable project, and adds sign-in when types are given.
func New(ctx context.Context, o NewOptions) (*Report, error) {
	if err := checkStack(o.Stack); err != nil {
		return nil, err
	}
	o.Stack = cmp.Or(o.Stack, fastapiStack)
	if !nameForm.MatchString(o.Name) {
		return nil, &Usage{What: "the name " + quote(o.Name) + " is not letters, digits, - and _ with a letter first", Hint: "as in: fastman new shop"}
	}
	root, err := newRoot(o)
	if err != nil {
		return nil, err
	}
	p, err := stageSkeleton(root, o)
	if err != nil {
		return nil, err
	}
	report := &Report{Command: "new", Stack: o.Stack, Serve: kits[o.Stack].serve, Entry: kits[o.Stack].entry}
	for _, c := range p.Changes() {
		report.Files = append(report.Files, File{Path: c.Path, Action: "create"})
	}
	if o.DryRun || o.Diff {
		return previewNew(o, p, report), nil
	}
	if err := writeSkeleton(ctx, root, p); err != nil {
		_ = os.Remove(root)
		return nil, err
	}
	if !o.Set.Empty() {
		return newWithAuth(ctx, o, root, report)
	}
	return newPlain(ctx, o, root, report)
}

// newRoot is the folder to make. It may be there when nothing is in it.
func newRoot(o NewOptions) (string, error) {
	parent, err := folder(o.Dir)
	if err != nil {
		return "", err
	}
	root := filepath.Join(parent, o.Name)
	info, err := os.Stat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return root, nil
	case err != nil:
		return "", writeFailure(err)
	case !info.IsDir() || !emptyDir(root):
		return "", failure(o.Name+": is there already", "choose another name, or add sign-in to it: cd "+o.Name+" && fastman install:auth")
	}
	return root, nil
}

func stageSkeleton(root string, o NewOptions) (*plan.Plan, error) {
	p, err := plan.New(root)
	if err != nil {
		return nil, err
	}
	p.Label = "new"
	k := kits[o.Stack]
	if err := k.stage(o.library(), p, k.papers, o.Name, o.Set); err != nil {
		return nil, err
	}
	return p, k.stage(o.library(), p, k.skeleton, o.Name, feature.Set{})
}

func (k kit) stage(library *templates.Library, p *plan.Plan, files [][2]string, name string, set feature.Set) error {
	for _, pair := range files {
		src, err := library.Read(k.template, pair[0])
		if err != nil {
			return err
		}
		out, keep, err := cut.File(pair[0], src, set)
		if err != nil {
			return err
		}
		if !keep {
			continue
		}
		if err := p.Write(pair[1], nil, []byte(named(string(out), name)), fileMode(pair[1])); err != nil {
			return err
		}
	}
	return nil
}

// named puts the project's name where the template has its own.
func named(text, name string) string {
	return strings.NewReplacer(
		`name = "app"`, fmt.Sprintf("name = %q", name),
		`title="app"`, fmt.Sprintf("title=%q", name),
		"# app\n", "# "+name+"\n",
		"module app\n", "module "+name+"\n",
		"// Command app ", "// Command "+name+" ",
	).Replace(text)
}

func previewNew(o NewOptions, p *plan.Plan, report *Report) *Report {
	report.Status, report.Headline = StatusDryRun, "would make "+o.Name
	if o.Diff {
		report.Diff = p.Diff()
	}
	return report
}

// writeSkeleton leaves the journal open: until the project is known to be usable,
// settleSkeleton can take it away again.
func writeSkeleton(ctx context.Context, root string, p *plan.Plan) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return writeFailure(err)
	}
	held, err := lock(root)
	if err != nil {
		return err
	}
	defer held.Release()
	if _, err := p.Apply(ctx); err != nil {
		return writeFailure(err)
	}
	return nil
}

// settleSkeleton keeps the new project, or takes it away when cause says why it
// cannot be used.
func settleSkeleton(root string, cause error) error {
	held, err := lock(root)
	if err != nil {
		return errors.Join(cause, err)
	}
	recovered, err := plan.Recover(root)
	if err == nil && recovered.Applied != nil {
		if cause == nil {
			err = recovered.Applied.Done()
		} else {
			_, err = recovered.Applied.Undo()
		}
	}
	_ = held.Release()
	if cause != nil {
		_ = os.Remove(root) // goes only when it is empty again
		return cause
	}
	return err
}

func newPlain(ctx context.Context, o NewOptions, root string, report *Report) (*Report, error) {
	report.Headline = "made " + o.Name
	d, err := newDeps(ctx, o.Stack, root)
	if err := settleSkeleton(root, err); err != nil {
		return nil, err
	}
	report.Packages = packagesOf(d, !o.NoDeps)
	if !o.NoDeps {
		o.say("installing packages with " + d.Manager())
		if err := d.Run(ctx, quiet); err != nil {
			report.left("the packages were not installed: "+err.Error(), strings.Join(d.Commands(), "\n"))
		}
	}
	run := "go run ."
	if o.Stack == fastapiStack {
		run = d.Prefix() + "uvicorn app.main:app --reload"
	}
	report.Next = []string{"cd " + o.Name, run, "fastman install:auth"}
	return report.settle(), nil
}

func newWithAuth(ctx context.Context, o NewOptions, root string, report *Report) (*Report, error) {
	common := o.Common
	common.Dir = root
	auth, err := Auth(ctx, AuthOptions{Common: common, Stack: o.Stack, Types: o.Set.Types(), Providers: o.Set.Providers(), UI: o.Set.UI(), Prefix: "/auth", UsersTable: "users", fresh: true})
	if err := settleSkeleton(root, err); err != nil {
		return nil, err
	}
	auth.Command = "new"
	auth.Headline = "made " + o.Name + ", " + auth.Headline
	auth.Files = append(report.Files, auth.Files...)
	auth.Next = append([]string{"cd " + o.Name}, auth.Next...)
	return auth, nil
}

// newDeps plans the packages of a project that declares them and has none yet.
func newDeps(ctx context.Context, stack, root string) (*deps.Plan, error) {
	if stack == goStack {
		return deps.Tidy(root), nil
	}
	p, err := project.Look(ctx, root, project.Options{})
	if err != nil {
		return nil, refusal(err)
	}
	defer p.Close()
	d, err := deps.New(depsProject(root, p), nil)
	if err != nil {
		return nil, refusal(err)
	}
	return d, nil
}
