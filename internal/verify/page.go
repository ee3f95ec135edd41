package verify

import (
	"fmt"
	"slices"
	"strings"
)

// The page needs nothing but itself: no script, no address. What is said by colour is said
// in words, too; the colours have at least 4.5 to 1 against the ground, light and dark.
const pageHead = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Sign-in: %s</title>
<style>
:root{color-scheme:light dark;--line:#8886;--good:#146c33;--bad:#b3131f;--dim:#595959}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;overflow-wrap:break-word}
h1{font-size:1.6rem;margin:0}h2{font-size:1.2rem;margin:2.2rem 0 .5rem}h3{font-size:1rem;margin:1.4rem 0 .2rem}
p{margin:.3rem 0}.sum{font-size:1.1rem}small,.dim,.not-applicable{color:var(--dim)}
.held{color:var(--good)}.failed,.not-judged,.not-met{color:var(--bad)}
table{border-collapse:collapse;width:100%%}
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-top:1px solid var(--line)}
thead th{white-space:nowrap}tbody th{font-weight:400}.no{white-space:nowrap}
pre{white-space:pre-wrap;word-break:break-all;background:#8881;padding:.6rem;margin:.3rem 0;font-size:13px}
@media screen and (prefers-color-scheme:dark){:root{--good:#63d489;--bad:#ff8a80;--dim:#a6a6a6}}
@media screen and (max-width:40rem){thead{display:none}tr{display:block;border-top:1px solid var(--line);padding:.3rem 0}th,td{display:block;border:0;padding:0}tbody th{font-weight:600}.no{white-space:normal}}
@media print{:root{color-scheme:light}body{margin:0;max-width:none;font-size:10pt}tr,h2,h3{break-inside:avoid}h2,h3{break-after:avoid}}
</style>
</head>
<body>
<main>
`

// HTML is the report as one page that needs nothing else.
func (r *Report) HTML() []byte {
	var out strings.Builder
	fmt.Fprintf(&out, pageHead, escaped(r.verdict()))
	r.heading(&out)
	r.findings(&out, Failed, "Failed")
	r.findings(&out, NotJudged, "Not judged")
	r.settingsTable(&out)
	r.requirementsTable(&out)
	r.casesTable(&out, Held, "Held")
	r.casesTable(&out, Listed, "Cases")
	r.absentTable(&out)
	out.WriteString("<p><small>ASVS: OWASP Application Security Verification Standard 5.0. A case names the requirements that it is evidence for; one case alone need not be all the evidence that one asks for.</small></p>\n</main>\n</body>\n</html>\n")
	return []byte(out.String())
}

func (r *Report) verdict() string {
	if r.Status == "" {
		return "what would be tried out"
	}
	return words(string(r.Status))
}

// words is an outcome as people write it: "not judged".
func words(outcome string) string { return strings.ReplaceAll(outcome, "-", " ") }

func (r *Report) heading(out *strings.Builder) {
	kinds := strings.Join(append(append([]string{}, r.Types...), r.Providers...), ", ")
	fmt.Fprintf(out, "<h1>Sign-in: <span class=\"%s\">%s</span></h1>\n", r.Status, escaped(r.verdict()))
	if n := r.Counts; r.Status != "" {
		fmt.Fprintf(out, "<p class=\"sum\">%d held, %d failed, %d not judged, %d not applicable; %d settings to mend</p>\n",
			n.Held, n.Failed, n.NotJudged, n.NotApplicable, n.Settings)
	}
	fmt.Fprintf(out, "<p>%s on %s, under %s. Tried out: %s. Made by fastman %s, begun %s, in %.0f s.</p>\n",
		escaped(kinds), escaped(r.Stack), escaped(r.Prefix), escaped(r.Target), escaped(r.Fastman), r.Started.Format("2006-01-02 15:04:05 MST"), r.Seconds)
}

func (r *Report) of(outcome Outcome) []Result {
	return slices.DeleteFunc(slices.Clone(r.Cases), func(c Result) bool { return c.Outcome != outcome })
}

// findings are cases with what was seen.
func (r *Report) findings(out *strings.Builder, outcome Outcome, title string) {
	for i, c := range r.of(outcome) {
		if i == 0 {
			fmt.Fprintf(out, "<h2 class=\"%s\">%s</h2>\n", outcome, title)
		}
		fmt.Fprintf(out, "<h3>%s</h3>\n<p class=\"dim\">%s</p>\n<pre>%s</pre>\n",
			escaped(c.Name), escaped(strings.Join(filled(c.Section, c.Proof()), "; ")), escaped(c.Detail))
		if c.File != "" {
			fmt.Fprintf(out, "<p>look at <code>%s</code></p>\n", escaped(c.File))
		}
	}
}

func filled(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

// table writes rows of cells that are escaped already; the first of each heads its row. A
// title of "" is one that stands above.
func table(out *strings.Builder, title string, columns []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	if title != "" {
		fmt.Fprintf(out, "<h2>%s</h2>\n", title)
	}
	fmt.Fprintf(out, "<table>\n<thead><tr><th scope=\"col\">%s</th></tr></thead>\n<tbody>\n", strings.Join(columns, "</th><th scope=\"col\">"))
	for _, row := range rows {
		fmt.Fprintf(out, "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n", row[0], strings.Join(row[1:], "</td><td>"))
	}
	out.WriteString("</tbody>\n</table>\n")
}

func (r *Report) settingsTable(out *strings.Builder) {
	var rows [][]string
	for _, f := range r.Settings {
		rows = append(rows, []string{escaped(f.Name) + "<br><small>" + escaped(f.File) + "</small>", escaped(f.What), escaped(f.Cure), escaped(f.against())})
	}
	table(out, "Settings to mend", []string{"Setting", "Finding", "Cure", "Against"}, rows)
}

func (r *Report) casesTable(out *strings.Builder, outcome Outcome, title string) {
	var rows [][]string
	for _, c := range r.of(outcome) {
		rows = append(rows, []string{escaped(c.Name), escaped(c.Section), escaped(c.Proof())})
	}
	table(out, title, []string{"Case", "Of the contract", "Evidence for"}, rows)
}

// absentTable is what says nothing here, by the reason.
func (r *Report) absentTable(out *strings.Builder) {
	names, reasons := map[string][]string{}, []string{}
	for _, c := range r.of(NotApplicable) {
		if names[c.Detail] == nil {
			reasons = append(reasons, c.Detail)
		}
		names[c.Detail] = append(names[c.Detail], escaped(c.Name))
	}
	var rows [][]string
	for _, reason := range reasons {
		rows = append(rows, []string{escaped(reason), "<small>" + strings.Join(names[reason], ", ") + "</small>"})
	}
	table(out, "Not applicable", []string{"Why", "Cases"}, rows)
}
