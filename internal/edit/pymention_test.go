package edit

import (
	"fmt"
	"strings"
	"testing"
)

// Code that needs a module is found however the import of it is written.
func TestModulesAreFound(t *testing.T) {
	for src, want := range map[string]string{
		"from a.b import c": "1 a.b [c]",
		"from a import (\n    b,  # why\n    c as d,\n)": "1 a [b c]",
		"from . import b":                           "1 . [b]",
		"from ..a.b import \\\n    c, d\nx = 1":     "1 ..a.b [c d]",
		"import a.b.c as m, d":                      "1 a.b.c []\n1 d []",
		"x = 1; from a import b; y = 2":             "1 a [b]",
		"try: import a.b\nexcept ImportError: pass": "1 a.b []",
		"def f():\n\tif x:\n\t\tfrom a import b\n":  "3 a [b]",
		"import_module('a.b')":                      "1 'a.b' []",
		"import_module(\".a.b\", __package__)":      "1 '.a.b' []",
		"run(\"a.b:app\")":                          "1 'a.b' []",
		"\r\nfrom a import b\r\nimport c":           "2 a [b]\n3 c []",
		"raise A from b\nyield from c":              "",
		"\"\"\"\nfrom a import b\n\"\"\"":           "",
		"# import a":                                "",
		"open('a.b c')":                             "",
		"from a import *":                           "1 a [*]",
		"from":                                      "",
		"import":                                    "",
		"from a import":                             "1 a []",
	} {
		var lines []string
		for _, m := range PyMentions([]byte(src)) {
			if m.Quoted {
				m.Module = "'" + m.Module + "'"
			}
			lines = append(lines, fmt.Sprint(m.Line, " ", m.Module, " ", m.Names))
		}
		if got := strings.Join(lines, "\n"); got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", src, got, want)
		}
	}
}
