package install

import (
	"context"
	"path/filepath"
	"slices"

	"fastman/internal/deps"
	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/project"
	"fastman/templates"
)

// The stacks, as --stack names them.
const (
	fastapiStack = "fastapi"
	goStack      = "go"
)

var stacks = []string{fastapiStack, goStack}

// stack is what differs between kinds of projects; the recipe is what does not. One
// value serves one run.
type stack interface {
	reader
	writer
	starter
}

// reader knows the project.
type reader interface {
	// look finds out what is there, and refuses what cannot be worked on.
	look(ctx context.Context) error
	// place is where the app is made: its file, and what a server or the go command is
	// given; dir is the folder of the emitted module.
	place() place
	close()
}

// writer changes it, in memory.
type writer interface {
	// emit returns the files that belong to the set in this project.
	emit() ([]emitted, error)
	// formatted gives texts the form that the project's formatter gives them.
	formatted(ctx context.Context, texts map[string][]byte) (map[string][]byte, error)
	// wire plans the edits of the user's own files.
	wire(ctx context.Context) error
	// needs reports whether the set needs a piece that was put into a file of the user.
	needs(file string, put edit.Put) bool
	// remove takes pieces out of a file of the user that was changed since.
	remove(ctx context.Context, file string, src []byte, puts []edit.Put) (edit.Result, error)
	// stays reports whether an emitted file outlives its types.
	stays(file, from string) bool
	// detach makes what stays of the migrations work without what goes.
	detach(ctx context.Context, gone []string) error
	// farewell says what stays when everything else has gone, and how to go back.
	farewell(stay []string) string
	// isModule reports whether a file is of the sign-in itself.
	isModule(file string) bool
	// sources are the project's files of code.
	sources() []string
	// uses lists where code of the user imports what goes: "app/items.py:3".
	uses(ctx context.Context, gone []string) (map[string][]string, error)
	// check parses what was fitted.
	check(ctx context.Context) error
}

// starter brings it to life.
type starter interface {
	// packages plans what the package manager has to add.
	packages(ctx context.Context) (*deps.Plan, error)
	// packagesOut plans what it has to take out.
	packagesOut(ctx context.Context, gone deps.Removal) (*deps.Plan, error)
	// needsPackage reports whether the set needs a package that fastman has added.
	needsPackage(added string) bool
	// boot checks that the app still starts, and tells its routes.
	boot(ctx context.Context) (*booted, error)
	// dropTables takes the tables of the sign-in out of the database.
	dropTables(ctx context.Context) error
	// migrate brings the database up to date, or says how.
	migrate(ctx context.Context) error
}

// place says where the app is, what a user runs next, and what a boot check has it do.
type place struct{ entry, serve, dir, next, starts string }

// emitted is one file of the template, cut and fitted to the project.
type emitted struct {
	Path    string
	From    string // path of the template
	Content []byte
	AsCut   bool   // nothing was fitted: the text is one that fastman's own tests parse
	Once    bool   // what is written once is history: a migration
	Left    []byte // what a removal may have left in its place

	formatted []byte // Content as the project formats it; nil where that is no other
}

// text is what is written.
func (f emitted) text() []byte {
	if f.formatted != nil {
		return f.formatted
	}
	return f.Content
}

// newStack is the stack's part of a recipe.
func (r *recipe) newStack(name string) stack {
	if name == goStack {
		return &golang{recipe: r}
	}
	return &fastapi{recipe: r}
}

// chooseStack tells the stacks apart: by what was installed, by the flag, by the
// project's files; where these say both, somebody has to.
func chooseStack(c Common, root, asked string, m *manifest) (string, error) {
	switch {
	case m != nil && asked != "" && asked != m.Stack:
		return "", failure("--stack="+asked+": this project was installed with "+m.Stack, "leave the flag out")
	case m != nil:
		return m.Stack, nil
	case asked != "":
		return asked, nil
	}
	isGo, isPython := project.IsGo(root), project.IsPython(root)
	switch {
	case isGo && isPython:
		return c.askStack()
	case isGo:
		return goStack, nil
	case !isPython:
		if modules := project.GoModules(root); len(modules) > 0 {
			return "", failure("no go.mod and no FastAPI app in "+filepath.Base(root), "name the folder of the project: --dir="+modules[0])
		}
	}
	return fastapiStack, nil
}

func (c *Common) askStack() (string, error) {
	if c.Ask != nil && !c.Yes {
		if answer := c.Ask("this folder holds a Go module and a FastAPI app; which one?", stacks); slices.Contains(stacks, answer) {
			return answer, nil
		}
	}
	return "", &Usage{What: "this folder holds a Go module and a FastAPI app", Hint: "say which: fastman install:auth --stack=go (or --stack=fastapi)"}
}

func checkStack(name string) error {
	if name == "" || slices.Contains(stacks, name) {
		return nil
	}
	hint := "use --stack=fastapi or --stack=go"
	if near := feature.Nearest(name, stacks); near != "" {
		hint = "did you mean --stack=" + near + "?"
	}
	return &Usage{What: "unknown stack " + quote(name), Hint: hint}
}

// needsOf are packages in the terms of the package managers.
func needsOf(packages []templates.Package) []deps.Need {
	var all []deps.Need
	for _, p := range packages {
		all = append(all, deps.Need{Name: p.Name, Extras: p.Extras, Spec: p.Spec, Dev: p.Dev})
	}
	return all
}
