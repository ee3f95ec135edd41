package project

import (
	"cmp"
	"context"
	"go/ast"
	"go/build"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"fastman/internal/edit"
)

// Go is a Go module, as LookGo found it.
type Go struct {
	Root      string // absolute path of the folder with the go.mod
	Module    string // its path: "example.com/shop"
	Name      string // the app's name: the folder of the main package, or the module's last element
	GoLine    string // "1.24.0"; "" when there is none
	Requires  map[string]string
	Replaced  map[string]bool // modules with a replace directive: their version is the user's
	Vendored  bool            // vendor/ holds the packages
	Workspace string          // absolute path of the go.work that is in use, or ""

	Main  string // folder of the main package: ".", "cmd/api"
	Sites []edit.GoSite
	Dir   string // folder of the package that serves; Main, where that does itself

	EnvFiles, EnvExamples []string

	packages map[string]*goPackage
	files    []*edit.GoFile // that this platform builds, without tests
	all      []*edit.GoFile
}

// goPackage is one folder of Go source.
type goPackage struct {
	dir   string
	name  string         // of its package clause
	files []*edit.GoFile // that this platform builds, without tests
	names map[string]bool
}

// IsGo reports whether a folder is the root of a Go module.
func IsGo(root string) bool { return exists(filepath.Join(root, "go.mod")) }

// IsPython reports whether a folder holds a file that may make a FastAPI app.
func IsPython(root string) bool {
	list, err := walkProject(root)
	return err == nil && (&finder{list: list}).mayHaveApp()
}

// GoModules are the folders near root that hold a go.mod: the one above it within the
// repository, and those below it, as --dir takes them.
func GoModules(root string) []string {
	for dir := root; !exists(filepath.Join(dir, ".git")) && dir != filepath.Dir(dir); {
		dir = filepath.Dir(dir)
		if IsGo(dir) {
			return []string{dir}
		}
	}
	var below []string
	for _, pattern := range []string{"*/go.mod", "*/*/go.mod"} {
		found, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, file := range found {
			if rel, err := filepath.Rel(root, filepath.Dir(file)); err == nil {
				below = append(below, filepath.ToSlash(rel))
			}
		}
	}
	return below
}

// LookGo finds out what is in a module: which program of it serves HTTP, and where it
// gives its server the routes. app is the folder or file of the program that is
// meant; "" finds it. No code of the project runs.
func LookGo(_ context.Context, root, app string, own []string) (*Go, error) {
	p := &Go{Root: root, packages: map[string]*goPackage{}}
	for _, step := range []func() error{p.readModule, func() error { return p.readSource(own) }} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if err := p.findServer(app); err != nil {
		return nil, err
	}
	p.Name = p.name()
	p.EnvFiles, p.EnvExamples = EnvFiles(root, p.envDirs()...)
	return p, nil
}

func (p *Go) readModule() error {
	const name = "go.mod"
	src, err := os.ReadFile(filepath.Join(p.Root, name))
	if err != nil {
		return &Unreadable{Path: name, Message: reason(err)}
	}
	mod, err := modfile.Parse(name, src, nil)
	if err != nil {
		return &Unreadable{Path: name, Message: strings.TrimPrefix(err.Error(), name+":")}
	}
	if mod.Module == nil {
		return &Unreadable{Path: name, Message: "names no module"}
	}
	p.Module = mod.Module.Mod.Path
	if mod.Go != nil {
		p.GoLine = mod.Go.Version
	}
	p.Requires, p.Replaced = map[string]string{}, map[string]bool{}
	for _, r := range mod.Require {
		p.Requires[r.Mod.Path] = r.Mod.Version
	}
	for _, r := range mod.Replace {
		p.Replaced[r.Old.Path] = true
	}
	p.Vendored = exists(filepath.Join(p.Root, "vendor", "modules.txt"))
	p.Workspace = workspace(p.Root)
	return nil
}

// workspace is the go.work that the go command uses in a folder.
func workspace(dir string) string {
	switch env := os.Getenv("GOWORK"); env {
	case "":
	case "off":
		return ""
	default:
		return env
	}
	for {
		if file := filepath.Join(dir, "go.work"); exists(file) {
			return file
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// readSource parses the module's files, but for tests and for those of own, which
// fastman has made.
func (p *Go) readSource(own []string) error {
	paths, err := goFiles(p.Root)
	if err != nil {
		return err
	}
	for _, file := range paths {
		src, err := os.ReadFile(filepath.Join(p.Root, filepath.FromSlash(file)))
		if err != nil {
			return &Unreadable{Path: file, Message: reason(err)}
		}
		if err := p.take(file, src, own); err != nil {
			return err
		}
	}
	return nil
}

func (p *Go) take(file string, src []byte, own []string) error {
	dir := path.Dir(file)
	f, err := edit.ParseGo(file, src)
	if err != nil {
		if strings.HasSuffix(file, "_test.go") || !p.builds(file) {
			return nil
		}
		return goUnreadable(file, err)
	}
	pkg := p.packages[dir]
	if pkg == nil {
		pkg = &goPackage{dir: dir, names: map[string]bool{}}
		p.packages[dir] = pkg
	}
	if !slices.Contains(own, file) {
		declaredIn(f, pkg.names)
	}
	if slices.Contains(own, file) {
		return nil
	}
	p.all = append(p.all, f)
	if strings.HasSuffix(file, "_test.go") || !p.builds(file) {
		return nil
	}
	pkg.name = f.AST.Name.Name
	pkg.files, p.files = append(pkg.files, f), append(p.files, f)
	return nil
}

// builds reports whether this platform builds a file: by its name and constraints.
func (p *Go) builds(file string) bool {
	full := filepath.Join(p.Root, filepath.FromSlash(file))
	match, err := build.Default.MatchFile(filepath.Dir(full), filepath.Base(full))
	return match && err == nil
}

// declaredIn collects the names at the top level of a file, and of its imports: none
// of them is free for the emitted file beside it.
func declaredIn(f *edit.GoFile, names map[string]bool) {
	for _, declaration := range f.AST.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names[d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range s.Names {
						names[name.Name] = true
					}
				case *ast.TypeSpec:
					names[s.Name.Name] = true
				}
			}
		}
	}
}

// Declares reports whether the serving package has a name at its top level, in tests
// as well.
func (p *Go) Declares(name string) bool { return p.packages[p.Dir].names[name] }

// Package is the name in the package clause of the serving package.
func (p *Go) Package() string { return p.packages[p.Dir].name }

// Files are the module's files that this platform builds, without tests.
func (p *Go) Files() []*edit.GoFile { return p.files }

// AllFiles are the module's files, also tests and those that other platforms build.
func (p *Go) AllFiles() []*edit.GoFile { return p.all }

func (p *Go) name() string {
	if p.Main != "." && path.Base(p.Main) != "server" && path.Base(p.Main) != "api" {
		return path.Base(p.Main)
	}
	base := path.Base(p.Module)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(p.Module))
	}
	return base
}

func (p *Go) envDirs() []string {
	dirs := []string{""}
	if p.Main != "." {
		dirs = append(dirs, p.Main)
	}
	return dirs
}

// goFiles lists the Go files of the module in root, in order: without nested
// modules, vendored and test data, and what the go command leaves out.
func goFiles(root string) ([]string, error) {
	list, err := walkGo(root)
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(cmp.Compare(path.Dir(a), path.Dir(b)), cmp.Compare(a, b))
	})
	return list, err
}
