package install

import (
	"cmp"
	"context"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

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
	// DatabaseURL is where the app keeps its users: of the environment, the env file, or
	// the code; "" where none of them says.
	DatabaseURL string

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
	i.DatabaseURL = cmp.Or(os.Getenv("DATABASE_URL"), setting(i.Settings, "DATABASE_URL"), r.defaultURL())
	return i
}

// setting looks a name up as pydantic does, in any case.
func setting(all map[string]string, name string) string {
	for is, value := range all {
		if strings.EqualFold(is, name) {
			return value
		}
	}
	return ""
}

// defaultURL is what the project's own Settings class falls back to.
func (r *recipe) defaultURL() string {
	s, isFastAPI := r.stack.(*fastapi)
	if !isFastAPI || s.project.Settings == nil {
		return ""
	}
	for _, f := range s.project.Settings.File.Fields(s.project.Settings.Class) {
		if strings.EqualFold(f.Name, "DATABASE_URL") && f.Default != nil && f.Default.Kind == "str" {
			return f.Default.Name
		}
	}
	return ""
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

// Tracked are the files in the project's version control.
func (i *Installation) Tracked() []string {
	out, _ := git(i.Root, "ls-files", "-z")
	return strings.FieldsFunc(out, func(c rune) bool { return c == 0 })
}

// Version is what a file was in a commit.
type Version struct{ Commit, Source string }

// mostVersions bounds how far back a file is looked at.
const mostVersions = 50

// Versions are those of a file in all branches, the newest first.
func (i *Installation) Versions(file string) (all []Version) {
	out, _ := git(i.Root, "log", "--all", "--format=%h", "--max-count="+strconv.Itoa(mostVersions), "--", filepath.FromSlash(file))
	for _, commit := range strings.Fields(out) {
		if src, there := git(i.Root, "show", commit+":./"+file); there {
			all = append(all, Version{commit, src})
		}
	}
	return all
}
