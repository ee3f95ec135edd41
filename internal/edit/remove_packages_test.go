package edit

import (
	"encoding/binary"
	"strings"
	"testing"
)

var ours = []string{"PyJWT>=2", "psycopg[binary]>=3"}

// What was added goes, and the file is as it was: line ends, mark, last line.
func TestRequirementsThereAndBack(t *testing.T) {
	for _, src := range []string{
		"", "fastapi\n", "fastapi", "fastapi\r\n", "fastapi\r\nx", "\ufefffastapi\n", "\ufeff", "# pyjwt\n-r base.txt\n\n# end",
		string(encodeUTF16([]byte("\ufefffastapi==0.1\r\n"), binary.LittleEndian)),
	} {
		added := RequirementsAdd([]byte(src), ours)
		r := RequirementsRemove(added.Out, ours)
		if r.Status != Done || string(r.Out) != src {
			t.Errorf("%q: %v %q", src, r.Status, r.Out)
		}
		if again := RequirementsRemove(r.Out, ours); again.Status != AlreadyThere {
			t.Errorf("%q: again: %q", src, again.Out)
		}
	}
}

// The user's own lines stay to the byte, whatever was done to ours since.
func TestRequirementsRemove(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"raised", "a\nPyJwt == 2.14 # raised\nb\n", "a\nb\n"},
		{"between comments", "# web\nfastapi\n\n# ours\npyjwt\n# more\nx\n", "# web\nfastapi\n\n# ours\n# more\nx\n"},
		{"continued", "a\npyjwt==2 \\\n  --hash=x \\\n  --hash=y\nb", "a\nb"},
		{"the last, without an end", "a\r\npyjwt", "a"},
		{"comment that ends in a backslash", "# why \\\npyjwt\nb\n", "# why \\\nb\n"},
		{"similar", "pyjwt-extra\npyjwt\n", "pyjwt-extra\n"},
		{"marker", "psycopg[binary]>=3; sys_platform == 'linux'\nb\n", "b\n"},
	} {
		if r := RequirementsRemove([]byte(c.src), ours); r.Status != Done || string(r.Out) != c.want {
			t.Errorf("%s: %v %q", c.name, r.Status, r.Out)
		}
	}
	for _, src := range []string{"a\x00pyjwt", "\xff\xfea"} {
		if r := RequirementsRemove([]byte(src), ours); r.Status != CannotPlace || string(r.Out) != src || r.Reason == "" {
			t.Errorf("%q: %+v", src, r)
		}
	}
}

// What was added to an array goes, and its style, comments and neighbours are as they
// were; so is a file that had no such array.
func TestPyprojectThereAndBack(t *testing.T) {
	for _, c := range []struct{ array, src string }{
		{"project.dependencies", "[project]\ndependencies = [\n  \"fastapi\",  # web\n]\n"},
		{"project.dependencies", "[project]\ndependencies = [\n\t\"fastapi\" # web, \"x\"]\n]\n"},
		{"project.dependencies", "[project]\ndependencies = [\n  'fastapi'\n]\n"},
		{"project.dependencies", "[project]\ndependencies = [\"a\",\n                \"b\"]\nname = \"x\"\n"},
		{"project.dependencies", "[project]\ndependencies = [\"a[x]\", \"b\"] # why\n"},
		{"project.dependencies", "[project]\ndependencies = [\"a\",]\n"},
		{"project.dependencies", "[project]\ndependencies = []\n"},
		{"project.dependencies", "[project]\ndependencies = [\n    # none\n]\n"},
		{"project.dependencies", "\ufeff[project]\r\ndependencies = [\r\n  \"a\",\r\n]\r\n"},
		{"project.dependencies", "project.name = \"x\"\nproject.dependencies = [\"a\"]\n"},
		{"dependency-groups.dev", "[dependency-groups]\ndev = [\n  {include-group = \"test\"},\n]\n"},
	} {
		added := PyprojectAdd([]byte(c.src), c.array, ours)
		r := PyprojectRemove(added.Out, c.array, ours)
		if r.Status != Done || string(r.Out) != c.src {
			t.Errorf("%q: %v %s\n%s", c.src, r.Status, r.Reason, r.Out)
		}
		if again := PyprojectRemove(r.Out, c.array, ours); again.Status != AlreadyThere {
			t.Errorf("%q: again: %s", c.src, again.Out)
		}
	}
	for _, src := range []string{
		"[project]\nname = \"x\"\n", "[project]\r\nname = \"x\"\r\n", "[tool.x]\na = 1\n\n[dependency-groups]\ntest = []\n\n[tool.y]\nb = 1\n",
		"[dependency-groups]\ntest = []",
	} {
		added := PyprojectAdd([]byte(src), "dependency-groups.dev", ours)
		removed := PyprojectRemove(added.Out, "dependency-groups.dev", ours)
		if r := PyprojectPrune(removed.Out, "dependency-groups.dev"); r.Status != Done || string(r.Out) != src && string(r.Out) != src+"\n" {
			t.Errorf("%q: %v\n%s", src, r.Status, r.Out)
		}
	}
}

// Only ours goes, from arrays and from tables, after a formatter and after the user.
func TestPyprojectRemove(t *testing.T) {
	const deps, poetry = "project.dependencies", "tool.poetry.dependencies"
	for _, c := range []struct{ name, section, src, want string }{
		{"first", deps, "[project]\ndependencies = [\"pyjwt\", \"a\"]\n", "[project]\ndependencies = [\"a\"]\n"},
		{"middle", deps, "[project]\ndependencies = [\"a\", \"pyjwt\", \"psycopg\", \"b\"]\n", "[project]\ndependencies = [\"a\", \"b\"]\n"},
		{"sorted in", deps, "[project]\ndependencies = [\n    \"a\",\n    \"psycopg\", # ours\n    # mine\n    \"pyjwt>=2.12\",\n    \"z\",\n]\n",
			"[project]\ndependencies = [\n    \"a\",\n    # mine\n    \"z\",\n]\n"},
		{"comma first", deps, "[project]\ndependencies = [\n    \"a\"\n  , \"pyjwt\"\n  , \"z\"\n]\n", "[project]\ndependencies = [\n    \"a\"\n  , \"z\"\n]\n"},
		{"comma first, last", deps, "[project]\ndependencies = [\n    \"a\"\n  , \"pyjwt\"\n]\n", "[project]\ndependencies = [\n    \"a\"\n]\n"},
		{"in parentheses", deps, "[project]\ndependencies = [\n    \"a\",\n    \"pyjwt (>=2,<3)\"\n]\n", "[project]\ndependencies = [\n    \"a\"\n]\n"},
		{"table", poetry, "[tool.poetry.dependencies]\npython = \"^3.11\"\n# mine\npyjwt = \"^2\" # ours\npsycopg = {version = \"^3\",\n  extras = [\"binary\"]}\nz = \"*\"\n",
			"[tool.poetry.dependencies]\npython = \"^3.11\"\n# mine\nz = \"*\"\n"},
		{"dotted", poetry, "[tool.poetry]\ndependencies.PyJWT.version = \"^2\"\ndependencies.a = \"*\"\n", "[tool.poetry]\ndependencies.a = \"*\"\n"},
		{"Pipfile", "packages", "[packages]\na = \"*\"\npyjwt = \">=2\"\n\n[dev-packages]\npyjwt = \"*\"\n", "[packages]\na = \"*\"\n\n[dev-packages]\npyjwt = \"*\"\n"},
		{"beside a table", "packages", "[packages]\npyjwt = \"*\"\n[packages.a]\nversion = \"*\"\n", "[packages]\n[packages.a]\nversion = \"*\"\n"},
		{"no last newline", "packages", "[packages]\r\na = \"*\"\r\npyjwt = \">=2\"", "[packages]\r\na = \"*\"\r\n"},
	} {
		r := PyprojectRemove([]byte(c.src), c.section, ours)
		if r.Status != Done || string(r.Out) != c.want {
			t.Errorf("%s: %v %s\n%q", c.name, r.Status, r.Reason, r.Out)
		}
	}
}

// What can't be cut with certainty is left, with the reason; a table with something in
// it is not pruned.
func TestPyprojectRemoveRefused(t *testing.T) {
	for src, reason := range map[string]string{
		"[packages\n":                               "not valid TOML",
		"packages = {pyjwt = \"*\"}\n":              "can't be edited",
		"[packages]\na = \"*\"\n[packages.pyjwt]\n": "can't be edited",
	} {
		r := PyprojectRemove([]byte(src), "packages", ours)
		if r.Status != CannotPlace || string(r.Out) != src || !strings.Contains(r.Reason, reason) || !strings.Contains(r.Snippet, ours[0]) {
			t.Errorf("%q: %+v", src, r)
		}
	}
	for src, want := range map[string]string{
		"[dependency-groups]\ndev = []\n# mine\n":    "[dependency-groups]\n# mine\n",
		"[dependency-groups]\ndev = [\"a\"]\n":       "[dependency-groups]\ndev = [\"a\"]\n",
		"[dependency-groups]\ndev = []\ntest = []\n": "[dependency-groups]\ntest = []\n",
		"[x]\n": "[x]\n",
	} {
		if r := PyprojectPrune([]byte(src), "dependency-groups.dev"); string(r.Out) != want {
			t.Errorf("%q: %q", src, r.Out)
		}
	}
}
