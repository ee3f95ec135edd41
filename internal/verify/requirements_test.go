package verify

import (
	"strings"
	"testing"
)

// A requirement holds when all its cases do; what is not installed takes nothing away,
// and what could not be tried out is said.
func TestRequirementOutcomes(t *testing.T) {
	absent := Result{Outcome: NotApplicable, Detail: notInstalled + "oauth"}
	untried := Result{Outcome: NotApplicable, Detail: "changes data"}
	held, failed, unjudged := Result{Outcome: Held}, Result{Outcome: Failed}, Result{Outcome: NotJudged}
	for want, all := range map[Outcome][][]Result{
		Held:          {{held}, {held, absent}, {held, untried}},
		Failed:        {{failed}, {held, failed, unjudged, absent}},
		NotJudged:     {{unjudged}, {held, unjudged}, {untried}, {untried, absent}},
		NotApplicable: {{absent}, {absent, absent}},
		Documented:    {nil},
	} {
		for _, about := range all {
			if have := outcomeOf("met", about); have != want {
				t.Errorf("%+v: %s, want %s", about, have, want)
			}
		}
	}
	for _, one := range requirementsOf(nil, []Finding{}) {
		if one.ID == secretsInSource && one.Outcome != Held {
			t.Errorf("with no secret found, %s is %s", one.ID, one.Outcome)
		}
	}
	if have := outcomeOf("not met", []Result{held}); have != NotMet {
		t.Errorf("what no app meets is %s", have)
	}
}

// An auditor finds each requirement with its evidence on the page, and a build server
// what a case is evidence for.
func TestFormatsShowEvidence(t *testing.T) {
	r := &Report{Cases: []Result{
		{Case: Case{"token/exp-has-no-leeway", "Access token: exp <with>", []string{"9.2.1"}, []string{"RFC 7519 4.1.4"}}, Outcome: Held},
		{Case: Case{"refresh/an-idle-session-is-over", "Settings", []string{"7.3.1"}, nil}, Outcome: Failed, Detail: "status 200"},
	}}
	r.Settings = []Finding{{".env", "SECRET_KEY", "is in version control", "take it out", "13.3.1"}}
	r.settle()
	page, junit := string(r.HTML()), string(r.JUnit())
	for _, part := range []string{
		"<p>Level 2: 2 failed, ", "9.2.1, L1</span></th><td>Token accepted only inside its validity span", "<small>token/exp-has-no-leeway</small>",
		"<td><small>refresh/an-idle-session-is-over <b class=\"failed\">(failed)</b></small></td><td><span class=\"no failed\">failed</span>",
		"SECRET_KEY<br><small>.env</small></th><td>is in version control</td><td>take it out</td><td>ASVS 13.3.1</td>", "No secrets in source<br>", "<td>Access token: exp &lt;with&gt;</td><td>ASVS 9.2.1; RFC 7519 4.1.4",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	for _, one := range r.Requirements {
		if one.ID == "13.3.1" && one.Outcome != Failed {
			t.Errorf("a secret in version control leaves 13.3.1 %s", one.Outcome)
		}
	}
	for _, part := range []string{`<property name="contract" value="Access token: exp &lt;with&gt;"/>`, `<property name="asvs" value="9.2.1"/>`, `<property name="rfc" value="RFC 7519 4.1.4"/>`} {
		if !strings.Contains(junit, part) {
			t.Errorf("JUnit lacks %q", part)
		}
	}
}
