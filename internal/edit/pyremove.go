package edit

import (
	"fmt"
	"slices"
	"strings"
)

// RemovePy takes pieces out of a Python file: the statements, names and fields that
// puts name, wherever they stand by now and however they are laid out. One that is gone
// already is no error. A name that other code uses stays; so does what the user
// changed, with a Reason.
func RemovePy(f *PyFile, puts []Put) Result {
	r := &pyRemoval{f: f, cut: newPyCut(f)}
	if f.Error != nil {
		return r.unreadable(puts)
	}
	r.nodes = nodesOf(f.Body, nil)
	for _, put := range puts {
		switch put.Kind {
		case "include":
			r.include(put)
		case "setup":
			r.setUp(put)
		case "setting":
			r.setting(put)
		case "ignore":
			r.extra(put)
		case "instance":
			r.instance(put)
		}
	}
	for _, put := range puts {
		if put.Kind == "import" {
			r.imported(put, puts)
		}
	}
	return r.result()
}

// pyRemoval collects what goes, and what has to stay.
type pyRemoval struct {
	f     *PyFile
	cut   *pyCut
	nodes []pyNode

	stay     []Put
	reasons  []string
	snippets []string
}

// pyNode is a statement, and the statement that holds it.
type pyNode struct {
	*Stmt
	outer *Stmt
}

func nodesOf(body []Stmt, outer *Stmt) []pyNode {
	var all []pyNode
	for i := range body {
		all = append(all, pyNode{&body[i], outer})
		all = append(all, nodesOf(body[i].Body, &body[i])...)
	}
	return all
}

func (r *pyRemoval) unreadable(puts []Put) Result {
	result := r.f.cannot(r.f.unreadable(), "")
	result.Puts = puts
	for _, put := range puts {
		result.Snippet += strings.Trim(put.Text, "\n") + "\n"
	}
	return result
}

// leave keeps a piece that the user has to decide on.
func (r *pyRemoval) leave(put Put, s *Stmt, reason string) {
	r.stay = append(r.stay, put)
	r.reasons = append(r.reasons, fmt.Sprintf("line %d: %s", s.Line, reason))
	r.snippets = append(r.snippets, unixText(string(r.f.Src[s.Start:s.End])))
}

func (r *pyRemoval) result() Result {
	spans := r.cut.spans()
	out := Result{Status: Done, Out: r.f.Src, Puts: r.stay,
		Reason: strings.Join(r.reasons, "; "), Snippet: strings.Join(r.snippets, "\n")}
	switch {
	case len(spans) > 0:
		out.Out = cut(r.f.Src, spans)
	case out.Reason != "":
		out.Status = CannotPlace
	default:
		out.Status = AlreadyThere
	}
	return out
}

// include takes out the call that includes the router, by whatever names.
func (r *pyRemoval) include(put Put) {
	_, name, _ := strings.Cut(strings.TrimSuffix(put.Key, ")"), "(")
	for _, n := range r.nodes {
		call, ok := n.Call()
		if !ok || n.Kind != "expr" || !strings.HasSuffix(call.Name, ".include_router") {
			continue
		}
		arg := call.Keyword("router")
		if len(call.Args) > 0 {
			arg = &call.Args[0]
		}
		switch {
		case arg == nil || arg.Kind != "name":
		case put.In == "" && arg.Name != name, put.In != "" && r.f.Resolve(arg.Name) != put.In:
		case len(call.Args)+len(call.Keywords) > 1:
			r.leave(put, n.Stmt, "includes the router with arguments of yours")
		default:
			r.cut.statement(n, put)
		}
	}
}

// setUp takes out the call that gives the app to a function.
func (r *pyRemoval) setUp(put Put) {
	for _, n := range r.nodes {
		call, ok := n.Call()
		switch {
		case !ok || n.Kind != "expr" || r.f.Resolve(call.Name) != put.In:
		case len(call.Args)+len(call.Keywords) > 1:
			r.leave(put, n.Stmt, "calls it with arguments of yours")
		default:
			r.cut.statement(n, put)
		}
	}
}

// setting takes out a field that is as it was put there, with our comments above it.
func (r *pyRemoval) setting(put Put) {
	n, found := r.member(put.In, put.Key)
	if !found {
		return
	}
	if essence(r.f.Src[n.Start:n.End]) != essence([]byte(put.Text)) {
		r.leave(put, n.Stmt, put.Key+" was changed, and may hold a value of yours")
		return
	}
	if pos, used := r.f.uses(put.Key, true, []Span{{n.Start, n.End, ""}}); used {
		r.leave(put, n.Stmt, fmt.Sprintf("%s is used on line %d", put.Key, r.f.line(pos)))
		return
	}
	r.cut.statement(n, put)
}

// member finds a field of a class; where it is not in that one, of any.
func (r *pyRemoval) member(class, name string) (found pyNode, ok bool) {
	for _, n := range r.nodes {
		if n.outer == nil || n.outer.Kind != "class" || n.Kind != "assign" || !n.Binds(name) {
			continue
		}
		if !ok || n.outer.Name == class {
			found, ok = n, true
		}
	}
	return found, ok
}

// instance takes out the line that makes the settings, while nothing here uses it.
func (r *pyRemoval) instance(put Put) {
	for i := range r.f.Body {
		s := &r.f.Body[i]
		if s.Kind != "assign" || len(s.Targets) != 1 || s.Targets[0] != put.Key {
			continue
		}
		if essence(r.f.Src[s.Start:s.End]) != essence([]byte(put.Text)) {
			r.leave(put, s, put.Key+" was changed")
		} else if _, used := r.f.uses(put.Key, false, []Span{{s.Start, s.End, ""}}); used {
			r.stay = append(r.stay, put)
		} else {
			r.cut.statement(pyNode{s, nil}, put)
		}
		return
	}
}

// extra takes out the option that lets a Settings class ignore what it does not know.
func (r *pyRemoval) extra(put Put) {
	for _, n := range r.nodes {
		if n.outer == nil || n.outer.Kind != "class" {
			continue
		}
		switch {
		case n.outer.Name == put.Key && n.Kind == "assign" && n.Binds("model_config"):
			r.extraOf(n, put)
		case n.outer.Name == "Config" && n.Kind == "assign" && n.Binds("extra") && r.holds(put.Key, n) && isIgnore(n.Value):
			r.cut.statement(n, put)
		}
	}
}

func isIgnore(e *Expr) bool { return e != nil && e.Kind == "str" && e.Name == "ignore" }

// holds reports whether a class of that name stands around n.
func (r *pyRemoval) holds(class string, n pyNode) bool {
	c := r.f.Class(class)
	return c != nil && c.Start <= n.Start && n.End <= c.End
}

func (r *pyRemoval) extraOf(n pyNode, put Put) {
	config := n.Value
	if config == nil || !isIgnore(config.Keyword("extra")) {
		return
	}
	added := strings.Contains(put.Text, "model_config")
	if added && len(config.Keywords) == 1 && len(config.Args) == 0 {
		r.cut.statement(n, put)
		return
	}
	list := pyList{open: config.Start, close: config.End - 1}
	if config.Kind == "call" {
		list.open = config.Start + strings.IndexByte(string(r.f.Src[config.Start:config.End]), '(')
	}
	for i := range config.Args {
		list.add(config.Args[i].Start, config.Args[i].End, false)
	}
	for _, k := range config.Keywords {
		list.add(k.KeyStart, k.End, k.Key == "extra")
	}
	old := put.Old
	if added {
		old = ""
	}
	if !r.cut.list(list, old) {
		r.leave(put, n.Stmt, `extra="ignore" stands among other things`)
	}
}

// imported takes out the name that an import put there, unless other code uses it. Of
// code that fastman brought every import goes, and what is imported may be the module.
func (r *pyRemoval) imported(put Put, puts []Put) {
	imp := parseImport(strings.TrimSpace(put.Text))
	paths := []string{imp.path()}
	generated := isGenerated(imp, puts)
	if generated {
		paths = append(paths, imp.module)
	}
	taken, stays := false, (*Stmt)(nil)
	reason := ""
	for _, n := range r.nodes {
		for i, a := range n.Imports {
			if !slices.Contains(paths, r.imports(n.Stmt, a)) {
				continue
			}
			if pos, used := r.usesImport(n, a); used {
				stays, reason = n.Stmt, fmt.Sprintf("%s is used on line %d", a.Local(), r.f.line(pos))
			} else if !taken || generated {
				r.cut.name(n, i, put)
				taken = true
			}
		}
	}
	switch {
	case taken || stays == nil:
	case generated && len(r.reasons) == 0:
		r.leave(put, stays, reason)
	default:
		r.stay = append(r.stay, put)
	}
}

// imports is the full name of what one name of an import statement stands for.
func (r *pyRemoval) imports(s *Stmt, a Alias) string {
	if s.Kind == "import" {
		return a.Name
	}
	return r.f.Absolute(s) + "." + a.Name
}

// isGenerated reports whether an import is of code that fastman brought: unlike a name
// of a library, it cannot stay.
func isGenerated(imp pyImport, puts []Put) bool {
	return imp.name == "" || slices.ContainsFunc(puts, func(p Put) bool {
		return (p.Kind == "include" || p.Kind == "setup") && p.In == imp.path()
	})
}

// usesImport finds a use of what a name of an import statement binds, outside import
// statements, what goes, and functions that import it for themselves.
func (r *pyRemoval) usesImport(n pyNode, a Alias) (pos int, used bool) {
	root, _, dotted := strings.Cut(a.Local(), ".")
	outside := r.cut.gone()
	for _, other := range r.nodes {
		if len(other.Imports) == 0 {
			continue
		}
		outside = append(outside, Span{other.Start, other.End, ""})
		if def := other.outer; def != nil && def != n.outer && def.Kind == "def" && other.Binds(root) {
			outside = append(outside, Span{def.Start, def.End, ""})
		}
	}
	pos, used = r.f.uses(root, false, outside)
	if !used || !dotted || !r.bindsElsewhere(root, n.Stmt) {
		return pos, used
	}
	return r.f.usesPath(a.Name, outside)
}

// bindsElsewhere reports whether another statement binds the name too.
func (r *pyRemoval) bindsElsewhere(name string, than *Stmt) bool {
	return slices.ContainsFunc(r.nodes, func(n pyNode) bool { return n.Stmt != than && n.Kind != "block" && n.Binds(name) })
}

// usesPath finds "a.b.c" in the code.
func (f *PyFile) usesPath(path string, outside []Span) (pos int, found bool) {
	for _, t := range pyTokens(f.Src) {
		if t.kind != 'w' || within(outside, t.start) {
			continue
		}
		rest, ok := strings.CutPrefix(string(f.Src[t.start:]), path)
		if ok && (rest == "" || !isWord(rest[0])) {
			return t.start, true
		}
	}
	return 0, false
}

// line is the number, from 1, of the line that holds pos.
func (f *PyFile) line(pos int) int {
	return strings.Count(unixText(string(f.Src[:pos])), "\n") + 1
}
