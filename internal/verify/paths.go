package verify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fastman/conformance"
	"fastman/internal/edit"
	"fastman/internal/install"
)

// Owners move routes. A handler is known by its name: what it answered when it was
// emitted is the contract's path, and where it answers now the app itself says.

// route is one method of one path, with the handler that answers it.
type route struct{ Method, Path, Module, Name string }

func (r route) String() string { return r.Method + " " + r.Path }

// lostRoute is one of which nobody knows where it is: its handler has another name, and
// some handler is new.
type lostRoute struct{ was, likely route }

func (l lostRoute) String() string {
	return fmt.Sprintf("%s: no handler is called %s any more; %s of %s may be it: let the handler keep its name, and it is found wherever its route stands",
		l.was, l.was.Name, l.likely, l.likely.Name)
}

// learn tells the target where the routes are, and what asks for roles.
func (r *verification) learn(ctx context.Context, target *conformance.Target) error {
	if m := fit(emitted(r.app), served(ctx, r.app, target.URL), r.app.Prefix); m != nil {
		target.Prefix, target.Paths, r.report.Prefix, r.report.lost = m.prefix, m.paths, m.prefix, m.lost
	}
	if _, found := probe(ctx, target.URL, "admins"); found {
		target.Guarded = &conformance.Guarded{Admins: "/" + probesBelow + "admins", Editors: "/" + probesBelow + "editors"}
	}
	if at := whereIsMe(*target); at != "" && isMissing(ctx, target.URL+at) {
		return &Unjudged{What: "the app has no GET " + at + ", by which the suite knows where its sign-in is",
			Hint: "serve the sign-in's routes; where something in front of them changes paths, let the app that is started do without it"}
	}
	return nil
}

// whereIsMe is the path of GET /me, "" where there is none.
func whereIsMe(target conformance.Target) string {
	if at, known := target.Paths["GET /me"]; known {
		return at
	}
	return target.Prefix + "/me"
}

// learnRunning is learn for a server that runs already: it is asked for its openapi.json.
// What is not described there is taken to be where it was.
func (r *verification) learnRunning(ctx context.Context, target *conformance.Target) {
	asking, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	was, is := emitted(r.app), described(asking, target.URL)
	if r.app.IsGo() {
		is = goServed(r.app, commonPrefix(nameless(goServed(r.app, "")), nameless(is), r.app.Prefix))
	}
	m := fit(unlocated(was), unlocated(is), r.app.Prefix)
	if m == nil {
		return
	}
	maps.DeleteFunc(m.paths, func(_, to string) bool { return to == "" })
	target.Prefix, target.Paths, r.report.Prefix = m.prefix, m.paths, m.prefix
}

// unlocated leaves out which module a handler is in.
func unlocated(routes []route) []route {
	all := slices.Clone(routes)
	for i := range all {
		all[i].Module = ""
	}
	return all
}

// nameless leaves out the handlers.
func nameless(routes []route) []route {
	all := unlocated(routes)
	for i := range all {
		all[i].Name = ""
	}
	return all
}

// described are the routes of the sign-in in the openapi.json of a server. FastAPI makes
// the ids of operations of the name of the handler, the path and the method.
func described(ctx context.Context, url string) (all []route) {
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			Tags        []string
		}
	}
	if text, found := fetch(ctx, url+"/openapi.json"); !found || json.Unmarshal(text, &document) != nil {
		return nil
	}
	for at, methods := range document.Paths {
		for method, o := range methods {
			name := strings.TrimSuffix(o.OperationID, notWord.ReplaceAllString(at, "_")+"_"+method)
			if slices.Contains(o.Tags, "auth") {
				all = append(all, route{Method: strings.ToUpper(method), Path: parameters.ReplaceAllString(at, "{}"), Name: name})
			}
		}
	}
	return all
}

var notWord = regexp.MustCompile(`\W`)

// moved is where routes stand.
type moved struct {
	prefix string
	paths  conformance.Paths
	lost   map[string]lostRoute
}

// fit finds what was emitted among what is served; nil where nothing is known of that.
func fit(emitted, served []route, prefix string) *moved {
	m := &moved{prefix: commonPrefix(emitted, served, prefix), paths: conformance.Paths{}, lost: map[string]lostRoute{}}
	found := map[route]route{}
	for _, e := range emitted {
		if s, ok := byHandler(e, emitted, served, m.prefix); ok {
			found[e] = s
		}
	}
	if len(found) == 0 {
		return nil
	}
	for _, e := range emitted {
		at := slices.IndexFunc(served, func(s route) bool { return s.Method == e.Method && s.Path == m.prefix+e.Path })
		if _, known := found[e]; !known && at >= 0 {
			found[e] = served[at]
		}
	}
	fresh := unclaimed(found, served)
	for _, e := range emitted {
		m.paths[e.String()] = found[e].Path
		at := slices.IndexFunc(fresh, func(s route) bool { return s.Method == e.Method && s.Module == e.Module })
		if found[e].Path == "" && at >= 0 {
			m.lost[e.String()] = lostRoute{e, fresh[at]}
		}
	}
	return m
}

// byHandler is the route that the handler of an emitted one answers. It may answer further
// ones: the one at the old place is the same, those at the places of other routes are
// others, and a parameter stays.
func byHandler(e route, emitted, served []route, prefix string) (route, bool) {
	all := handled(e, served)
	if at := slices.IndexFunc(all, func(s route) bool { return s.Path == prefix+e.Path }); at >= 0 {
		return all[at], true
	}
	all = slices.DeleteFunc(all, func(s route) bool {
		isOther := func(o route) bool { return o.Method == e.Method && o.Name == e.Name && s.Path == prefix+o.Path }
		return slices.ContainsFunc(emitted, isOther) || strings.Contains(s.Path, "{}") != strings.Contains(e.Path, "{}")
	})
	if len(all) == 0 {
		return route{}, false
	}
	return slices.MinFunc(all, func(a, b route) int { return cmp.Compare(a.Path, b.Path) }), true
}

// handled are the routes that a handler of that name answers. It may have gone to another
// module of the sign-in.
func handled(e route, served []route) []route {
	folder := e.Module[:strings.LastIndex(e.Module, ".")+1]
	all := slices.DeleteFunc(slices.Clone(served), func(s route) bool {
		return s.Method != e.Method || s.Name != e.Name || !strings.HasPrefix(s.Module, folder)
	})
	if same := slices.DeleteFunc(slices.Clone(all), func(s route) bool { return s.Module != e.Module }); len(same) > 0 {
		return same
	}
	return all
}

// commonPrefix is that of the most routes.
func commonPrefix(emitted, served []route, usual string) string {
	votes := map[string]int{}
	for _, e := range emitted {
		for _, s := range handled(e, served) {
			if prefix, fits := strings.CutSuffix(s.Path, e.Path); fits {
				votes[prefix]++
			}
		}
	}
	best := usual
	for _, prefix := range slices.Sorted(maps.Keys(votes)) {
		if votes[prefix] > votes[best] {
			best = prefix
		}
	}
	return best
}

// unclaimed are the routes that no emitted handler answers.
func unclaimed(found map[route]route, served []route) []route {
	claimed := slices.Collect(maps.Values(found))
	return slices.DeleteFunc(slices.Clone(served), func(s route) bool { return slices.Contains(claimed, s) })
}

// emitted are the routes as fastman made them, below the prefix.
func emitted(i *install.Installation) []route {
	var all []route
	for _, file := range slices.Sorted(maps.Keys(i.Emitted)) {
		text := i.Emitted[file]
		switch {
		case i.IsGo() && strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go"):
			all = append(all, goRoutes([]byte(text))...)
		case !i.IsGo() && strings.HasSuffix(file, ".py"):
			all = append(all, pythonRoutes(text, moduleOf(i, file))...)
		}
	}
	return all
}

// moduleOf is the dotted name of a file.
func moduleOf(i *install.Installation, file string) string {
	file = strings.TrimPrefix(strings.TrimPrefix(file, i.ImportRoot), "/")
	return strings.ReplaceAll(strings.TrimSuffix(file, ".py"), "/", ".")
}

var (
	decorated  = regexp.MustCompile(`(?ms)^@router\.(get|post|put|patch|delete|api_route)\(\s*["']([^"']*)["'].*?^(?:async )?def (\w+)`)
	parameters = regexp.MustCompile(`\{[^}]*\}`)
)

// pythonRoutes reads decorators as fastman writes them.
func pythonRoutes(text, module string) []route {
	var all []route
	for _, found := range decorated.FindAllStringSubmatch(text, -1) {
		method := strings.ToUpper(found[1])
		if method == "API_ROUTE" {
			method = http.MethodGet // and HEAD, which goes with it
		}
		all = append(all, route{method, parameters.ReplaceAllString(found[2], "{}"), module, found[3]})
	}
	return all
}

// goRoutes reads tables of endpoints: "/me": {http.MethodGet: a.getMe}. A path that ends
// with a slash has a parameter behind it.
func goRoutes(src []byte) []route {
	f, err := edit.ParseGo("", src)
	if err != nil {
		return nil
	}
	var all []route
	ast.Inspect(f.AST, func(n ast.Node) bool {
		at, methods := entry(n)
		if methods == nil {
			return true
		}
		if strings.HasSuffix(at, "/") {
			at += "{}"
		}
		for _, element := range methods.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				method, isMethod := strings.CutPrefix(lastName(pair.Key), "Method")
				if isMethod && method != "Head" {
					all = append(all, route{Method: strings.ToUpper(method), Path: at, Name: lastName(pair.Value)})
				}
			}
		}
		return true
	})
	return all
}

// entry reads one path of a table, and what it answers.
func entry(n ast.Node) (at string, methods *ast.CompositeLit) {
	pair, ok := n.(*ast.KeyValueExpr)
	if !ok {
		return "", nil
	}
	key, isText := pair.Key.(*ast.BasicLit)
	methods, _ = pair.Value.(*ast.CompositeLit)
	if !isText || key.Kind != token.STRING {
		return "", nil
	}
	if at, _ = strconv.Unquote(key.Value); !strings.HasPrefix(at, "/") {
		return "", nil
	}
	return at, methods
}

// lastName is the last name in an expression: of a.getMe and of guard(handler(getMe)).
func lastName(e ast.Expr) (name string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			name = id.Name
		}
		return true
	})
	return name
}

// served are the routes as the app has them, with their whole paths.
func served(ctx context.Context, i *install.Installation, url string) (all []route) {
	if !i.IsGo() {
		text, _ := probe(ctx, url, "routes")
		_ = json.Unmarshal(text, &all)
		return all
	}
	prefix, found := probe(ctx, url, "prefix")
	if !found {
		prefix = []byte(i.Prefix)
	}
	return goServed(i, string(prefix))
}

// goServed reads the tables of endpoints as they stand.
func goServed(i *install.Installation, prefix string) (all []route) {
	files, _ := filepath.Glob(filepath.Join(authDir(i), "*.go"))
	for _, file := range files {
		if src, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, "_test.go") {
			for _, r := range goRoutes(src) {
				r.Path = prefix + r.Path
				all = append(all, r)
			}
		}
	}
	return all
}

// subjects are the routes that a group of cases is about, by how they begin.
var subjects = map[string][]string{
	"register": {"POST /register"}, "reveal-false": {"POST /register"}, "login": {"POST /login"}, "me": {"GET /me"}, "refresh": {"POST /refresh"},
	"sessions": {"GET /sessions", "DELETE /sessions"}, "logout": {"POST /logout", "GET /logout"}, "change": {"POST /password/change"}, "set": {"POST /password/set"},
	"forgot": {"POST /password/forgot"}, "reset": {"POST /password/"}, "verify": {"POST /verify"}, "native": {"POST /token"},
	"providers": {"GET /providers", "POST /providers", "DELETE /providers"}, "recovery": {"POST /passkey/recovery"}, "page": {"GET /ui", "POST /ui", "GET /static/"},
}

// obstructed says of a case that could not get past something what that means. A route
// that its owner has taken out on purpose is no failure, and what is about it does not
// apply; but what only passes through it cannot be judged.
func (r *Report) obstructed(result conformance.Result) (Outcome, string) {
	gone := result.Obstacle.Gone
	if lost, ok := r.lost[gone]; ok {
		return NotJudged, lost.String()
	}
	about := slices.ContainsFunc(subjects[group(result.Case)], func(begin string) bool { return strings.HasPrefix(gone, begin) })
	switch {
	case gone == "":
		return NotJudged, result.Detail
	case about:
		return NotApplicable, result.Detail
	}
	return NotJudged, result.Detail + ", and the case passes through it"
}
