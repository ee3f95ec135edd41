package edit

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// beside are servers next to the app's own one: metrics, profiles, redirects.
var beside = regexp.MustCompile(`(?i)redirect|HTTPHandler|promhttp|pprof|metrics|health|debug|expvar`)

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
	serving = withoutBeside(serving)
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

// oneHandler reports whether all sites serve the same handler in one function.
func oneHandler(sites []GoSite) bool {
	return !slices.ContainsFunc(sites, func(s GoSite) bool {
		return s.Text != sites[0].Text || s.Kind != sites[0].Kind || len(sites) > 1 && !s.SameFunc(sites[0])
	})
}

func lineNumbers(sites []GoSite) string {
	var lines []string
	for _, s := range sites {
		lines = append(lines, strconv.Itoa(s.Line))
	}
	return strings.Join(lines, " and ")
}
