package edit

import (
	"go/ast"
	"go/token"
	"slices"
)

// GoKind is the form in which a program gives a server its routes.
type GoKind int

const (
	GoHandler GoKind = iota // a handler that is served: the third argument of ListenAndServeTLS, the field Handler
	GoNoField               // an http.Server without the field
	GoServer                // a variable of type *http.Server that comes from elsewhere
	GoRouter                // a router is made: r := chi.NewRouter()
	GoRun                   // a router that comes from elsewhere is run: r.Run(":8080")
)

// Routers that have a way of their own to take middleware, by import path.
var routers = map[string]struct {
	name  string
	makes []string // functions that make one
	of    string   // their type, behind a pointer
	runs  []string // methods that serve it
}{
	"github.com/go-chi/chi/v5":    {"chi", []string{"NewRouter", "NewMux"}, "Mux", nil},
	"github.com/go-chi/chi":       {"chi", []string{"NewRouter", "NewMux"}, "Mux", nil},
	"github.com/gin-gonic/gin":    {"gin", []string{"Default", "New"}, "Engine", []string{"Run", "RunTLS", "RunListener", "RunUnix", "RunFd", "RunQUIC"}},
	"github.com/labstack/echo/v4": {"echo", []string{"New"}, "Echo", []string{"Start", "StartTLS", "StartAutoTLS", "StartServer", "StartH2CServer"}},
	"github.com/labstack/echo/v5": {"echo", []string{"New", "NewWithConfig"}, "Echo", []string{"Start"}},
}

// isRun reports whether a method of any router serves it.
func isRun(method string) bool {
	for _, router := range routers {
		if slices.Contains(router.runs, method) {
			return true
		}
	}
	return false
}

// GoSite is one place in a file where a server gets its routes.
type GoSite struct {
	Kind    GoKind
	Router  string // "chi", "gin", "echo"; "" where only http.Handler is known
	Package string // its import path
	Name    string // the variable that holds the router or server, or ""
	Text    string // the source of the handler
	Line    int
	File    *GoFile

	node  ast.Node   // the expression, or the statement that makes or runs
	outer []ast.Node // what encloses it, outermost first
	funcs *GoFuncs
}

// Sites lists the places of this file, in order.
func (f *GoFile) Sites(funcs *GoFuncs) []GoSite {
	s := &siteFinder{f: f, funcs: funcs}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		if n == nil {
			s.stack = s.stack[:len(s.stack)-1]
			return true
		}
		s.visit(n)
		s.stack = append(s.stack, n)
		return true
	})
	return s.settle()
}

type siteFinder struct {
	f     *GoFile
	funcs *GoFuncs
	stack []ast.Node
	sites []GoSite
}

func (s *siteFinder) visit(n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		s.call(n)
	case *ast.CompositeLit:
		s.literal(n)
	case *ast.AssignStmt:
		s.assign(n)
	}
}

// servers are the functions of net/http that take a handler, by its position.
var servers = map[string]int{"ListenAndServe": 1, "ListenAndServeTLS": 3, "Serve": 1, "ServeTLS": 1}

func (s *siteFinder) call(call *ast.CallExpr) {
	if pkg, name, ok := s.f.Qualified(call.Fun); ok {
		if at, serves := servers[name]; serves && pkg == "net/http" && len(call.Args) > at {
			s.add(GoHandler, "", call.Args[at])
		}
		return
	}
	if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
		if x := routerOf(selector.X); x != nil {
			s.run(call, x, selector.Sel.Name)
		}
	}
}

// routerOf is r in r.Run(), and in behind(authn, r).Run() as well.
func routerOf(e ast.Expr) *ast.Ident {
	if call, ok := e.(*ast.CallExpr); ok && len(call.Args) > 0 {
		e = call.Args[len(call.Args)-1]
	}
	name, _ := e.(*ast.Ident)
	return name
}

// run takes a call like r.Run(":8080") where the type of r can be told.
func (s *siteFinder) run(call *ast.CallExpr, x *ast.Ident, method string) {
	for pkg, router := range routers {
		if slices.Contains(router.runs, method) && s.typeOf(x) == "*"+pkg+"."+router.of {
			s.add(GoRun, router.name, call)
			last := &s.sites[len(s.sites)-1]
			last.Name, last.Text, last.Package = x.Name, x.Name, pkg
		}
	}
}

func (s *siteFinder) literal(lit *ast.CompositeLit) {
	if s.f.TypeName(lit.Type) != "net/http.Server" {
		return
	}
	for _, element := range lit.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if key, named := keyOf(pair, ok); named && key == "Handler" {
			s.add(GoHandler, "", pair.Value)
			return
		}
	}
	s.add(GoNoField, "", lit)
	s.sites[len(s.sites)-1].Name = s.assigned()
}

func keyOf(pair *ast.KeyValueExpr, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	key, named := pair.Key.(*ast.Ident)
	if !named {
		return "", false
	}
	return key.Name, true
}

// assigned is the variable to which the expression under way is assigned.
func (s *siteFinder) assigned() string {
	for _, n := range slices.Backward(s.stack) {
		switch n := n.(type) {
		case *ast.UnaryExpr:
			continue
		case *ast.AssignStmt:
			return single(n)
		}
		return ""
	}
	return ""
}

// single is the one variable that a statement assigns a value to, or "".
func single(n *ast.AssignStmt) string {
	if len(n.Lhs) == 0 || len(n.Rhs) != 1 {
		return ""
	}
	if name, ok := n.Lhs[0].(*ast.Ident); ok && name.Name != "_" {
		return name.Name
	}
	return ""
}

func (s *siteFinder) assign(n *ast.AssignStmt) {
	if selector, ok := n.Lhs[0].(*ast.SelectorExpr); ok && len(n.Lhs) == 1 && selector.Sel.Name == "Handler" {
		if x, ok := selector.X.(*ast.Ident); ok && s.isServer(x) {
			s.add(GoHandler, "", n.Rhs[0])
			s.sites[len(s.sites)-1].Name = x.Name
		}
		return
	}
	call, isCall := n.Rhs[0].(*ast.CallExpr)
	if len(n.Rhs) != 1 || !isCall {
		return
	}
	if router := s.makes(call); router != "" {
		s.add(GoRouter, router, n)
	} else if s.funcs.Result(s.f, call) == "*net/http.Server" {
		s.add(GoServer, "", n)
	} else {
		return
	}
	s.sites[len(s.sites)-1].Name = s.f.Text(n.Lhs[0])
}

// makes names the router that a call makes, or "".
func (s *siteFinder) makes(call *ast.CallExpr) string {
	pkg, name, _ := s.f.Qualified(call.Fun)
	if router, known := routers[pkg]; known && slices.Contains(router.makes, name) {
		return router.name
	}
	return ""
}

func (s *siteFinder) isServer(x *ast.Ident) bool {
	t := s.typeOf(x)
	return t == "*net/http.Server" || t == "net/http.Server"
}

// typeOf finds the type of a local variable, a parameter or a variable of the file.
func (s *siteFinder) typeOf(x *ast.Ident) string {
	found := ""
	inspect := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if slices.ContainsFunc(n.Names, func(name *ast.Ident) bool { return name.Name == x.Name }) {
				found = s.f.TypeName(n.Type)
			}
		case *ast.ValueSpec:
			found = s.declared(n, x.Name, found)
		case *ast.AssignStmt:
			if single(n) == x.Name && n.Tok == token.DEFINE && n.Pos() < x.Pos() {
				found = s.valueType(n.Rhs[0])
			}
		}
		return true
	}
	for _, declaration := range s.f.AST.Decls {
		if _, isVar := declaration.(*ast.GenDecl); isVar {
			ast.Inspect(declaration, inspect)
		}
	}
	if fn := enclosing(s.stack); fn != nil {
		ast.Inspect(fn, inspect)
	}
	return found
}

func (s *siteFinder) declared(n *ast.ValueSpec, name, found string) string {
	for i, declared := range n.Names {
		switch {
		case declared.Name != name:
		case n.Type != nil:
			return s.f.TypeName(n.Type)
		case i < len(n.Values):
			return s.valueType(n.Values[i])
		}
	}
	return found
}

func (s *siteFinder) valueType(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.UnaryExpr:
		if t := s.valueType(e.X); e.Op == token.AND && t != "" {
			return "*" + t
		}
	case *ast.CompositeLit:
		return s.f.TypeName(e.Type)
	case *ast.CallExpr:
		pkg, name, _ := s.f.Qualified(e.Fun)
		if router, known := routers[pkg]; known && slices.Contains(router.makes, name) {
			return "*" + pkg + "." + router.of
		}
		return s.funcs.Result(s.f, e)
	}
	return ""
}

// enclosing is the declaration of the function that encloses a place.
func enclosing(stack []ast.Node) *ast.FuncDecl {
	for _, n := range stack {
		if fn, ok := n.(*ast.FuncDecl); ok {
			return fn
		}
	}
	return nil
}

func (s *siteFinder) add(kind GoKind, router string, n ast.Node) {
	s.sites = append(s.sites, GoSite{Kind: kind, Router: router, Text: s.f.Text(n), Line: s.f.Line(n), File: s.f,
		node: n, outer: slices.Clone(s.stack), funcs: s.funcs})
}

// settle drops servers without the field whose Handler is assigned later.
func (s *siteFinder) settle() []GoSite {
	return slices.DeleteFunc(s.sites, func(site GoSite) bool {
		return site.Kind == GoNoField && site.Name != "" && slices.ContainsFunc(s.sites, func(other GoSite) bool {
			return other.Kind == GoHandler && other.Name == site.Name && enclosing(other.outer) == enclosing(site.outer)
		})
	})
}

// Func is the declared function that holds the site; "" is none.
func (s *GoSite) Func() string {
	if fn := enclosing(s.outer); fn != nil {
		return fn.Name.Name
	}
	return ""
}

// SameFunc reports whether both stand in one function.
func (s *GoSite) SameFunc(other GoSite) bool {
	fn := enclosing(s.outer)
	return fn != nil && fn == enclosing(other.outer)
}
