package edit

import (
	"go/ast"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// beside are servers next to the app's own one: metrics, profiles, redirects.
var beside = regexp.MustCompile(`(?i)redirect|HTTPHandler|promhttp|pprof|metrics|health|debug|expvar`)

// GoServes reports whether one of the places serves, and does not only make a router.
func GoServes(sites []GoSite) bool {
	return slices.ContainsFunc(sites, func(s GoSite) bool { return s.Kind != GoRouter })
}

// GoServing picks the places that give the app's server its routes; none when there is
// no server. Handlers that cannot be told apart are all returned.
func GoServing(sites []GoSite) []GoSite {
	var made, serving []GoSite
	for _, s := range sites {
		if s.Kind == GoRouter {
			made = append(made, s)
		} else {
			serving = append(serving, s)
		}
	}
	serving = withoutBeside(withoutMade(serving))
	if len(serving) == 0 {
		return made
	}
	for _, r := range made {
		if slices.ContainsFunc(serving, func(s GoSite) bool { return s.Text == r.Name && s.SameFunc(r) }) {
			return []GoSite{r}
		}
	}
	return serving
}

// withoutMade leaves the places out that make a server for one that is there as well:
// there the handler can be wrapped where the server is used.
func withoutMade(serving []GoSite) []GoSite {
	return slices.DeleteFunc(slices.Clone(serving), func(s GoSite) bool {
		return slices.ContainsFunc(serving, func(user GoSite) bool {
			return user.Kind == GoServer && user.maker() == s.Func() && s.Func() != ""
		})
	})
}

// maker is the function of this package that makes the server of a GoServer, or "".
func (s *GoSite) maker() string {
	call, ok := s.node.(*ast.AssignStmt).Rhs[0].(*ast.CallExpr)
	if !ok {
		return ""
	}
	if name, plain := call.Fun.(*ast.Ident); plain {
		return name.Name
	}
	return ""
}

// withoutBeside leaves the servers out that are beside the app's, when there is more
// than one.
func withoutBeside(serving []GoSite) []GoSite {
	for _, aside := range []func(GoSite) bool{
		func(s GoSite) bool { return beside.MatchString(s.Text) },
		func(s GoSite) bool { return s.Text == "nil" || s.Kind == GoNoField },
	} {
		rest := slices.DeleteFunc(slices.Clone(serving), aside)
		if len(serving) > 1 && len(rest) > 0 {
			serving = rest
		}
	}
	return serving
}

// oneHandler reports whether all sites serve the same handler in one function, each
// with what it wraps around it.
func oneHandler(sites []GoSite) bool {
	return !slices.ContainsFunc(sites[1:], func(s GoSite) bool {
		return s.root() != sites[0].root() || s.Kind != sites[0].Kind || !s.SameFunc(sites[0])
	})
}

// root is the source of the router within a handler.
func (s *GoSite) root() string {
	if s.Kind != GoHandler {
		return s.Text
	}
	w := &wiring{GoSite: *s, f: s.File}
	return s.File.Text(w.innermost(s.node.(ast.Expr)))
}

func lineNumbers(sites []GoSite) string {
	var lines []string
	for _, s := range sites {
		lines = append(lines, strconv.Itoa(s.Line))
	}
	return strings.Join(lines, " and ")
}
