package install

import (
	"context"
	"path"
	"path/filepath"

	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/plan"
)

// Installation is a project with sign-in in it, as whoever starts its app must know it.
type Installation struct {
	Root       string // absolute
	Stack      string
	Set        feature.Set
	Prefix     string
	UsersTable string
	Files      map[string]string // emitted files, by the path of their template
	Emitted    map[string]string // what was written into them
	EnvFiles   []string          // live ones
	Examples   []string
	Settings   map[string]string // of the env file that the app reads: .env

	// FastAPI
	Python     string // interpreter
	ImportRoot string // folder that the app is started in, below Root; "" is Root
	Callable   string // what a server is given: "app.main:app"
	IsFactory  bool
	Module     string // dotted name of the auth package; of the Go module its path
	AlembicIni string // below Root
	Async      bool   // the app's own engine is an async one

	// Go
	Main string // folder of the program
}

// IsGo tells the stacks apart.
func (i *Installation) IsGo() bool { return i.Stack == goStack }

// Installed tells what stands in the project in c.Dir. It writes nothing.
func Installed(ctx context.Context, c Common) (*Installation, error) {
	c.Yes = true // a go line that is too old is the build's to say
	r, err := open(AuthOptions{Common: c, Prefix: usualPrefix, UsersTable: usualTable},
		job{command: "verify:auth", target: func(is feature.Set) feature.Set { return is }, needsInstall: true})
	if err != nil {
		return nil, err
	}
	if plan.Pending(r.root) || r.manifest.Pending {
		return nil, failure("an install was not finished", "finish it first: fastman install:auth")
	}
	defer r.stack.close()
	for _, step := range []func(context.Context) error{r.begin, r.stack.look} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return r.installation(), nil
}

func (r *recipe) installation() *Installation {
	i := &Installation{Root: r.root, Stack: r.stackName, Set: r.installed(), Prefix: r.manifest.Prefix, UsersTable: r.manifest.UsersTable,
		Files: r.manifest.stands(), Emitted: r.base.Files}
	switch s := r.stack.(type) {
	case *fastapi:
		p := s.project
		i.EnvFiles, i.Examples = p.EnvFiles, p.EnvExamples
		i.Python, i.ImportRoot, i.Callable, i.IsFactory = p.Python.Path, p.ImportRoot, p.Entry.Callable, p.Entry.IsFactory
		i.Module, i.AlembicIni, i.Async = s.emitter.authModule(), s.alembicIni(), p.Database.Engine == nil && p.Database.Async != nil
	case *golang:
		i.EnvFiles, i.Examples = s.project.EnvFiles, s.project.EnvExamples
		i.Main, i.Module = s.project.Main, s.project.Module
	}
	i.Settings = r.settingsOf(i.EnvFiles)
	return i
}

// settingsOf are the values of the .env among some env files: the nearer to the root
// one wins.
func (r *recipe) settingsOf(files []string) map[string]string {
	all := map[string]string{}
	for _, file := range files {
		src, err := r.onDisk(file)
		if err != nil || path.Base(file) != ".env" {
			continue
		}
		for _, name := range edit.DotenvKeys(src) {
			if _, known := all[name]; !known {
				all[name], _ = edit.DotenvGet(src, name)
			}
		}
	}
	return all
}

// IsEnv reports whether a file may hold a secret: an env file that is no example.
func IsEnv(file string) bool { return isEnv(filepath.ToSlash(file)) }

// Tracked reports whether a file is in the project's version control.
func (i *Installation) Tracked(file string) bool {
	_, tracked := git(i.Root, "ls-files", "--error-unmatch", "--", filepath.FromSlash(file))
	return tracked
}
