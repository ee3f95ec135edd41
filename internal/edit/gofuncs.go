package edit

import (
	"go/ast"
	"path"
	"strings"
)

// GoFuncs knows the functions of a module by what is written of them: no type is
// checked and no other module is read.
type GoFuncs struct {
	module    string              // its path, as in go.mod
	functions map[string][]goFunc // "internal/server.New"
	methods   map[string][]goFunc // "internal/server.Routes"
	anywhere  map[string][]goFunc // methods by name alone
	calls     map[string]int      // how often a function or method of that name is called
}

type goFunc struct {
	file *GoFile
	decl *ast.FuncDecl
}

// NewGoFuncs takes all files of a module.
func NewGoFuncs(module string, files []*GoFile) *GoFuncs {
	g := &GoFuncs{module: module, functions: map[string][]goFunc{}, methods: map[string][]goFunc{},
		anywhere: map[string][]goFunc{}, calls: map[string]int{}}
	for _, f := range files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				g.calls[called(call)]++
			}
			return true
		})
		for _, declaration := range f.AST.Decls {
			fn, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			full := path.Dir(f.Path) + "." + fn.Name.Name
			if fn.Recv == nil {
				g.functions[full] = append(g.functions[full], goFunc{f, fn})
				continue
			}
			g.methods[full] = append(g.methods[full], goFunc{f, fn})
			g.anywhere[fn.Name.Name] = append(g.anywhere[fn.Name.Name], goFunc{f, fn})
		}
	}
	return g
}

// Result is the type that a call returns first, as TypeName has it; "" is unknown.
func (g *GoFuncs) Result(f *GoFile, call *ast.CallExpr) string {
	fn, ok := g.find(f, call, true)
	if !ok || fn.decl.Type.Results == nil {
		return ""
	}
	return fn.file.TypeName(fn.decl.Type.Results.List[0].Type)
}

// Param is the declared type of the call's argument at i; known is false for a
// function of another module.
func (g *GoFuncs) Param(f *GoFile, call *ast.CallExpr, i int) (name string, known bool) {
	fn, ok := g.find(f, call, false)
	if !ok {
		return "", false
	}
	return fn.file.paramType(fn.decl.Type, i), true
}

// paramType is the type of the parameter at i, as TypeName has it.
func (f *GoFile) paramType(fn *ast.FuncType, i int) string {
	for _, field := range fn.Params.List {
		if i -= max(len(field.Names), 1); i < 0 {
			return f.TypeName(field.Type)
		}
	}
	return ""
}

// find looks up what a call calls. The type of a method's receiver is not known:
// its name must be the only one of its package, or with far of the module.
func (g *GoFuncs) find(f *GoFile, call *ast.CallExpr, far bool) (goFunc, bool) {
	dir := path.Dir(f.Path)
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return only(g.functions[dir+"."+fun.Name])
	case *ast.SelectorExpr:
		if pkg, name, ok := f.Qualified(fun); ok {
			return only(g.functions[g.dirOf(pkg)+"."+name])
		}
		if fn, ok := only(g.methods[dir+"."+fun.Sel.Name]); ok || !far {
			return fn, ok
		}
		return only(g.anywhere[fun.Sel.Name])
	}
	return goFunc{}, false
}

// dirOf is the folder of a package of the module; of another one it is a name that
// no folder has.
func (g *GoFuncs) dirOf(pkg string) string {
	if pkg == g.module {
		return "."
	}
	if inside, ok := strings.CutPrefix(pkg, g.module+"/"); ok {
		return inside
	}
	return ":" + pkg
}

func only(all []goFunc) (goFunc, bool) {
	if len(all) != 1 {
		return goFunc{}, false
	}
	return all[0], true
}
