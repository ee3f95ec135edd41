package edit

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// RemoveGo takes the wiring of WireGo out of a file, wherever it stands by now: the
// variable that holds the sign-in, each use of it that WireGo makes, and imports that
// nothing else needs. All of it goes, or, where the variable is used in another way,
// nothing: half of it would not compile.
func RemoveGo(f *GoFile, puts []Put, names GoNames) Result {
	u := &unwiring{f: f, puts: puts, names: names, parents: map[ast.Node]ast.Node{}}
	for _, declaration := range f.AST.Decls {
		u.declaration(declaration)
	}
	if len(u.reasons) == 0 {
		u.imports()
	}
	switch {
	case len(u.reasons) > 0:
		return u.cannot()
	case len(u.spans) == 0:
		return Result{Status: AlreadyThere, Out: f.Src}
	}
	out, err := f.finish(mergeSpans(u.sorted()))
	if err != nil {
		u.leave(f.AST.Name, err.Error())
		return u.cannot()
	}
	return Result{Status: Done, Out: out}
}

// unwiring is the way back from a wiring.
type unwiring struct {
	f       *GoFile
	puts    []Put
	names   GoNames
	parents map[ast.Node]ast.Node
	spans   []Span

	reasons  []string
	snippets []string
}

func (u *unwiring) cannot() Result {
	return Result{Status: CannotPlace, Out: u.f.Src, Puts: u.puts,
		Reason: strings.Join(u.reasons, "; "), Snippet: strings.Join(u.snippets, "\n")}
}

// leave says why something stays, and shows its line.
func (u *unwiring) leave(n ast.Node, reason string) {
	u.reasons = append(u.reasons, fmt.Sprintf("line %d: %s", u.f.Line(n), reason))
	start := lineStart(u.f.Src, u.f.start(n))
	line := strings.TrimSpace(string(u.f.Src[start:u.f.lineEnd(start)]))
	if !slices.Contains(u.snippets, line) {
		u.snippets = append(u.snippets, line)
	}
}

func (u *unwiring) take(start, end int, with string) {
	u.spans = append(u.spans, Span{start, end, with})
}

func (u *unwiring) sorted() []Span {
	slices.SortStableFunc(u.spans, func(a, b Span) int { return a.Start - b.Start })
	return slices.Compact(u.spans)
}

// declaration looks in a function, or elsewhere, for calls that make the sign-in.
func (u *unwiring) declaration(d ast.Decl) {
	var stack []ast.Node
	var made []*ast.CallExpr
	ast.Inspect(d, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if len(stack) > 0 {
			u.parents[n] = stack[len(stack)-1]
		}
		stack = append(stack, n)
		if call, ok := n.(*ast.CallExpr); ok {
			if name, plain := call.Fun.(*ast.Ident); plain && name.Name == u.names.Must {
				made = append(made, call)
			}
		}
		return true
	})
	for _, call := range made {
		assign, ok := u.parents[call].(*ast.AssignStmt)
		if !ok || assign.Tok != token.DEFINE || single(assign) == "" || !u.dropStatement(assign) {
			u.leave(call, u.names.Must+"() is not called the way it was put there")
			continue
		}
		u.variable(d, assign)
	}
}

// variable takes out each use of the variable that a statement defines.
func (u *unwiring) variable(d ast.Decl, defined *ast.AssignStmt) {
	ast.Inspect(d, func(n ast.Node) bool {
		name, ok := n.(*ast.Ident)
		if !ok || name.Name != single(defined) || ast.Node(name) == ast.Node(defined.Lhs[0]) || u.isOnlySpelled(name) {
			return true
		}
		if !u.use(name) {
			u.leave(name, name.Name+" is used in a way of your own")
		}
		return true
	})
}

// isOnlySpelled: x.authn and authn: value are no uses of a variable.
func (u *unwiring) isOnlySpelled(name *ast.Ident) bool {
	switch parent := u.parents[name].(type) {
	case *ast.SelectorExpr:
		return parent.Sel == name
	case *ast.KeyValueExpr:
		return parent.Key == ast.Expr(name)
	}
	return false
}

// use takes out one use; false: it is none of those that WireGo makes.
func (u *unwiring) use(name *ast.Ident) bool {
	selector, ok := u.parents[name].(*ast.SelectorExpr)
	if !ok {
		return false
	}
	call, ok := u.parents[selector].(*ast.CallExpr)
	switch {
	case !ok:
		return false
	case selector.Sel.Name == "Close" && call.Fun == ast.Expr(selector):
		return u.dropCall(call)
	case selector.Sel.Name != "Middleware":
		return false
	case call.Fun == ast.Expr(selector):
		return len(call.Args) == 1 && u.unwrap(call)
	}
	return u.unuse(call, selector)
}

// dropCall takes out a statement that consists of a call.
func (u *unwiring) dropCall(call *ast.CallExpr) bool {
	switch s := u.parents[call].(type) {
	case *ast.DeferStmt:
		return u.dropStatement(s)
	case *ast.ExprStmt:
		return u.dropStatement(s)
	}
	return false
}

// unuse takes the middleware out of a call that hands it to a router.
func (u *unwiring) unuse(call *ast.CallExpr, arg ast.Expr) bool {
	pkg, function, _ := u.f.Qualified(call.Fun)
	switch {
	case pkg == u.names.Gin && function == "Wrap", strings.Contains(pkg, "labstack/echo") && function == "WrapMiddleware":
		outer, ok := u.parents[call].(*ast.CallExpr)
		return ok && len(call.Args) == 1 && outer.Fun != ast.Expr(call) && u.unuse(outer, call)
	case pkg == u.names.Gin && function == "Behind" && len(call.Args) == 2 && call.Args[0] == arg:
		return u.unwrapTo(call, call.Args[1])
	case called(call) != "Use":
		return false
	case len(call.Args) == 1:
		return u.dropCall(call)
	}
	return u.dropElement(call.Args, slices.Index(call.Args, arg))
}

// unwrap puts the handler back in the place of the wrapped one.
func (u *unwiring) unwrap(call *ast.CallExpr) bool {
	inner := call.Args[0]
	pkg, name, _ := u.f.Qualified(inner)
	isDefault := pkg == "net/http" && name == "DefaultServeMux"
	switch parent := u.parents[call].(type) {
	case *ast.KeyValueExpr:
		literal, ok := u.parents[parent].(*ast.CompositeLit)
		if ok && isDefault && u.put(func(p Put) bool { return strings.Contains(p.Text, "Handler: ") }) {
			return u.dropElement(literal.Elts, slices.Index(literal.Elts, ast.Expr(parent)))
		}
	case *ast.AssignStmt:
		if len(parent.Lhs) == 1 && u.f.Text(parent.Lhs[0]) == u.f.Text(inner) {
			return u.dropStatement(parent)
		}
		if parent.Tok == token.DEFINE && u.assignedAgain(parent) {
			return false // a handler of another type could be assigned to it
		}
	}
	if isDefault && u.put(func(p Put) bool { return p.Old == "nil" }) {
		u.take(u.f.start(call), u.f.end(call), "nil")
		return true
	}
	return u.unwrapTo(call, inner)
}

func (u *unwiring) put(is func(Put) bool) bool { return slices.ContainsFunc(u.puts, is) }

// unwrapTo leaves of a call only one argument, with the comments in front of it.
func (u *unwiring) unwrapTo(call *ast.CallExpr, inner ast.Expr) bool {
	start, end := u.f.start(inner), u.f.end(inner)
	if inner == call.Args[0] && !blank(u.f.Src[u.f.file.Offset(call.Lparen)+1:start]) {
		start = u.f.file.Offset(call.Lparen) + 1
	}
	if !blank(u.f.Src[end : u.f.end(call)-1]) {
		return false
	}
	u.take(u.f.start(call), start, "")
	u.take(end, u.f.end(call), "")
	return true
}

func blank(text []byte) bool { return strings.Trim(string(text), ", \t\r\n") == "" }

// assignedAgain reports whether a variable gets another value behind its definition.
func (u *unwiring) assignedAgain(defined *ast.AssignStmt) bool {
	var fn ast.Node = defined
	for u.parents[fn] != nil {
		fn = u.parents[fn]
	}
	again := false
	ast.Inspect(fn, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		again = again || ok && assign.Tok == token.ASSIGN && single(assign) == single(defined)
		return true
	})
	return again
}

// dropElement takes one out of arguments or of the fields of a literal.
func (u *unwiring) dropElement(list []ast.Expr, at int) bool {
	e := list[at]
	start, end := u.f.start(e), u.f.end(e)
	rest, _, _ := strings.Cut(string(u.f.Src[end:u.f.lineEnd(end)]), "//")
	switch {
	case firstOnLine(u.f.Src, start) && strings.TrimSpace(rest) == ",":
		u.takeLines(e)
		return true
	case at > 0:
		start = u.f.end(list[at-1])
	case len(list) > 1:
		end = u.f.start(list[1])
	case strings.HasPrefix(rest, ","):
		end++
	}
	if !blank(u.f.Src[start:u.f.start(e)]) || !blank(u.f.Src[u.f.end(e):end]) {
		return false // a comment stands between
	}
	u.take(start, end, "")
	return true
}

// takeLines takes out all lines of a node.
func (u *unwiring) takeLines(n ast.Node) {
	u.take(lineStart(u.f.Src, u.f.start(n)), lineEndAt(u.f.Src, u.f.end(n)), "")
}

// dropStatement takes a statement out of its list: with its lines where it has them
// for itself.
func (u *unwiring) dropStatement(s ast.Stmt) bool {
	list := statementsOf(u.parents[s])
	at := slices.Index(list, s)
	if at < 0 {
		return false
	}
	start, end := u.f.start(s), u.f.end(s)
	rest := strings.TrimLeft(string(u.f.Src[end:u.f.lineEnd(end)]), "; \t")
	switch {
	case at+1 < len(list) && u.f.start(list[at+1]) < u.f.lineEnd(end):
		u.take(start, u.f.start(list[at+1]), "")
	case firstOnLine(u.f.Src, start) && (rest == "" || strings.HasPrefix(rest, "//")):
		u.takeLines(s)
	case at > 0 && u.f.Line(list[at-1]) == u.f.Line(s):
		u.take(u.f.end(list[at-1]), end, "")
	default:
		u.take(start, end, "")
	}
	return true
}
