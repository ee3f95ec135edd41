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
		c.properties(&out)
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

// properties name what a case shows, where build servers look for such things.
func (c Case) properties(out *strings.Builder) {
	out.WriteString("<properties>")
	for _, p := range [][2]string{{"contract", c.Section}, {"asvs", strings.Join(c.ASVS, ", ")}, {"rfc", strings.Join(c.RFC, "; ")}} {
		if p[1] != "" {
			fmt.Fprintf(out, "<property name=\"%s\" value=\"%s\"/>", p[0], escaped(p[1]))
		}
	}
	out.WriteString("</properties>")
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
