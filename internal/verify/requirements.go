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

// requirementsOf are those that the cases of a run have something to say about, and
// those that no case can.
func requirementsOf(cases []Result) []Requirement {
	all := []Requirement{}
	for _, r := range conformance.Requirements() {
		about := slices.DeleteFunc(slices.Clone(cases), func(c Result) bool { return !slices.Contains(c.ASVS, r.ID) })
		asked := len(about) > 0 || !hasCase(r.ID)
		if !asked {
			continue // --only left them out
		}
		one := Requirement{ID: r.ID, Level: r.Level, Text: r.Text, How: r.How, Outcome: outcomeOf(r.Status, about)}
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
	out.WriteString("<h2>OWASP ASVS 5.0</h2>\n<table><tr><th>No.<th>Level<th>Requirement, in our words<th>Evidence<th>Outcome</tr>\n")
	for _, one := range r.Requirements {
		var cases []string
		for _, name := range one.Cases {
			cases = append(cases, fmt.Sprintf("<span class=\"%s\">%s</span>", outcomes[name], escaped(name)))
		}
		fmt.Fprintf(out, "<tr><td>%s<td>%s<td>%s<br><small>%s</small><td><small>%s</small><td><b class=\"%s\">%s</b></tr>\n",
			escaped(one.ID), escaped(one.Level), escaped(one.Text), escaped(one.How), strings.Join(cases, ", "), one.Outcome, one.Outcome)
	}
	out.WriteString("</table>\n")
}
