package project

import (
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"

	"fastman/internal/edit"
)

// findServer finds the program that serves HTTP and the places where it gives its
// server the routes: in its main package, or in a package of the module that this
// one uses.
func (p *Go) findServer(app string) error {
	mains, err := p.mains(app)
	if err != nil {
		return err
	}
	funcs := edit.NewGoFuncs(p.Module, p.files)
	var servers []string
	for _, dir := range mains {
		at, sites := p.serving(dir, funcs, edit.GoServes)
		if len(sites) == 0 { // what serves may be in another module
			at, sites = p.serving(dir, funcs, func(sites []edit.GoSite) bool { return len(sites) > 0 })
		}
		if len(sites) > 0 {
			p.Main, p.Dir, p.Sites = dir, at, sites
			servers = append(servers, dir)
		}
	}
	switch len(servers) {
	case 0:
		return p.noServer(mains)
	case 1:
		return nil
	}
	return &AmbiguousGo{Mains: servers}
}

// mains are the folders of the module's programs; the one that app names, if any.
func (p *Go) mains(app string) ([]string, error) {
	var all []string
	for dir, pkg := range p.packages {
		if pkg.name == "main" && pkg.names["main"] && !aside(dir+"/main.go") {
			all = append(all, dir)
		}
	}
	slices.Sort(all)
	if app == "" {
		return all, nil
	}
	wanted := strings.TrimPrefix(path.Clean(app), "./")
	if strings.HasSuffix(wanted, ".go") {
		wanted = path.Dir(wanted)
	}
	if pkg := p.packages[wanted]; pkg == nil || pkg.name != "main" {
		return nil, &NoSuchMain{App: app, Mains: all}
	}
	return []string{wanted}, nil
}

// serving looks for the server of a program: the nearest package, from its main
// package on along the imports, that serves.
func (p *Go) serving(main string, funcs *edit.GoFuncs, enough func([]edit.GoSite) bool) (dir string, sites []edit.GoSite) {
	queue, seen := []string{main}, map[string]bool{main: true}
	for len(queue) > 0 {
		dir, queue = queue[0], queue[1:]
		pkg := p.packages[dir]
		if pkg == nil || aside(dir+"/x.go") {
			continue
		}
		var found []edit.GoSite
		for _, f := range pkg.files {
			found = append(found, f.Sites(funcs)...)
		}
		if enough(found) {
			return dir, edit.GoServing(found)
		}
		for _, next := range p.imports(pkg) {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return "", nil
}

// imports are the folders of the module's packages that a package uses.
func (p *Go) imports(pkg *goPackage) []string {
	var dirs []string
	for _, f := range pkg.files {
		for _, spec := range f.AST.Imports {
			full, _ := strconv.Unquote(spec.Path.Value)
			if inside, own := strings.CutPrefix(full, p.Module+"/"); own {
				dirs = append(dirs, inside)
			} else if full == p.Module {
				dirs = append(dirs, ".")
			}
		}
	}
	return dirs
}

// foreign are web frameworks that do not speak net/http.
var foreign = []string{"github.com/gofiber/fiber", "github.com/valyala/fasthttp", "github.com/cloudwego/hertz"}

func (p *Go) noServer(mains []string) error {
	for module := range p.Requires {
		for _, name := range foreign {
			if strings.HasPrefix(module, name) {
				return &ForeignServer{Module: module}
			}
		}
	}
	return &NoServer{Module: p.Module, Mains: mains}
}

// Generated reports whether a tool has written the file.
func Generated(f *edit.GoFile) bool { return ast.IsGenerated(f.AST) }
