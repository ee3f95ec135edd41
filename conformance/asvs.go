package conformance

import (
	_ "embed"
	"strings"
)

//go:embed asvs.tsv
var asvs string

// Requirement is one of OWASP ASVS 5.0, in our words, and how a generated app meets it.
type Requirement struct {
	ID, Level, Text string
	Status          string // met, documented, not met, not applicable
	How             string
	FastAPI, Go     string // where in the code of each stack: "file: function"
	Test            string // of this repository, that shows what no request can
}

// Requirements are those that are about signing in, sessions and tokens.
func Requirements() (all []Requirement) {
	_, lines, _ := strings.Cut(asvs, "\n")
	for line := range strings.Lines(lines) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		all = append(all, Requirement{f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7]})
	}
	return all
}
