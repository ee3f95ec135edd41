package main

// All text for the user but the picker's is printed in this file. Its rules: results go to stdout,
// progress and errors to stderr; lower case, no full stop at the end, values
// quoted; an error is followed by what was left untouched and by a hint that can
// be pasted; colour only on a terminal and not under NO_COLOR; never a secret.

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/term"

	"fastman/internal/install"
	"fastman/internal/verify"
)

type terminal struct {
	in       io.Reader // nil where nobody can be asked
	out, err io.Writer
	colour   bool
	json     bool    // errors are printed as JSON on stdout as well
	picker   *picker // nil where it cannot be shown
	answers  map[string]string
}

func newTerminal(out, err *os.File) *terminal {
	t := &terminal{out: out, err: err, answers: map[string]string{}}
	t.colour = os.Getenv("NO_COLOR") == "" && isTerminal(err) && !isDumb()
	if isTerminal(os.Stdin) && isTerminal(err) {
		t.in = os.Stdin
	}
	if t.in != nil && isTerminal(out) {
		t.picker = &picker{in: os.Stdin, out: err, plain: wantsPlain()}
	}
	return t
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// isDumb: the terminal shows lines, and nothing else.
func isDumb() bool { return os.Getenv("TERM") == "dumb" }

func (t *terminal) red(text string) string  { return t.paint("31", text) }
func (t *terminal) dim(text string) string  { return t.paint("2", text) }
func (t *terminal) bold(text string) string { return t.paint("1", text) }

func (t *terminal) paint(code, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *terminal) progress(line string) { fmt.Fprintln(t.err, t.dim("fastman: "+line)) }

// asker is how a command asks; nil where nobody is there to answer.
func (t *terminal) asker() func(question string, answers []string) string {
	if t.in == nil {
		return nil
	}
	return t.ask
}

// ask returns the answer that was typed, or that its first letters name; anything else
// is "", and so is an end of input. A question is asked once in a run.
func (t *terminal) ask(question string, answers []string) string {
	if answer, known := t.answers[question]; known {
		return answer
	}
	t.answers[question] = t.answer(question, answers)
	return t.answers[question]
}

func (t *terminal) answer(question string, answers []string) string {
	fmt.Fprintf(t.err, "fastman: %s (%s) ", question, strings.Join(answers, "/"))
	line, _ := bufio.NewReader(t.in).ReadString('\n')
	typed := strings.ToLower(strings.TrimSpace(line))
	for _, answer := range answers {
		if typed != "" && strings.HasPrefix(answer, typed) {
			return answer
		}
	}
	return ""
}

// typed returns the next line of stdin, be that a terminal or a pipe.
func (t *terminal) typed(prompt string) string {
	fmt.Fprint(t.err, "fastman: "+prompt+" ")
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	return strings.TrimSpace(line)
}

// asks reports whether what no flag says can be asked for; the command gets what it
// needs to look at the project first.
func (t *terminal) asks(o *install.Common) bool {
	o.Templates, o.Ask = library(), t.asker()
	return t.picker != nil && !o.Yes && !o.JSON
}

// preview prints what a command would do, where the picker is: stdout is for what was
// done.
func (t *terminal) preview(r *install.Report) {
	shown := *t
	shown.out = t.err
	shown.report(r)
}

// declined is no error.
func (t *terminal) declined() {
	fmt.Fprintln(t.err, "fastman: all right, nothing was written; run the command again when you like")
}

func (t *terminal) usage(u *install.Usage) {
	t.error(&install.Failure{What: u.What, Untouched: "nothing was done", Hint: u.Hint})
}

func (t *terminal) failure(err error) {
	var f *install.Failure
	if !errors.As(err, &f) {
		f = &install.Failure{What: err.Error()}
	}
	t.error(f)
}

func (t *terminal) error(f *install.Failure) {
	t.errorJSON("failed", f)
	t.errorText(f)
}

// unjudged is an error that says nothing about the app.
func (t *terminal) unjudged(f *install.Failure) {
	t.errorJSON(string(verify.StatusUnjudged), f)
	t.errorText(f)
}

func (t *terminal) errorText(f *install.Failure) {
	fmt.Fprintln(t.err, "fastman: "+t.red("error: ")+indent(f.What, "  "))
	if f.Detail != "" {
		fmt.Fprintln(t.err, "  | "+indent(strings.TrimRight(f.Detail, "\n"), "  | "))
	}
	if f.Untouched != "" {
		fmt.Fprintln(t.err, "fastman: "+f.Untouched)
	}
	if f.Hint != "" {
		fmt.Fprintln(t.err, "fastman: "+t.bold("hint: ")+indent(f.Hint, "    "))
	}
}

func (t *terminal) errorJSON(status string, f *install.Failure) {
	if !t.json {
		return
	}
	_ = t.printJSON(map[string]any{"status": status, "error": map[string]string{
		"what": f.What, "detail": f.Detail, "untouched": f.Untouched, "hint": f.Hint}})
}

func (t *terminal) printJSON(value any) error {
	encoder := json.NewEncoder(t.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// indent puts the second and further lines under the first. What an app or a tool has
// written may not steer the terminal.
func indent(text, by string) string {
	return strings.ReplaceAll(strings.Map(printable, text), "\n", "\n"+by)
}

func printable(c rune) rune {
	if unicode.IsControl(c) && c != '\n' && c != '\t' {
		return -1
	}
	return c
}

// report prints what a command did. What is left for the user stands last, where
// it is seen.
func (t *terminal) report(r *install.Report) {
	if r.Diff != "" {
		fmt.Fprint(t.out, r.Diff)
	}
	if r.Headline != "" {
		fmt.Fprintln(t.out, r.Headline)
	}
	for _, f := range r.Files {
		fmt.Fprintf(t.out, "  %-6s %s\n", f.Action, f.Path)
	}
	t.packages(r.Packages)
	t.migration(r.Migration)
	t.routes(r.Routes)
	for _, note := range r.Notes {
		fmt.Fprintln(t.out, "note: "+note)
	}
	t.left(r.Left)
	for _, step := range r.Next {
		fmt.Fprintln(t.out, "next: "+step)
	}
}

// status prints what is installed: of the files only those that are not as they were
// written.
func (t *terminal) status(s *install.StatusReport) {
	if !s.Installed {
		fmt.Fprintln(t.out, "no sign-in is installed here\nnext: fastman install:auth")
		return
	}
	fmt.Fprintf(t.out, "%s %s, on %s, under %s\n", strings.Join(s.Types, ", "), s.Version, s.Stack, s.Prefix)
	if len(s.Providers) > 0 {
		fmt.Fprintln(t.out, "providers: "+strings.Join(s.Providers, ", "))
	}
	if s.UI {
		fmt.Fprintln(t.out, "page: "+s.Prefix+"/ui")
	}
	unchanged := 0
	for _, f := range append(s.Files, s.Edits...) {
		if f.State == install.StateUnchanged {
			unchanged++
			continue
		}
		fmt.Fprintf(t.out, "  %-9s %s\n", f.State, f.Path)
	}
	fmt.Fprintf(t.out, "  %d files as fastman left them\n", unchanged)
	if s.Pending {
		fmt.Fprintln(t.out, "an install was not finished\nnext: fastman install:auth")
	}
	t.update(s.Update)
}

func (t *terminal) update(u *install.Update) {
	switch {
	case u == nil:
		fmt.Fprintln(t.out, "up to date")
		return
	case u.Error != "":
		fmt.Fprintln(t.out, "what an update would bring could not be found out: "+indent(u.Error, "    "))
		return
	}
	fmt.Fprintf(t.out, "an update to %s would bring:\n", u.Version)
	for _, f := range u.Files {
		fmt.Fprintf(t.out, "  %-6s %s\n", f.Action, f.Path)
	}
	t.left(u.Left)
	fmt.Fprintln(t.out, "next: fastman update:auth")
}

func (t *terminal) left(all []install.Left) {
	for _, l := range all {
		fmt.Fprintln(t.out, "left to do: "+indent(l.What, "    "))
		fmt.Fprintln(t.out, "    "+indent(l.Do, "    "))
	}
}

func (t *terminal) packages(p *install.Packages) {
	if p == nil || len(p.Added)+len(p.Removed) == 0 {
		return
	}
	done, todo, packages := "packages", "install", p.Added
	if len(p.Removed) > 0 {
		done, todo, packages = "packages removed", "remove", p.Removed
	}
	if len(p.Commands) == 0 {
		fmt.Fprintf(t.out, "%s, with %s: %s\n", done, p.Manager, strings.Join(packages, " "))
		return
	}
	fmt.Fprintln(t.out, "packages to "+todo+":")
	for _, c := range p.Commands {
		fmt.Fprintln(t.out, "  "+c)
	}
}

func (t *terminal) migration(m *install.Migration) {
	switch {
	case m == nil:
	case m.Applied:
		fmt.Fprintf(t.out, "migration %s: applied\n", m.Revision)
	default:
		fmt.Fprintf(t.out, "migration %s: apply it with\n  %s\n", m.Revision, m.Command)
	}
}

func (t *terminal) routes(routes []install.Route) {
	if len(routes) == 0 {
		return
	}
	fmt.Fprintln(t.out, "routes:")
	for _, r := range routes {
		fmt.Fprintf(t.out, "  %-6s %s\n", r.Method, r.Path)
	}
}

// show prints what generate:key --show was asked for: the only secret that is
// ever printed.
func (t *terminal) show(key string) { fmt.Fprintln(t.out, key) }

func (t *terminal) demo(d install.DemoReady) {
	fmt.Fprintf(t.out, "%s is running; its code is in %s\n\n", d.URL, d.Dir)
	for _, r := range d.Routes {
		fmt.Fprintf(t.out, "  %-6s %s%s\n", r.Method, d.URL, r.Path)
	}
	if d.Docs != "" {
		fmt.Fprintf(t.out, "\n  docs   %s\n", d.Docs)
	}
	if d.Page != "" {
		fmt.Fprintf(t.out, "\nthe page to sign in with:\n  %s\n", d.Page)
	}
	if len(d.SignIn) > 0 {
		fmt.Fprintln(t.out, "\nsign in with a browser (stand-ins on this machine, not the real providers):")
	}
	for _, address := range d.SignIn {
		fmt.Fprintln(t.out, "  "+address)
	}
	if d.Realm != "" {
		fmt.Fprintf(t.out, "\nKeycloak is a stand-in on this machine, which lets anybody in, not a real one:\n  %s\n", d.Realm)
	}
	if d.Curl != "" {
		fmt.Fprintf(t.out, "\ntry it:\n%s\n", d.Curl)
	}
	if !d.Checked {
		fmt.Fprintln(t.out, "\nCtrl-C stops it")
	}
}

// verified prints what a verification found: what needs somebody's eyes stands last.
func (t *terminal) verified(r *verify.Report) {
	width := 0
	for _, c := range r.Cases {
		width = max(width, len(c.Name))
	}
	if r.Database != "" {
		fmt.Fprintf(t.out, "%-15s %s\n", "database", r.Database)
	}
	t.notApplicable(r)
	for _, outcome := range []verify.Outcome{verify.Listed, verify.Held, verify.NotJudged, verify.Failed} {
		for _, c := range r.Cases {
			if c.Outcome == outcome {
				t.verifiedCase(c, width)
			}
		}
	}
	for _, f := range r.Settings {
		fmt.Fprintf(t.out, "setting         %s: %s %s\n    cure: %s\n", f.File, f.Name, f.What, f.Cure)
	}
	if r.Status == "" {
		return // a list
	}
	n := r.Counts
	fmt.Fprintf(t.out, "%d held, %d failed, %d not judged, %d not applicable; %d settings to mend; %.0f s\n",
		n.Held, n.Failed, n.NotJudged, n.NotApplicable, n.Settings, r.Seconds)
}

// notApplicable counts the cases by the reason why they say nothing here.
func (t *terminal) notApplicable(r *verify.Report) {
	counts := map[string]int{}
	for _, c := range r.Cases {
		if c.Outcome == verify.NotApplicable {
			counts[c.Detail]++
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(t.out, "%-15s %d cases: %s\n", verify.NotApplicable, counts[reason], reason)
	}
}

func (t *terminal) verifiedCase(c verify.Result, width int) {
	line := fmt.Sprintf("%-15s %-*s", c.Outcome, width, c.Name)
	switch c.Outcome {
	case verify.Failed:
		fmt.Fprintf(t.out, "%s\n    %s\n", strings.TrimRight(line, " "), indent(c.Detail, "    "))
		if c.File != "" {
			fmt.Fprintf(t.out, "    look at %s\n", c.File)
		}
	case verify.NotJudged:
		fmt.Fprintf(t.out, "%s  %s\n", line, indent(c.Detail, "    "))
	case verify.Listed:
		fmt.Fprintf(t.out, "%s  %s\n", line, strings.TrimPrefix(c.Proof()+"; contract: "+c.Section, "; "))
	default:
		fmt.Fprintln(t.out, strings.TrimRight(line+"  "+c.Proof(), " "))
	}
}
