package edit

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// GoNames are what the wiring calls of the emitted code.
type GoNames struct {
	Must string // the function that makes the sign-in: "mustAuth"
	Gin  string // import path of the package that lets gin use it: "example.com/shop/internal/ginauth"
}

// WireGo puts the sign-in in front of the routes of a server. Several sites are
// those that serve one handler, in one function. The file only gains text, but for a
// nil handler, which is named.
func WireGo(sites []GoSite, names GoNames) Result {
	w := &wiring{GoSite: sites[0], names: names}
	w.f = w.File
	w.authn = w.freeName()
	if w.calls(names.Must) {
		return Result{Status: AlreadyThere, Out: w.f.Src}
	}
	if !oneHandler(sites) {
		return w.cannot("serves several handlers, on lines " + lineNumbers(sites))
	}
	if w.servesAny() {
		return w.cannot(fmt.Sprintf("line %d: %s serves any handler that it is given, and is called from several places", w.Line, w.Func()))
	}
	spans, err := w.spans(sites)
	if err != nil {
		return w.cannot(err.Error())
	}
	spans = joined(w.withImport(spans))
	out, err := w.f.finish(spans)
	if err != nil {
		return w.cannot(err.Error())
	}
	var puts []Put
	for _, span := range spans {
		puts = append(puts, Put{Kind: "wire", Key: w.authn, Text: unixText(span.New), Old: string(w.f.Src[span.Start:span.End])})
	}
	return Result{Status: Done, Out: out, Puts: puts}
}

// servesAny reports whether the handler comes from a parameter of a function that
// serves several.
func (w *wiring) servesAny() bool {
	fn := enclosing(w.outer)
	if w.Kind != GoHandler || fn == nil || w.funcs.calls[fn.Name.Name] < 2 {
		return false
	}
	parameters := map[string]bool{}
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			parameters[name.Name] = w.f.TypeName(field.Type) == "net/http.Handler"
		}
	}
	given := false
	ast.Inspect(w.node, func(n ast.Node) bool {
		name, ok := n.(*ast.Ident)
		given = given || ok && parameters[name.Name]
		return true
	})
	return given
}

type wiring struct {
	GoSite
	f     *GoFile
	names GoNames
	authn string // the variable that holds the sign-in
}

func (w *wiring) cannot(reason string) Result {
	return Result{Status: CannotPlace, Out: w.f.Src, Reason: reason, Snippet: w.snippet()}
}

// Lines are the ones to paste where the place was not certain.
func (s *GoSite) Lines(names GoNames) string {
	return (&wiring{GoSite: *s, names: names, authn: "authn"}).snippet()
}

func (w *wiring) snippet() string {
	lines := []string{w.authn + " := " + w.names.Must + "()", "defer " + w.authn + ".Close()"}
	switch w.Router {
	case "":
		return strings.Join(append(lines, "http.ListenAndServe(addr, "+w.wrap("handler")+")"), "\n")
	}
	if w.Router == "gin" {
		lines = append([]string{"import " + strconv.Quote(w.names.Gin)}, lines...)
	}
	return strings.Join(append(lines, w.use(), "// directly behind the line that makes "+w.Name+", in front of its routes"), "\n")
}

func (w *wiring) wrap(handler string) string { return w.authn + ".Middleware(" + handler + ")" }

// use hands the middleware to the router in the router's own way.
func (w *wiring) use() string {
	middleware := w.authn + ".Middleware"
	switch w.Router {
	case "gin":
		middleware = path.Base(w.names.Gin) + ".Wrap(" + middleware + ")"
	case "echo":
		middleware = w.echo() + ".WrapMiddleware(" + middleware + ")"
	}
	return w.Name + ".Use(" + middleware + ")"
}

// echo is the name by which the file knows that package.
func (w *wiring) echo() string {
	if w.f != nil {
		for _, spec := range w.f.AST.Imports {
			if spec.Name != nil && strings.Contains(spec.Path.Value, "labstack/echo") {
				return spec.Name.Name
			}
		}
	}
	return "echo"
}

func (w *wiring) freeName() string {
	used := w.f.names()
	for _, name := range []string{"authn", "signIn", "authHandler"} {
		if !used[name] {
			return name
		}
	}
	return "fastmanAuth"
}

func (w *wiring) calls(function string) bool {
	found := false
	ast.Inspect(w.f.AST, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if ok {
			name, plain := call.Fun.(*ast.Ident)
			found = found || plain && name.Name == function
		}
		return true
	})
	return found
}

func (w *wiring) spans(sites []GoSite) ([]Span, error) {
	switch w.Kind {
	case GoRouter:
		return w.useRouter()
	case GoServer:
		return w.replaceHandler()
	case GoRun:
		return w.run()
	case GoNoField:
		return w.addField()
	}
	return w.wrapAll(sites)
}

// useRouter adds the middleware behind the ones that the app itself begins with, so
// that its own logging and CORS hold for the sign-in as well.
func (w *wiring) useRouter() ([]Span, error) {
	list, at := w.list(w.outer, w.node)
	if list == nil {
		return nil, fmt.Errorf("line %d: %s is not made in a function", w.Line, w.Name)
	}
	anchor := list[at]
	for _, statement := range list[at+1:] {
		if w.isUse(statement) && !asksWho(w.f.Text(statement)) {
			anchor = statement
		} else if w.mentions(statement) && !w.isSetting(statement) {
			break
		}
	}
	return w.below(anchor, append(w.setup(), w.use())...)
}

// whoWords are in the names of middleware behind which nobody could sign in.
var whoWords = regexp.MustCompile(`(?i)auth|jwt|session|csrf|token|nosurf|login|permission`)

func asksWho(text string) bool { return whoWords.MatchString(text) }

// isUse reports whether a statement is a plain call of the router's Use.
func (w *wiring) isUse(s ast.Stmt) bool {
	expression, ok := s.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := expression.X.(*ast.CallExpr)
	return ok && w.f.Text(call.Fun) == w.Name+".Use"
}

// settings of a router add no route: fields, and these methods.
var settings = []string{"SetTrustedProxies", "SetHTMLTemplate", "LoadHTMLGlob", "LoadHTMLFiles", "Pre", "NotFound", "MethodNotAllowed", "NoRoute", "NoMethod"}

func (w *wiring) isSetting(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.IfStmt: // if err := r.SetTrustedProxies(nil); err != nil
		return s.Init != nil && w.isSetting(s.Init) && !w.mentions(s.Body)
	case *ast.AssignStmt:
		return strings.HasPrefix(w.f.Text(s.Lhs[0]), w.Name+".") || w.isSettingCall(s.Rhs[0])
	case *ast.ExprStmt:
		return w.isSettingCall(s.X)
	}
	return false
}

func (w *wiring) isSettingCall(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	method, own := strings.CutPrefix(w.f.Text(call.Fun), w.Name+".")
	return own && slices.Contains(settings, method)
}

func (w *wiring) mentions(s ast.Stmt) bool {
	found := false
	ast.Inspect(s, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.Ident, *ast.SelectorExpr:
			found = found || w.f.Text(n) == w.Name
		}
		return !found
	})
	return found
}

// replaceHandler wraps the handler of a server that comes from elsewhere.
func (w *wiring) replaceHandler() ([]Span, error) {
	list, at := w.list(w.outer, w.node)
	if list == nil {
		return nil, fmt.Errorf("line %d: %s is not made in a function", w.Line, w.Name)
	}
	anchor := list[at]
	if checked, ok := nextIf(list, at); ok && len(w.node.(*ast.AssignStmt).Lhs) > 1 {
		anchor = checked
	}
	return w.below(anchor, append(w.setup(), w.Name+".Handler = "+w.wrap(w.Name+".Handler"))...)
}

func nextIf(list []ast.Stmt, at int) (ast.Stmt, bool) {
	if at+1 == len(list) {
		return nil, false
	}
	_, ok := list[at+1].(*ast.IfStmt)
	return list[at+1], ok
}

// run puts the sign-in in front of a router whose routes are made already.
func (w *wiring) run() ([]Span, error) {
	call := w.node.(*ast.CallExpr)
	router := call.Fun.(*ast.SelectorExpr).X
	method := call.Fun.(*ast.SelectorExpr).Sel.Name
	lines := w.setup()
	if w.Router == "echo" { // echo asks its middleware for every request, also of older routes
		lines = append(lines, w.use())
	}
	above, err := w.above([]ast.Node{call}, lines...)
	switch {
	case err != nil:
		return nil, err
	case w.Router == "echo":
		return above, nil
	case method != "Run":
		return nil, fmt.Errorf("line %d: %s.%s serves an engine whose routes are made elsewhere", w.Line, w.Name, method)
	}
	return append(above, Span{w.f.start(router), w.f.start(router), path.Base(w.names.Gin) + ".Behind(" + w.authn + ".Middleware, "},
		Span{w.f.end(router), w.f.end(router), ")"}), nil
}

// withImport imports what the lines need: our package for gin, and echo where the
// file only has a value of it.
func (w *wiring) withImport(spans []Span) []Span {
	needed := map[string]string{"gin": w.names.Gin, "echo": w.Package}[w.Router]
	if needed == "" || slices.ContainsFunc(w.f.AST.Imports, func(spec *ast.ImportSpec) bool { return spec.Path.Value == strconv.Quote(needed) }) {
		return spans
	}
	return append(spans, w.f.importSpans(needed)...)
}

// addField gives a server its handler: the default one of net/http, which it has
// used so far.
func (w *wiring) addField() ([]Span, error) {
	literal := w.node.(*ast.CompositeLit)
	above, err := w.above([]ast.Node{literal}, w.setup()...)
	if err != nil {
		return nil, err
	}
	field := "Handler: " + w.wrap(w.httpName()+".DefaultServeMux")
	if len(literal.Elts) == 0 {
		at := w.f.end(literal) - 1
		return append(above, Span{at, at, field}), nil
	}
	last := w.f.end(literal.Elts[len(literal.Elts)-1])
	if first := w.f.start(literal.Elts[0]); firstOnLine(w.f.Src, first) {
		return append(above, Span{first, first, field + "," + w.f.newline() + indentAt(w.f.Src, first)}), nil
	}
	return append(above, Span{last, last, ", " + field}), nil
}

// httpName is the name by which the file knows net/http.
func (w *wiring) httpName() string {
	for _, spec := range w.f.AST.Imports {
		if spec.Path.Value == `"net/http"` && spec.Name != nil {
			return spec.Name.Name
		}
	}
	return "http"
}

// wrapAll wraps the handler at each place that serves it.
func (w *wiring) wrapAll(sites []GoSite) ([]Span, error) {
	var handlers []ast.Node
	for _, site := range sites {
		inner := (&wiring{GoSite: site, f: w.f}).innermost(site.node.(ast.Expr))
		if !slices.Contains(handlers, ast.Node(inner)) {
			handlers = append(handlers, inner)
		}
	}
	spans, err := w.above(handlers, w.setup()...)
	if err != nil {
		return nil, err
	}
	for _, h := range handlers {
		start, end := w.f.start(h), w.f.end(h)
		if w.f.Text(h) == "nil" {
			spans = append(spans, Span{start, end, w.wrap(w.httpName() + ".DefaultServeMux")})
			continue
		}
		spans = append(spans, Span{start, start, w.authn + ".Middleware("}, Span{end, end, ")"})
	}
	return spans, nil
}

// innermost is the router within a handler: what the app wraps around it, such as
// CORS and logging, is to hold for the sign-in as well.
func (w *wiring) innermost(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.Ident:
		if made, ok := w.definition(e).(*ast.CallExpr); ok && w.routerArg(made) >= 0 {
			if inner := w.innermost(made); inner != ast.Expr(made) {
				return inner
			}
		}
	case *ast.CallExpr:
		at := w.routerArg(e)
		if at < 0 || asksWho(w.f.Text(e.Fun)) || !w.takesHandler(e, at) {
			return e
		}
		return w.innermost(e.Args[at])
	}
	return e
}

// routerArg is the position of the one argument that is a router, or -1.
func (w *wiring) routerArg(call *ast.CallExpr) int {
	found := -1
	for i, arg := range call.Args {
		if !w.isRouter(arg) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// handlerTypes are types of routers, and what they are known as.
var handlerTypes = []string{"net/http.Handler", "net/http.HandlerFunc", "*net/http.ServeMux", "*github.com/gorilla/mux.Router", "github.com/go-chi/chi/v5.Router",
	"*github.com/go-chi/chi/v5.Mux", "*github.com/gin-gonic/gin.Engine", "*github.com/labstack/echo/v4.Echo", "*github.com/julienschmidt/httprouter.Router"}

// routerMakers are functions of packages that make one.
var routerMakers = []string{"net/http.NewServeMux", "github.com/gorilla/mux.NewRouter", "github.com/julienschmidt/httprouter.New",
	"github.com/go-chi/chi/v5.NewRouter", "github.com/go-chi/chi/v5.NewMux", "github.com/gin-gonic/gin.Default", "github.com/gin-gonic/gin.New"}

func (w *wiring) isRouter(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		definition := w.definition(e)
		return definition != nil && w.isRouter(definition)
	case *ast.CallExpr:
		pkg, name, _ := w.f.Qualified(e.Fun)
		return slices.Contains(routerMakers, pkg+"."+name) || slices.Contains(handlerTypes, w.funcs.Result(w.f, e)) || w.routerArg(e) >= 0
	}
	return false
}

// definition is the only value that a local variable ever gets, or nil.
func (w *wiring) definition(name *ast.Ident) ast.Expr {
	var found ast.Expr
	times := 0
	fn := enclosing(w.outer)
	if fn == nil {
		return nil
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		if assign, ok := n.(*ast.AssignStmt); ok && single(assign) == name.Name && assign.Pos() < name.Pos() {
			found, times = assign.Rhs[0], times+1
		}
		return true
	})
	if times != 1 {
		return nil
	}
	return found
}

// takesHandler reports whether a function surely takes any http.Handler there, and
// serves the same paths.
func (w *wiring) takesHandler(call *ast.CallExpr, at int) bool {
	if pkg, name, _ := w.f.Qualified(call.Fun); pkg == "net/http" && name == "StripPrefix" {
		return false
	}
	declared, known := w.funcs.Param(w.f, call, at)
	if name, ok := call.Fun.(*ast.Ident); ok && !known {
		literal, local := w.definition(name).(*ast.FuncLit)
		return local && w.f.paramType(literal.Type, at) == "net/http.Handler"
	}
	return !known || declared == "net/http.Handler"
}
