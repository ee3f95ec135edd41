package deps

import (
	"iter"
	"path"
	"regexp"
	"strings"

	"fastman/internal/edit"
)

// Trace is how the use of a package shows in source text.
type Trace struct {
	Imports []string // modules, "jwt"; of Go: a path, which stands for all below it
	Words   []string // names of others that work only with the package: "EmailStr", "Form("
}

// Traces are those of packages, by name.
type Traces map[string]Trace

// Of returns the modules and words of a requirement's package; without a trace it is
// imported by its name.
func (t Traces) Of(requirement string) (modules, words []string) {
	name := edit.PackageName(requirement)
	for known, trace := range t {
		if edit.PackageName(known) == name {
			return trace.Imports, trace.Words
		}
	}
	path, _, _ := strings.Cut(requirement, "@")
	if strings.Contains(path, "/") {
		return []string{path}, nil
	}
	return []string{strings.ReplaceAll(name, "-", "_")}, nil
}

// Search returns a Removal's Uses over the text of the files that stay, by path: those
// of the user, without what is emitted. It takes a comment for code rather than miss
// a use.
func Search(files iter.Seq2[string, []byte]) func(modules, words []string) string {
	return func(modules, words []string) string {
		python, golang := pythonUse(modules, words), goUse(modules)
		for file, text := range files {
			use := python
			if path.Ext(file) == ".go" {
				use = golang
			}
			if use.Match(text) {
				return file
			}
		}
		return ""
	}
}

// pythonUse finds an import statement that names one of the modules, a call that
// imports it by its name, or one of the words as a whole word.
func pythonUse(modules, words []string) *regexp.Regexp {
	module := "(?:" + strings.Join(quoteAll(modules), "|") + `)\b`
	forms := []string{
		`(?m)(?:^|[;:])[ \t]*(?:from[ \t]+` + module + `|import[ \t]+(?:[^\n#;]*,[ \t]*)?` + module + `)`,
		`(?:import_module|__import__|importorskip)\(\s*["']` + module,
	}
	for _, word := range quoteAll(words) {
		if strings.IndexByte(")(:\"'", word[len(word)-1]) < 0 {
			word += `\b`
		}
		forms = append(forms, `(?:^|\W)`+word)
	}
	return regexp.MustCompile(strings.Join(forms, "|"))
}

// goUse finds an import of one of the modules or of a package in it.
func goUse(modules []string) *regexp.Regexp {
	return regexp.MustCompile("[\"`](?:" + strings.Join(quoteAll(modules), "|") + ")[/\"`]")
}

func quoteAll(all []string) []string {
	var quoted []string
	for _, s := range all {
		quoted = append(quoted, regexp.QuoteMeta(s))
	}
	return quoted
}
