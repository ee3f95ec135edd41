package verify

import (
	"fmt"
	"html"
	"strings"
)

// Proof names what a case is evidence of: "ASVS 9.2.1; RFC 7519 4.1.4".
func (c Case) Proof() string {
	parts := append([]string{}, c.RFC...)
	if len(c.ASVS) > 0 {
		parts = append([]string{"ASVS " + strings.Join(c.ASVS, ", ")}, parts...)
	}
	return strings.Join(parts, "; ")
}

// JUnit is the report for a server that builds and tests.
func (r *Report) JUnit() []byte {
	var out strings.Builder
	n := r.Counts
	fmt.Fprintf(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"fastman verify:auth\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" time=\"%.3f\">\n",
		len(r.Cases)+len(r.Settings), n.Failed+n.Settings, n.NotApplicable+n.NotJudged, r.Seconds)
	if r.Database != "" {
		fmt.Fprintf(&out, "<properties><property name=\"database\" value=\"%s\"/></properties>\n", escaped(r.Database))
	}
	for _, c := range r.Cases {
		group, name, _ := strings.Cut(c.Name, "/")
		fmt.Fprintf(&out, "<testcase classname=\"%s\" name=\"%s\" time=\"%.3f\">", escaped(group), escaped(name), c.Seconds)
		switch c.Outcome {
		case Failed:
			fmt.Fprintf(&out, "<failure message=\"%s\">%s</failure>", escaped(firstLine(c.Detail)), escaped(c.Detail))
		case NotApplicable, NotJudged:
			fmt.Fprintf(&out, "<skipped message=\"%s\"/>", escaped(c.Detail))
		}
		out.WriteString("</testcase>\n")
	}
	for _, f := range r.Settings {
		fmt.Fprintf(&out, "<testcase classname=\"production\" name=\"%s\"><failure message=\"%s\">%s</failure></testcase>\n",
			escaped(f.File+" "+f.Name), escaped(f.What), escaped(f.Cure))
	}
	out.WriteString("</testsuite>\n</testsuites>\n")
	return []byte(out.String())
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// escaped is text as XML and HTML take it: without the control characters that XML has
// no form for.
func escaped(text string) string {
	return html.EscapeString(strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' || c == 0xFFFE || c == 0xFFFF {
			return -1
		}
		return c
	}, text))
}

const pageHead = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Sign-in, verified</title>
<style>
:root{color-scheme:light dark;--line:#8884;--good:#17803d;--bad:#c01c28;--dim:#777}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p.sum{font-size:1.1rem}b.held{color:var(--good)}b.failed,b.not-judged{color:var(--bad)}b.not-applicable{color:var(--dim);font-weight:400}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-top:1px solid var(--line)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#8881;padding:.6rem;margin:.3rem 0;font-size:13px}
td:first-child{overflow-wrap:anywhere}small{color:var(--dim)}
@media print{body{margin:0;max-width:none}}
</style></head><body>
`

// HTML is the report as one page that needs nothing else.
func (r *Report) HTML() []byte {
	var out strings.Builder
	out.WriteString(pageHead)
	kinds := strings.Join(append(append([]string{}, r.Types...), r.Providers...), ", ")
	fmt.Fprintf(&out, "<h1>Sign-in, verified</h1>\n<p>%s on %s, under %s. Tried out: %s. Made by fastman %s, begun %s.</p>\n",
		escaped(kinds), escaped(r.Stack), escaped(r.Prefix), escaped(r.Target), escaped(r.Fastman), r.Started.Format("2006-01-02 15:04:05 MST"))
	n := r.Counts
	fmt.Fprintf(&out, "<p class=\"sum\"><b class=\"%s\">%s</b> — %d held, %d failed, %d not judged, %d not applicable; %d settings to mend; %.0f s</p>\n",
		r.Status, r.Status, n.Held, n.Failed, n.NotJudged, n.NotApplicable, n.Settings, r.Seconds)
	r.settingsTable(&out)
	for _, outcome := range []Outcome{Failed, NotJudged, Held, NotApplicable} {
		r.casesTable(&out, outcome)
	}
	out.WriteString("<p><small>ASVS: OWASP Application Security Verification Standard 5.0. A case names the requirements that it is evidence for; one case alone need not be all the evidence that one asks for.</small></p>\n</body></html>\n")
	return []byte(out.String())
}

func (r *Report) settingsTable(out *strings.Builder) {
	if len(r.Settings) == 0 {
		return
	}
	out.WriteString("<h2>Settings to mend</h2>\n<table><tr><th>Where<th>What<th>Cure</tr>\n")
	for _, f := range r.Settings {
		fmt.Fprintf(out, "<tr><td>%s<td>%s %s<td>%s</tr>\n", escaped(f.File), escaped(f.Name), escaped(f.What), escaped(f.Cure))
	}
	out.WriteString("</table>\n")
}

func (r *Report) casesTable(out *strings.Builder, outcome Outcome) {
	first := true
	for _, c := range r.Cases {
		if c.Outcome != outcome {
			continue
		}
		if first {
			fmt.Fprintf(out, "<h2><b class=\"%s\">%s</b></h2>\n<table><tr><th>Case<th>Of the contract<th>Evidence for</tr>\n", outcome, outcome)
			first = false
		}
		fmt.Fprintf(out, "<tr><td>%s<td>%s<td>%s</tr>\n", escaped(c.Name), escaped(c.Section), escaped(c.Proof()))
		if c.Detail != "" && outcome != NotApplicable {
			fmt.Fprintf(out, "<tr><td colspan=3><pre>%s</pre>%s</tr>\n", escaped(c.Detail), lookAt(c.File))
		} else if c.Detail != "" {
			fmt.Fprintf(out, "<tr><td colspan=3><small>%s</small></tr>\n", escaped(c.Detail))
		}
	}
	if !first {
		out.WriteString("</table>\n")
	}
}

func lookAt(file string) string {
	if file == "" {
		return ""
	}
	return "<small>look at " + escaped(file) + "</small>"
}
