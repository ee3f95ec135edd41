package conformance

import (
	"net/http"
	"strings"

	"fastman/conformance/standin"
)

// Paths are where an app has its routes, for one whose owner has moved some. A route is
// named by its method and its path below the prefix, with {} for a parameter; where it
// stands is a whole path: "DELETE /sessions/{}" → "/account/sign-ins/{}". One that the app
// has no more has "". Routes that are not in it stand below the prefix.
type Paths map[string]string

// parameter is what a path holds for any value.
const parameter = "{}"

// find returns the route that a request is for, "" for none of ours, and where it goes.
func (p Paths) find(method, path string) (route, to string) {
	asked := method + " " + path
	if to, known := p[asked]; known {
		return asked, to
	}
	for route, to := range p {
		stem, parametric := strings.CutSuffix(route, parameter)
		if value, below := strings.CutPrefix(asked, stem); parametric && below && value != "" {
			return route, strings.Replace(to, parameter, value, 1)
		}
	}
	return "", ""
}

// anyMethod is find for a method that the contract does not have at a path: it is asked
// for where the others are.
func (p Paths) anyMethod(path string) string {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if _, to := p.find(method, path); to != "" {
			return to
		}
	}
	return ""
}

// path is where the app serves what the contract has at a path below the prefix, or, with
// two slashes, below the root. It keeps the query, and slashes that are too many.
func (target Target) path(method, path string) string {
	if root, ok := strings.CutPrefix(path, "//"); ok {
		return "/" + root
	}
	path, query, _ := strings.Cut(path, "?")
	name := strings.TrimRight(path, "/")
	rest := path[len(name):]
	if query != "" {
		rest += "?" + query
	}
	if _, to := target.Paths.find(method, name); to != "" {
		return to + rest
	}
	if to := target.Paths.anyMethod(name); to != "" {
		return to + rest
	}
	return target.Prefix + name + rest
}

func (t *T) path(method, path string) string { return t.target.path(method, path) }

// allowCallbacks registers with stand-ins where the app wants browsers back.
func (target Target) allowCallbacks(all *standin.Providers) {
	first := publicURL + target.path(http.MethodGet, "/callback")
	for _, p := range all.All() {
		p.AllowRedirects(first, publicURL+target.path(http.MethodGet, "/callback/"+p.Name))
	}
}

// page is the path of what browsers are sent to.
func (t *T) page(path string) string { return t.path(http.MethodGet, path) }

// gone is the route of a request, if the app has it no more, else "".
func (t *T) gone(c call) string {
	name, _, _ := strings.Cut(c.path, "?")
	route, to := t.target.Paths.find(c.method, strings.TrimRight(name, "/"))
	if to != "" {
		return ""
	}
	return route
}
