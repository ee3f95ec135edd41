package project

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"fastman/internal/edit"
)

// findLayout decides which folder stands on sys.path and which package holds the
// app. A name that was given decides; then what the app itself imports, how it is
// started, and where packages begin.
func (l *finder) findLayout(context.Context) error {
	l.ImportRoot = l.importRoot()
	l.RunDir = l.ImportRoot
	if path.Base(l.ImportRoot) == "src" {
		l.RunDir = up(l.ImportRoot)
	}
	for file, f := range l.files {
		f.Module = l.moduleOf(file)
	}
	l.Entry.Module = l.moduleOf(l.Entry.Path)
	l.Entry.Callable = l.moduleOf(l.served) + ":" + l.Entry.Callable
	l.findPackage()
	return nil
}

func (l *finder) importRoot() string {
	if l.isForced {
		return l.forced
	}
	if root, found := l.imported(); found {
		return root
	}
	for _, start := range l.startLines() {
		module, name, _ := strings.Cut(start, ":")
		if root := rootOf(l.served, module); name == l.Entry.Callable && path.Join(root, strings.ReplaceAll(module, ".", "/"))+".py" == l.served {
			return root
		}
	}
	return l.packageRoot()
}

// packageRoot is the folder in which the outermost package of the served file
// stands. A folder "app" is taken for a package without an __init__.py as well:
// that is how it is commonly run.
func (l *finder) packageRoot() string {
	dir := up(l.served)
	relative := slices.ContainsFunc(l.files[l.served].Body, func(s edit.Stmt) bool { return s.Kind == "from" && s.Level > 0 })
	if dir != "" && !l.list.isPackage(dir) && (relative || path.Base(dir) == "app") {
		return up(dir)
	}
	for l.list.isPackage(dir) && identifier(path.Base(dir)) {
		dir = up(dir)
	}
	return dir
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString

// imported counts below which folder the project's own modules, as the app
// imports them, are to be found.
func (l *finder) imported() (string, bool) {
	votes := map[string]int{}
	for _, file := range slices.Compact([]string{l.served, l.Entry.Path}) {
		l.files[file].Walk(func(s *edit.Stmt) {
			for _, module := range importedModules(s) {
				if root, found := l.below(file, module); found {
					votes[root]++
				}
			}
		})
	}
	best, found := "", false
	for root, n := range votes {
		if !found || n > votes[best] || n == votes[best] && len(root) < len(best) {
			best, found = root, true
		}
	}
	return best, found
}

// importedModules are the absolute modules that a statement may load, each with
// at least two parts, so that one of the standard library isn't taken for a file
// of the same name; or a single part that only a project has.
func importedModules(s *edit.Stmt) []string {
	var modules []string
	switch {
	case s.Kind == "import":
		for _, a := range s.Imports {
			modules = append(modules, a.Name)
		}
	case s.Kind == "from" && s.Level == 0 && strings.Contains(s.Module, "."):
		modules = append(modules, s.Module)
	case s.Kind == "from" && s.Level == 0:
		for _, a := range s.Imports {
			modules = append(modules, s.Module+"."+a.Name)
		}
		modules = append(modules, s.Module)
	}
	return slices.DeleteFunc(modules, func(m string) bool { return slices.Contains(notOurs, m) })
}

// notOurs are modules of the standard library, and alembic, whose names are also
// usual for files of a project.
var notOurs = []string{"alembic", "logging", "types", "typing", "email", "json", "enum", "queue", "secrets", "token",
	"calendar", "platform", "random", "select", "signal", "site", "code", "cmd", "test", "http", "html", "xml", "time",
	"datetime", "uuid", "string", "operator", "statistics", "profile", "cache", "graphql", "redis", "celery"}

// below finds the folder above a file in which a module stands. The deepest part
// may be a name inside the module.
func (l *finder) below(file, module string) (string, bool) {
	parts := strings.Split(module, ".")
	for dir := up(file); ; dir = up(dir) {
		if l.list.has(dir, parts) {
			return dir, true
		}
		if dir == "" {
			return "", false
		}
	}
}

var startLine = regexp.MustCompile(`\b([A-Za-z_][\w.]*):([A-Za-z_]\w*)\b`)

// startLines are the "module:name" in the files that usually start an app.
func (l *finder) startLines() []string {
	if l.starts != nil {
		return l.starts
	}
	l.starts = []string{}
	for _, pattern := range []string{"Dockerfile*", "Procfile", "*compose*.y*ml", "Makefile", "justfile", "*.sh", "*.toml", "README.md"} {
		for _, dir := range []string{"", "*"} {
			files, _ := filepath.Glob(filepath.Join(l.Root, dir, pattern))
			for _, file := range files {
				if info, err := os.Stat(file); err != nil || info.Size() > largestFile || !info.Mode().IsRegular() {
					continue
				}
				src, _ := os.ReadFile(file)
				l.starts = append(l.starts, startLine.FindAllString(string(src), -1)...)
			}
		}
	}
	return l.starts
}

// started reports whether one of these files starts the candidate.
func (l *finder) started(c candidate) bool {
	full := c.String()
	return slices.ContainsFunc(l.startLines(), func(start string) bool {
		return start == full || strings.HasSuffix(full, "."+start)
	})
}

// layers are names of packages that hold one layer of an app, not the app.
var layers = []string{"api", "web", "server", "http", "entrypoints", "presentation", "asgi", "main", "core"}

// newPackages are the names that a new package may get: "app", unless a module
// app.py would be hidden by it.
var newPackages = []string{"app", "application", "backend", "webapp"}

// findPackage decides which package the emitted code goes to.
func (l *finder) findPackage() {
	dir := up(l.Entry.Path)
	if dir != l.ImportRoot {
		if above := up(dir); slices.Contains(layers, path.Base(dir)) && above != l.ImportRoot && above != "" {
			dir = above
		}
		l.setPackage(dir)
		return
	}
	l.NewPackage = true
	for _, name := range newPackages {
		at := path.Join(l.ImportRoot, name)
		if l.list.files[at+".py"] {
			continue
		}
		if info, err := os.Stat(l.abs(at)); err == nil && !info.IsDir() {
			continue
		}
		l.setPackage(at)
		l.NewPackage = !l.list.dirs[at]
		return
	}
}

func (l *finder) setPackage(dir string) {
	l.PackageDir = dir
	l.Package = strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(dir, l.ImportRoot), "/"), "/", ".")
}
