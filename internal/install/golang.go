package install

import (
	"context"
	"fmt"
	"go/version"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"fastman/internal/deps"
	"fastman/internal/edit"
	"fastman/internal/project"
	"fastman/internal/run"
	"fastman/templates"
)

// golang is a Go module with an HTTP server.
type golang struct {
	*recipe
	project *project.Go
	emitter *goEmitter
}

// Where the emitted packages stand in every module.
const (
	goAuthDir = "internal/auth"
	goGinDir  = "internal/ginauth" // in those with gin
)

func (r *golang) look(ctx context.Context) (err error) {
	if r.project, err = project.LookGo(ctx, r.root, r.App, r.ownFiles()); err != nil {
		return refusal(err)
	}
	r.emitter = newGoEmitter(goEmitter{templates: r.library(), p: r.project, set: r.target(), prefix: r.Prefix, users: r.UsersTable,
		exists: r.exists, stands: r.was().stands()})
	for _, step := range []func(context.Context) error{r.refuse, r.haveGo, r.allowGoLine} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *golang) close() {}

func (r *golang) place() place {
	serve := "./" + r.project.Main
	if r.project.Main == "." {
		serve = "."
	}
	return place{entry: r.project.Sites[0].File.Path, serve: serve, dir: goAuthDir, next: "go run " + serve, starts: "build"}
}

func (r *golang) emit() ([]emitted, error) { return r.emitter.emit() }

// refuse stops where installing would overwrite or contradict what is there.
func (r *golang) refuse(context.Context) error {
	if r.manifest != nil {
		return nil
	}
	if !r.holdsOnly(goAuthDir, ".sql") {
		return failure(goAuthDir+": is there already and was not made by fastman",
			"move the package, then run again: git mv "+goAuthDir+" internal/oldauth, and change its imports")
	}
	if at := r.project.UsersTable(r.UsersTable); at != "" {
		return failure(fmt.Sprintf("%s: a table %q of the app's own is defined there", at, r.UsersTable),
			"choose another name: fastman install:auth --users-table=accounts")
	}
	if route := r.project.Route(r.Prefix, r.emitter.endpoints()); route != "" {
		return failure(route+" is a route of this app already",
			"put the new routes under another path: fastman install:auth --prefix=/account")
	}
	return nil
}

// haveGo stops where the go command is missing or too old to ever build the code.
func (r *golang) haveGo(ctx context.Context) error {
	if r.NoDeps && r.NoBoot {
		return nil
	}
	const hint = "install Go " + templates.GoVersion + " or newer: https://go.dev/dl"
	if _, err := run.LookPath("go"); err != nil {
		return failure("go is not on PATH", hint)
	}
	res, err := run.Run(ctx, run.Spec{Args: []string{"go", "env", "GOVERSION", "GOTOOLCHAIN"}, Dir: r.root})
	if err != nil {
		return &Failure{What: "the go command fails here", Detail: string(res.Stderr), Untouched: nothingWritten, Hint: "mend that, then run again"}
	}
	is, toolchain, _ := strings.Cut(strings.TrimSpace(string(res.Stdout)), "\n")
	if toolchain == "local" && version.Compare(is, "go"+templates.GoVersion) < 0 {
		return failure(is+" is installed; the packages of the sign-in need go"+templates.GoVersion, hint)
	}
	return nil
}

// allowGoLine asks before the go line of go.mod is raised: it changes what the
// language means for all code of the module.
func (r *golang) allowGoLine(context.Context) error {
	if err := r.workspaceLine(); err != nil {
		return err
	}
	need := "go" + templates.GoVersion
	is := "go" + r.project.GoLine
	if version.Compare(version.Lang(is), version.Lang(need)) >= 0 || r.Yes {
		return nil
	}
	what := fmt.Sprintf("go.mod: go %s: the packages of the sign-in need go %s; language, defaults and checks of that release would then hold for all of the module",
		r.project.GoLine, templates.GoVersion)
	if version.Compare(is, "go1.22") < 0 {
		what += " (from 1.22 on each turn of a loop has variables of its own)"
	}
	if r.Ask != nil && r.Ask(what+"; raise the line?", []string{"yes", "no"}) == "yes" {
		return nil
	}
	return failure(what, "let it be raised: fastman install:auth --yes")
}

// workspaceLine stops where a go.work is older than the module has to become.
func (r *golang) workspaceLine() error {
	if r.project.Workspace == "" {
		return nil
	}
	src, err := os.ReadFile(r.project.Workspace)
	if err != nil {
		return failure(err.Error(), "mend that, then run again")
	}
	work, err := modfile.ParseWork(r.project.Workspace, src, nil)
	if err != nil || work.Go != nil && version.Compare("go"+work.Go.Version, "go"+templates.GoVersion) >= 0 {
		return nil // the go command tells of errors in it
	}
	return failure(r.project.Workspace+": its go line is below "+templates.GoVersion+", which the packages of the sign-in need",
		"raise it: go work edit -go="+templates.GoVersion)
}

// wire plans the edits of the user's own files.
func (r *golang) wire(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.wireServer, r.wireEnv, r.wireIgnore} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wireServer puts the sign-in in front of the server's routes.
func (r *golang) wireServer(context.Context) error {
	site := r.project.Sites[0]
	if project.Generated(site.File) {
		r.report.left(site.File.Path+": is generated by a tool, so nothing was put there", site.Lines(r.emitter.names))
		return nil
	}
	return r.edit(site.File.Path, func([]byte) edit.Result { return edit.WireGo(r.project.Sites, r.emitter.names) })
}

func (r *golang) wireEnv(context.Context) error {
	return r.fillEnv(envFiles{name: r.project.Name, live: r.project.EnvFiles, examples: r.project.EnvExamples, fresh: ".env",
		leaves: func(string) bool { return false }})
}

// check parses the Go files that were fitted or edited.
func (r *golang) check(context.Context) error {
	for _, c := range r.plan.Changes() {
		if path.Ext(c.Path) != ".go" || c.New == nil || r.asCut[c.Path] {
			continue
		}
		if _, err := edit.ParseGo(c.Path, c.New); err != nil {
			return failure(err.Error(), "this is a bug of fastman: please report it")
		}
	}
	return nil
}

func (r *golang) packages(ctx context.Context) (*deps.Plan, error) {
	var needs []deps.Need
	for _, m := range r.library().ModulesOf(r.target()) {
		needs = append(needs, deps.Need{Name: m.Path, Spec: "@" + m.Version, Extras: strings.Join(m.Packages, ",")})
	}
	plan := deps.NewGo(goModule(r.project), needs)
	if !r.NoDeps && !r.DryRun && !r.Diff && !r.fresh {
		plan.KeepUntidy(ctx)
	}
	return plan, nil
}

func (r *golang) packagesOut(ctx context.Context, gone deps.Removal) (*deps.Plan, error) {
	plan, err := deps.NewGoRemoval(goModule(r.project), gone)
	if err != nil {
		return nil, err
	}
	if !r.NoDeps && !r.DryRun && !r.Diff {
		plan.KeepUntidy(ctx)
	}
	if r.project.Vendored && !plan.Empty() {
		r.report.left("vendor/ still holds the packages", deps.Vendor)
	}
	return plan, nil
}

func (r *golang) needsPackage(added string) bool {
	path, _, _ := strings.Cut(added, "@")
	return slices.ContainsFunc(r.library().ModulesOf(r.target()), func(m templates.Module) bool { return m.Path == path })
}

func (r *golang) sources() []string {
	var all []string
	for _, f := range r.project.AllFiles() {
		all = append(all, f.Path)
	}
	return append(all, r.ownFiles()...)
}

func goModule(p *project.Go) deps.Module {
	return deps.Module{Root: p.Root, GoLine: p.GoLine, Requires: p.Requires, Replaced: p.Replaced, Vendored: p.Vendored, Workspace: p.Workspace}
}

// migrate has nothing to do: the app brings its tables up to date when it starts.
func (r *golang) migrate(context.Context) error {
	if r.project.Vendored && !r.NoDeps && !r.packagesFailed && !r.deps.Empty() {
		r.report.left("vendor/ does not hold the new packages yet", deps.Vendor)
	}
	return nil
}
