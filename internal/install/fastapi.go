package install

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fastman/internal/deps"
	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/project"
	"fastman/templates"
)

// fastapi is a FastAPI project.
type fastapi struct {
	*recipe
	project *project.Project
	emitter *emitter
}

func (r *fastapi) look(ctx context.Context) (err error) {
	r.project, err = project.Look(ctx, r.root, project.Options{App: r.App, UsersTable: r.UsersTable, Own: append(r.ownFiles(), path.Base(revisionFile))})
	if err != nil {
		return refusal(err)
	}
	r.emitter = &emitter{templates: r.library(), p: r.project, set: r.target(), prefix: r.Prefix, users: r.UsersTable, exists: r.exists,
		stands: r.was().stands(), isOurs: r.was().put}
	return r.refuse()
}

func (r *fastapi) close() {
	if r.project != nil {
		r.project.Close()
	}
}

func (r *fastapi) place() place {
	next := ""
	if r.deps != nil {
		next = r.serveCommand()
	}
	return place{entry: r.project.Entry.Path, serve: r.project.Entry.Callable, dir: r.emitter.authDir(), next: next, starts: "import"}
}

func (r *fastapi) emit() ([]emitted, error) { return r.emitter.emit() }

// refuse stops where installing would overwrite or contradict what is there.
func (r *fastapi) refuse() error {
	steps := []func() error{r.refusePython, r.refuseCore, r.refuseMoved}
	if r.emitter.stands[moduleFile] == "" && r.target().Stores() {
		steps = append(steps, r.refuseTaken)
	}
	if r.manifest == nil {
		steps = append(steps, r.refuseOldPackages)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// refuseTaken stops where something else stands in the place of the module or its table.
func (r *fastapi) refuseTaken() error {
	if dir := r.emitter.authDir(); r.exists(dir) && !emptyDir(filepath.Join(r.root, filepath.FromSlash(dir))) {
		return failure(dir+": is there already and was not made by fastman",
			"move or delete the folder, then run again: mv "+dir+" "+dir+"_old")
	}
	if module := r.emitter.authDir() + ".py"; r.exists(module) {
		return failure(module+": a package of that name would hide it", "move or rename the module, then run again")
	}
	if at := r.project.UsersTable; at != "" {
		return failure(fmt.Sprintf("%s: a table %q with other columns is defined there", at, r.UsersTable),
			"choose another name: fastman install:auth --users-table=accounts")
	}
	return nil
}

// keycloakPython is the oldest minor version of Python 3 that the middleware for Keycloak
// runs on.
const keycloakPython = 11

// refusePython stops where a package that is needed does not exist for the interpreter.
func (r *fastapi) refusePython() error {
	version := r.project.Python.Version
	if !r.target().Has(feature.Keycloak) || r.job.removes || minor(version) >= keycloakPython {
		return nil
	}
	return failure(fmt.Sprintf("keycloak needs Python 3.%d or newer, and %s is Python %s", keycloakPython, r.project.Python.Path, version),
		"make the project's environment with a newer Python, then run again")
}

// minor is the second number of "3.12.1".
func minor(version string) int {
	parts := strings.Split(version+".", ".")
	n, _ := strconv.Atoi(parts[1])
	return n
}

// refuseCore stops where a module has the name of the package that Keycloak's goes into.
func (r *fastapi) refuseCore() error {
	module := r.emitter.coreDir() + ".py"
	if !r.target().Has(feature.Keycloak) || !r.exists(module) {
		return nil
	}
	return failure(module+": a package of that name would hide it", "move or rename the module, then run again")
}

// refuseMoved stops where the emitted code is not where fastman put it: it would be
// taken for deleted here, and for the user's there.
func (r *fastapi) refuseMoved() error {
	stood := path.Dir(r.emitter.stands[moduleFile])
	if stood == "." || r.exists(stood) || !r.exists(r.emitter.authDir()) {
		return nil
	}
	return failure(stood+": was moved to "+r.emitter.authDir(),
		"move it back and run again; then move it: mkdir -p "+path.Dir(stood)+" && git mv "+r.emitter.authDir()+" "+stood)
}

// check parses every Python file as it will be, with the project's own interpreter;
// all but those whose text is one that fastman's own tests have parsed.
func (r *fastapi) check(ctx context.Context) error {
	sources := map[string][]byte{}
	for _, c := range r.plan.Changes() {
		if filepath.Ext(c.Path) == ".py" && c.New != nil && !r.asCut[c.Path] {
			sources[c.Path] = c.New
		}
	}
	if err := r.project.CheckPython(ctx, sources); err != nil {
		return refusal(err)
	}
	return nil
}

// serveCommand is what a user types in the project's folder to run the app.
func (r *fastapi) serveCommand() string {
	command := r.deps.PrefixFrom(cmp.Or(r.project.ImportRoot, ".")) + "uvicorn " + r.project.Entry.Callable
	if r.project.Entry.IsFactory {
		command += " --factory"
	}
	if dir := r.project.ImportRoot; dir != "" {
		command = "cd " + dir + " && " + command
	}
	return command + " --reload"
}

// refuseOldPackages stops where the project holds releases that the code cannot
// work with, before anything is written.
func (r *fastapi) refuseOldPackages() error {
	old := deps.TooOld(depsProject(r.root, r.project), minimums)
	if old == "" {
		return nil
	}
	return failure(old, "raise it first, then run again")
}

// minimums are the oldest releases whose API the generated code can use at all.
var minimums = map[string]string{"sqlalchemy": "2.0", "pydantic": "2.0", "fastapi": "0.100"}

func depsProject(root string, p *project.Project) deps.Project {
	return deps.Project{Root: root, ImportRoot: p.ImportRoot, Python: p.Python.Path, Version: p.Python.Version, Venv: p.Python.Venv}
}

func (r *fastapi) packagesOut(_ context.Context, gone deps.Removal) (*deps.Plan, error) {
	return deps.NewRemoval(depsProject(r.root, r.project), gone)
}

func (r *fastapi) needsPackage(added string) bool {
	return slices.ContainsFunc(r.library().PackagesOf(r.target()), func(p templates.Package) bool { return edit.PackageName(p.Name) == edit.PackageName(added) })
}

func (r *fastapi) sources() []string { return r.project.Sources }

func (r *fastapi) packages(context.Context) (*deps.Plan, error) {
	return deps.New(depsProject(r.root, r.project), needsOf(r.library().PackagesOf(r.target())))
}
