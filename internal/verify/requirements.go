package verify

import (
	"fmt"
	"slices"
	"strings"

	"fastman/conformance"
)

// Requirement is one of OWASP ASVS 5.0, the cases that are evidence for it, and what came
// out of them.
type Requirement struct {
	ID      string   `json:"id"`
	Level   string   `json:"level"`
	Text    string   `json:"text"`
	How     string   `json:"how"`
	Cases   []string `json:"cases,omitempty"`
	Outcome Outcome  `json:"outcome"`
}

// Outcomes of a requirement beside those of its cases.
const (
	NotMet     Outcome = "not-met"    // by any generated app; How says why
	Documented Outcome = "documented" // no request can show it
)

// secretsInSource is what checkSettings looks for, and no case can.
const secretsInSource = "13.3.1"

// requirementsOf are those that the cases of a run have something to say about, and
// those that no case can.
func requirementsOf(cases []Result, settings []Finding) []Requirement {
	all := []Requirement{}
	for _, r := range conformance.Requirements() {
		about := slices.DeleteFunc(slices.Clone(cases), func(c Result) bool { return !slices.Contains(c.ASVS, r.ID) })
		asked := len(about) > 0 || !hasCase(r.ID)
		if !asked {
			continue // --only left them out
		}
		one := Requirement{ID: r.ID, Level: r.Level, Text: r.Text, How: r.How, Outcome: outcomeOf(r.Status, about)}
		switch {
		case slices.ContainsFunc(settings, func(f Finding) bool { return f.ASVS == r.ID }):
			one.Outcome = Failed
		case settings != nil && r.ID == secretsInSource:
			one.Outcome = Held
		}
		for _, c := range about {
			one.Cases = append(one.Cases, c.Name)
		}
		all = append(all, one)
	}
	return all
}

func hasCase(id string) bool {
	return slices.ContainsFunc(conformance.Cases(everything), func(c conformance.Case) bool { return slices.Contains(c.ASVS, id) })
}

// outcomeOf is what cases say of a requirement together: the worst of them. That what is
// not installed says nothing takes nothing away.
func outcomeOf(status string, about []Result) Outcome {
	has := func(outcome Outcome) bool {
		return slices.ContainsFunc(about, func(c Result) bool { return c.Outcome == outcome })
	}
	absent := func(c Result) bool {
		return c.Outcome == NotApplicable && strings.HasPrefix(c.Detail, notInstalled)
	}
	switch {
	case status == "not met":
		return NotMet
	case status == "not applicable":
		return NotApplicable
	case len(about) == 0:
		return Documented
	case has(Failed):
		return Failed
	case has(Listed):
		return Listed
	case has(NotJudged):
		return NotJudged
	case has(Held):
		return Held
	case !slices.ContainsFunc(about, func(c Result) bool { return !absent(c) }):
		return NotApplicable
	}
	return NotJudged // installed, and tried out nowhere
}

// requirementsTable is what an auditor reads first: requirement, evidence, outcome.
func (r *Report) requirementsTable(out *strings.Builder) {
	outcomes := map[string]Outcome{}
	for _, c := range r.Cases {
		outcomes[c.Name] = c.Outcome
	}
	out.WriteString("<h2>OWASP ASVS 5.0</h2>\n")
	for _, level := range []string{"1", "2", "3"} {
		fmt.Fprintf(out, "<p>Level %s: %s</p>\n", level, r.levelled(level))
	}
	var rows [][]string
	for _, one := range r.Requirements {
		var cases []string
		for _, name := range one.Cases {
			cases = append(cases, evidence(name, outcomes[name]))
		}
		rows = append(rows, []string{`<span class="no">` + escaped(one.ID) + ", L" + escaped(one.Level) + "</span>", escaped(one.Text) + "<br><small>" + escaped(one.How) + "</small>",
			"<small>" + strings.Join(cases, ", ") + "</small>", fmt.Sprintf("<span class=\"no %s\">%s</span>", one.Outcome, words(string(one.Outcome)))})
	}
	table(out, "", []string{"No., level", "Requirement, in our words", "Evidence", "Outcome"}, rows)
}

// evidence is a case, with its outcome where that is not what one wants to see.
func evidence(name string, outcome Outcome) string {
	if outcome != Failed && outcome != NotJudged {
		return escaped(name)
	}
	return fmt.Sprintf("%s <b class=\"%s\">(%s)</b>", escaped(name), outcome, words(string(outcome)))
}

// levelled counts the requirements of a level by their outcome.
func (r *Report) levelled(level string) string {
	counts := map[Outcome]int{}
	for _, one := range r.Requirements {
		if one.Level == level {
			counts[one.Outcome]++
		}
	}
	var parts []string
	for _, outcome := range []Outcome{Failed, NotJudged, Held, Listed, Documented, NotMet, NotApplicable} {
		if n := counts[outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words(string(outcome))))
		}
	}
	return strings.Join(parts, ", ")
}

// against names the requirement that a setting breaks.
func (f Finding) against() string {
	if f.ASVS == "" {
		return ""
	}
	return "ASVS " + f.ASVS
}
