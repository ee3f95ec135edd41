package edit

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// setup are the lines that make the sign-in. Its Close stands where the function
// serves and comes back; a function that only builds a server would close at once.
func (w *wiring) setup() []string {
	lines := []string{w.authn + " := " + w.names.Must + "()"}
	if body := functionBody(w.outer); body != nil && w.serves(body) && !dies(body) {
		lines = append(lines, "defer "+w.authn+".Close()")
	}
	return lines
}

// functionBody is that of the innermost function around a place, but for literals
// that are called where they stand: they run as a part of the function around them.
func functionBody(outer []ast.Node) *ast.BlockStmt {
	for i, n := range slices.Backward(outer) {
		switch n := n.(type) {
		case *ast.FuncDecl:
			return n.Body
		case *ast.FuncLit:
			if i == 0 || !runsAtOnce(outer[i-1], n) {
				return n.Body
			}
		}
	}
	return nil
}

// runsAtOnce: "go func() {…}()", and the Go method of an error group.
func runsAtOnce(parent ast.Node, literal *ast.FuncLit) bool {
	call, ok := parent.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	return call.Fun == ast.Expr(literal) || ok && selector.Sel.Name == "Go"
}

// waitMethods come back when a server has ended.
var waitMethods = []string{"Wait", "Shutdown", "GracefulStop"}

// serves reports whether a function stays as long as its server runs: it serves in
// the function itself, or waits for something.
func (w *wiring) serves(body *ast.BlockStmt) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false
		case *ast.SelectStmt:
			found = true
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW
		case *ast.CallExpr:
			found = found || w.isServing(n) || slices.Contains(waitMethods, called(n))
		}
		return true
	})
	return found
}

// isServing: a call of net/http's ways to serve, or the router's own.
func (w *wiring) isServing(call *ast.CallExpr) bool {
	if _, known := servers[called(call)]; known {
		return true
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	return ok && w.Name != "" && w.f.Text(selector.X) == w.Name && isRun(selector.Sel.Name)
}

// called is the name of the function or method of a call.
func called(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.SelectorExpr:
		return fun.Sel.Name
	case *ast.Ident:
		return fun.Name
	}
	return ""
}

// dies reports whether the function ends the program itself, as in
// log.Fatal(http.ListenAndServe(…)): nothing that is deferred runs then. Errors that
// end it before or beside do not count.
func dies(body *ast.BlockStmt) bool {
	for _, statement := range body.List {
		serving, dying := false, false
		ast.Inspect(statement, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				_, known := servers[called(call)]
				serving = serving || known || isRun(called(call))
				dying = dying || strings.HasPrefix(called(call), "Fatal") || called(call) == "Exit"
			}
			_, inGo := n.(*ast.GoStmt)
			_, inFunc := n.(*ast.FuncLit)
			return !inGo && !inFunc
		})
		_, plain := statement.(*ast.ExprStmt)
		if dying && (serving || plain) {
			return true
		}
	}
	return false
}

// list is the list of statements that holds n, or the statement around n, and its
// position there. Loops and function literals are left only as runsAtOnce says.
func (w *wiring) list(outer []ast.Node, n ast.Node) (list []ast.Stmt, at int) {
	body := functionBody(outer)
	var found []ast.Stmt
	position := 0
	for i, around := range slices.Backward(outer) {
		if i+1 < len(outer) {
			n = outer[i+1]
		}
		statements := statementsOf(around)
		if p := slices.IndexFunc(statements, func(s ast.Stmt) bool { return ast.Node(s) == n }); p >= 0 && found == nil {
			found, position = statements, p
		}
		switch around.(type) {
		case *ast.ForStmt, *ast.RangeStmt, *ast.FuncLit:
			found = nil
		}
		if ast.Node(body) == around {
			return found, position
		}
	}
	return nil, 0
}

func statementsOf(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}

// above inserts lines in front of the statement that holds all nodes, and of the
// comment that belongs to it.
func (w *wiring) above(nodes []ast.Node, lines ...string) ([]Span, error) {
	statement := w.common(nodes)
	if statement == nil {
		return nil, fmt.Errorf("line %d: not in a function", w.Line)
	}
	at := w.f.start(statement)
	if !firstOnLine(w.f.Src, at) {
		return []Span{{at, at, strings.Join(lines, "; ") + "; "}}, nil
	}
	indent := indentAt(w.f.Src, at)
	if comment := w.f.commentAbove(statement); comment != nil {
		at = w.f.start(comment)
	}
	at = lineStart(w.f.Src, at)
	text := strings.Join(indented(indent, lines), w.f.newline()) + w.f.newline()
	return []Span{{at, at, text}}, nil
}

// joined makes one insertion of those at one place, in their order: lines in front of
// a statement, and a call around the word that begins it.
func joined(spans []Span) []Span {
	var out []Span
	for _, span := range spans {
		at := slices.IndexFunc(out, func(o Span) bool { return o.Start == span.Start && o.End == o.Start && span.End == span.Start })
		if at >= 0 {
			out[at].New += span.New
		} else {
			out = append(out, span)
		}
	}
	return out
}

// common is the innermost statement in a list of statements that holds all nodes.
func (w *wiring) common(nodes []ast.Node) ast.Stmt {
	body := functionBody(w.outer)
	if body == nil {
		return nil
	}
	holds := func(n ast.Node) bool {
		return !slices.ContainsFunc(nodes, func(x ast.Node) bool { return x.Pos() < n.Pos() || n.End() < x.End() })
	}
	var best ast.Stmt
	ast.Inspect(body, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncLit, *ast.ForStmt, *ast.RangeStmt:
			return false
		}
		for _, s := range statementsOf(n) {
			if holds(s) {
				best = s
			}
		}
		return true
	})
	if best == nil { // several places: before the first
		for _, s := range body.List {
			if s.Pos() <= nodes[0].Pos() && nodes[0].End() <= s.End() {
				return s
			}
		}
	}
	return best
}

// below inserts lines behind a statement that ends its line.
func (w *wiring) below(statement ast.Stmt, lines ...string) ([]Span, error) {
	end := w.f.end(statement)
	at := w.f.lineEnd(end)
	rest := strings.TrimSpace(string(w.f.Src[end:at]))
	if rest != "" && !strings.HasPrefix(rest, "//") || !firstOnLine(w.f.Src, w.f.start(statement)) {
		return nil, fmt.Errorf("line %d: shares its line with other statements", w.f.Line(statement))
	}
	indent := indentAt(w.f.Src, w.f.start(statement))
	text := ""
	for _, line := range lines {
		text += w.f.newline() + indent + line
	}
	return []Span{{at, at, text}}, nil
}

// commentAbove is the comment that ends on the line above a statement.
func (f *GoFile) commentAbove(s ast.Stmt) *ast.CommentGroup {
	for _, group := range f.AST.Comments {
		if f.file.Line(group.End()) == f.file.Line(s.Pos())-1 && firstOnLine(f.Src, f.start(group)) {
			return group
		}
	}
	return nil
}
