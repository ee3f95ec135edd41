package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is the Markdown that is printed.
type report struct {
	strings.Builder
	options options
	results []*result
}

func (r *report) head(b *bed) {
	o := r.options
	fmt.Fprintf(r, `# Performance: %s

Made by `+"`go run ./bench -stack=%s -span=%v`"+` on %s/%s with %d cores: the server on one, load and
database on the other. %s.

Each app runs in turn, and each figure is the median of %d rounds. Only the ratios of
one run mean anything: the machine is shared, and another has other figures.

%s

/me is asked as %d users in turn, one row as seldom as another, unless it says otherwise.
"During logins" is /me over %d connections while %d
clients sign in without a pause.
`, titles[o.name], o.name, o.span, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.stack.versions(b), o.rounds, o.stack.about, sampled, stormClients, storming)
}

var titles = map[string]string{"fastapi": "FastAPI", "go": "Go"}

// apps are the names of the compared apps, ours first.
func (r *report) apps() []string {
	if r.options.stack.bounds.peer > 0 {
		return []string{ours, bareName, peerName}
	}
	return []string{ours, bareName}
}

func (r *report) add(result *result) {
	r.results = append(r.results, result)
	fmt.Fprintf(r, "\n## %s, %s users\n\n", names[result.db], grouped(result.users))
	apps := r.apps()
	fmt.Fprintf(r, "| | %s | to %s |\n|---%s\n", strings.Join(apps, " | "), strings.Join(apps[1:], " | to "), strings.Repeat("|---", 2*len(apps)-1)+"|")
	for _, m := range measurements {
		r.row(result, m)
	}
	if len(result.hashes) > 0 {
		alone := median(result.hashes)
		login, _ := result.of(ours, "login")
		fmt.Fprintf(r, "| bcrypt alone, hashes/s; logins to it | %.1f; %.2f %s|\n", alone, login.perSecond/alone, strings.Repeat("| ", 2*len(apps)-2))
	}
	r.usage(result)
}

var names = map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}

type measurement struct{ what, title string }

var measurements = []measurement{
	{"me 1", "/me, 1 connection"}, {"me 16", "/me, 16 connections"}, {"me 64", "/me, 64 connections"},
	{"active", "/me of 64 users, 16 connections"}, {"crowd", "/me, 512 connections"}, {"mixed", "/me during logins"}, {"login", "logins"}, {"refresh", "refreshes, 8 clients"},
}

func (r *report) row(result *result, m measurement) {
	mine, measured := result.of(ours, m.what)
	if !measured {
		return
	}
	fmt.Fprintf(r, "| %s: requests/s, p99 ", m.title)
	for _, app := range r.apps() {
		fmt.Fprintf(r, "| %s ", shown(result.of(app, m.what)))
	}
	for _, app := range r.apps()[1:] {
		fmt.Fprintf(r, "| %s ", ratio(mine.perSecond, result, app, m.what))
	}
	fmt.Fprintln(r, "|")
}

func shown(s sample, measured bool) string {
	if !measured {
		return "–"
	}
	text := fmt.Sprintf("%.0f, %s", s.perSecond, millis(s.p99))
	if s.perSecond < 100 {
		text = fmt.Sprintf("%.1f, %s", s.perSecond, millis(s.p99))
	}
	if s.failed > 0 {
		text += fmt.Sprintf(", %d unanswered", s.failed)
	}
	return text
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func ratio(mine float64, result *result, app, what string) string {
	other, measured := result.of(app, what)
	if !measured || other.perSecond == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", mine/other.perSecond)
}

func (r *report) usage(result *result) {
	fmt.Fprint(r, "| memory idle → peak, MB; start ")
	for _, app := range r.apps() {
		idle, peak, start := result.footprint(app)
		fmt.Fprintf(r, "| %.0f → %.0f; %.0f ms ", idle, peak, start)
	}
	fmt.Fprintln(r, strings.Repeat("| ", len(r.apps())-1)+"|")
}

// targets says of each bound whether it holds.
func (r *report) targets() {
	fmt.Fprint(r, "\n## Bounds\n\n| bound | measured | holds |\n|---|---|---|\n")
	limits := r.options.stack.bounds
	for _, result := range r.results {
		where := fmt.Sprintf("%s, %s users: ", names[result.db], grouped(result.users))
		for _, n := range connections {
			what := fmt.Sprintf("me %d", n)
			r.least(result, where, what, bareName, limits.me)
			if result.db == "sqlite" {
				r.least(result, where, what, peerName, limits.peer)
			}
		}
		r.least(result, where, "mixed", bareName, limits.mixed)
		if s, ok := result.of(ours, "mixed"); ok {
			r.bound(where+"p99 of /me during logins under 50 ms", millis(s.p99), s.p99 < 50*time.Millisecond)
		}
		r.least(result, where, "refresh", bareName, limits.refresh)
		if s, ok := result.of(ours, "login"); ok && len(result.hashes) > 0 {
			got := s.perSecond / median(result.hashes)
			r.bound(where+"logins at least 0.90 of bcrypt alone", fmt.Sprintf("%.2f", got), got >= 0.9)
		}
		for _, what := range []string{"me 64", "crowd"} {
			if s, ok := result.of(ours, what); ok {
				r.bound(where+title(what)+": all answered", fmt.Sprintf("%d not", s.failed), s.failed == 0)
			}
		}
	}
	r.growth()
	r.footprint(limits)
}

// footprint holds memory and start against their limits.
func (r *report) footprint(limits bounds) {
	for _, result := range r.results {
		where := fmt.Sprintf("%s, %s users: ", names[result.db], grouped(result.users))
		_, peak, start := result.footprint(ours)
		if limits.memory > 0 {
			r.bound(fmt.Sprintf("%smemory under load at most %.0f MB", where, limits.memory), fmt.Sprintf("%.0f MB", peak), peak <= limits.memory)
		}
		if limits.start > 0 {
			r.bound(fmt.Sprintf("%sfirst answer within %.0f ms", where, limits.start), fmt.Sprintf("%.0f ms", start), start <= limits.start)
		}
	}
}

// growth compares a million users with a thousand, and what that costs the app with what
// it costs the bare handler: more pages of SQLite have to be read, whoever reads them.
func (r *report) growth() {
	for _, large := range r.results {
		for _, small := range r.results {
			if large.db != small.db || large.users <= small.users {
				continue
			}
			for _, what := range []string{"me 1", "me 16", "me 64", "active"} {
				got, ok := kept(large, small, ours, what)
				if !ok {
					continue
				}
				of := fmt.Sprintf("%s, %s: %s users at least 0.90 of %s", names[large.db], title(what), grouped(large.users), grouped(small.users))
				r.bound(of, fmt.Sprintf("%.2f", got), got >= 0.9)
				if bare, ok := kept(large, small, bareName, what); ok {
					r.bound(of+", as the bare handler's", fmt.Sprintf("%.2f", got/bare), got/bare >= 0.9)
				}
			}
		}
	}
}

// kept is what an app keeps of its speed in the larger database.
func kept(large, small *result, app, what string) (float64, bool) {
	a, ok := large.of(app, what)
	b, too := small.of(app, what)
	if !ok || !too || b.perSecond == 0 {
		return 0, false
	}
	return a.perSecond / b.perSecond, true
}

func (r *report) least(result *result, where, what, app string, least float64) {
	mine, ok := result.of(ours, what)
	other, too := result.of(app, what)
	if !ok || !too {
		return
	}
	got := mine.perSecond / other.perSecond
	r.bound(fmt.Sprintf("%s%s at least %.2f of %s", where, title(what), least, app), fmt.Sprintf("%.2f", got), got >= least)
}

func title(what string) string {
	i := slices.IndexFunc(measurements, func(m measurement) bool { return m.what == what })
	return measurements[i].title
}

func (r *report) bound(what, measured string, holds bool) {
	answer := "yes"
	if !holds {
		answer = "**no**"
	}
	fmt.Fprintf(r, "| %s | %s | %s |\n", what, measured, answer)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// grouped writes 1000000 as 1,000,000.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
