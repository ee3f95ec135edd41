package edit

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// Packages are appended in the file's own style; one that is named there in any
// spelling stays as it is.
func TestRequirementsAdd(t *testing.T) {
	specs := []string{"PyJWT>=2.8", "bcrypt>=4.1"}
	cases := []struct{ name, src, want string }{
		{"no file", "", "PyJWT>=2.8\nbcrypt>=4.1\n"},
		{"plain", "fastapi\n", "fastapi\nPyJWT>=2.8\nbcrypt>=4.1\n"},
		{"no last newline", "fastapi", "fastapi\nPyJWT>=2.8\nbcrypt>=4.1"},
		{"crlf", "fastapi\r\n", "fastapi\r\nPyJWT>=2.8\r\nbcrypt>=4.1\r\n"},
		{"bom", "\ufeffbcrypt\n", "\ufeffbcrypt\nPyJWT>=2.8\n"},
		{"pinned", "pyjwt==1.7.1  # old\n", "pyjwt==1.7.1  # old\nbcrypt>=4.1\n"},
		{"extras", "PyJWT[crypto] >= 2 ; python_version > '3'\n", "PyJWT[crypto] >= 2 ; python_version > '3'\nbcrypt>=4.1\n"},
		{"from git", "-e git+https://example.org/x.git#egg=PyJWT\n", "-e git+https://example.org/x.git#egg=PyJWT\nbcrypt>=4.1\n"},
		{"url", "bcrypt @ https://example.org/bcrypt.whl\n", "bcrypt @ https://example.org/bcrypt.whl\nPyJWT>=2.8\n"},
		{"comment", "# bcrypt\n", "# bcrypt\nPyJWT>=2.8\nbcrypt>=4.1\n"},
		{"similar name", "bcrypt-tool\n", "bcrypt-tool\nPyJWT>=2.8\nbcrypt>=4.1\n"},
	}
	for _, c := range cases {
		r := RequirementsAdd([]byte(c.src), specs)
		if r.Status != Done || string(r.Out) != c.want {
			t.Errorf("%s: %v %q", c.name, r.Status, r.Out)
		}
		if again := RequirementsAdd(r.Out, specs); again.Status != AlreadyThere {
			t.Errorf("%s: again: %q", c.name, again.Out)
		}
	}
}

// The file that "pip freeze >" makes in PowerShell stays in its encoding.
func TestRequirementsUTF16(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		src := encodeUTF16([]byte("\ufefffastapi==0.1\r\npyjwt==2\r\n"), order)
		r := RequirementsAdd(src, []string{"PyJWT", "bcrypt"})
		if want := encodeUTF16([]byte("\ufefffastapi==0.1\r\npyjwt==2\r\nbcrypt\r\n"), order); string(r.Out) != string(want) {
			t.Errorf("%v %q", r.Status, r.Out)
		}
	}
}

// Where a line would break the install or the file can't be read, it is left.
func TestRequirementsRefused(t *testing.T) {
	for _, src := range []string{"a==1 --hash=sha256:00\n", "--require-hashes\n", "a\x00b", "\xff\xfea", "\xff\xfe\x00\xd8"} {
		if r := RequirementsAdd([]byte(src), []string{"bcrypt"}); r.Status != CannotPlace || string(r.Out) != src || r.Reason == "" {
			t.Errorf("%q: %+v", src, r)
		}
	}
}

func TestRequirements(t *testing.T) {
	src := "-r base.txt\n--requirement=dev.txt\n-c c.txt\nA.B_c [x,y] >=1, <2 ; python_version<'4' # why\nd~=1.4 \\\n  --hash=x\nhttps://example.org/e.whl\n./local\n"
	want := []Requirement{{Include: "base.txt"}, {Include: "dev.txt"}, {Name: "a-b-c", Version: ">=1, <2", Extras: "x,y", Conditional: true}, {Name: "d", Version: "~=1.4"}}
	if got := Requirements([]byte(src)); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// The array keeps its style, its comments and its neighbours.
func TestPyprojectAdd(t *testing.T) {
	const deps = "project.dependencies"
	cases := []struct{ name, array, src, want string }{
		{"trailing comma", deps,
			"[project]\ndependencies = [\n  \"fastapi\",  # web\n]\n",
			"[project]\ndependencies = [\n  \"fastapi\",  # web\n  \"PyJWT>=2\",\n  \"bcrypt\",\n]\n"},
		{"no trailing comma", deps,
			"[project]\ndependencies = [\n\t\"fastapi\" # web, \"x\"]\n]\n",
			"[project]\ndependencies = [\n\t\"fastapi\", # web, \"x\"]\n\t\"PyJWT>=2\",\n\t\"bcrypt\"\n]\n"},
		{"plain last line", deps,
			"[project]\ndependencies = [\n  'fastapi'\n]\n",
			"[project]\ndependencies = [\n  'fastapi',\n  'PyJWT>=2',\n  'bcrypt'\n]\n"},
		{"bracket on the last line", deps,
			"[project]\ndependencies = [\"a\",\n                \"b\"]\nname = \"x\"\n",
			"[project]\ndependencies = [\"a\",\n                \"b\",\n                \"PyJWT>=2\",\n                \"bcrypt\"]\nname = \"x\"\n"},
		{"one line", deps,
			"[project]\ndependencies = [\"a[x]\", \"b\"] # why\n",
			"[project]\ndependencies = [\"a[x]\", \"b\", \"PyJWT>=2\", \"bcrypt\"] # why\n"},
		{"one line, trailing comma", deps,
			"[project]\ndependencies = [\"a\",]\n",
			"[project]\ndependencies = [\"a\", \"PyJWT>=2\", \"bcrypt\",]\n"},
		{"empty", deps, "[project]\ndependencies = [ ]\n", "[project]\ndependencies = [\"PyJWT>=2\", \"bcrypt\"]\n"},
		{"empty with comment", deps,
			"[project]\ndependencies = [\n    # none\n]\n",
			"[project]\ndependencies = [\n    \"PyJWT>=2\",\n    \"bcrypt\",\n    # none\n]\n"},
		{"crlf and bom", deps,
			"\ufeff[project]\r\ndependencies = [\r\n  \"a\",\r\n]\r\n",
			"\ufeff[project]\r\ndependencies = [\r\n  \"a\",\r\n  \"PyJWT>=2\",\r\n  \"bcrypt\",\r\n]\r\n"},
		{"no key", deps,
			"[project]\nname = \"x\" # n\n\n[project.urls]\na = \"b\"\n",
			"[project]\nname = \"x\" # n\ndependencies = [\n    \"PyJWT>=2\",\n    \"bcrypt\",\n]\n\n[project.urls]\na = \"b\"\n"},
		{"no key, no last newline", deps,
			"[project]\nname = \"x\"",
			"[project]\nname = \"x\"\ndependencies = [\n    \"PyJWT>=2\",\n    \"bcrypt\",\n]"},
		{"no table", "dependency-groups.dev",
			"[project]\nname = \"x\"\n",
			"[project]\nname = \"x\"\n\n[dependency-groups]\ndev = [\n    \"PyJWT>=2\",\n    \"bcrypt\",\n]\n"},
		{"group with include", "dependency-groups.dev",
			"[dependency-groups]\ndev = [\n  {include-group = \"test\"},\n]\n",
			"[dependency-groups]\ndev = [\n  {include-group = \"test\"},\n  \"PyJWT>=2\",\n  \"bcrypt\",\n]\n"},
		{"decoys", deps,
			"text = \"\"\"\n[project]\ndependencies = []\n\"\"\"\n[tool.x]\ndependencies = []\n[project]\n\"dependencies\" = [\"a\"]\n",
			"text = \"\"\"\n[project]\ndependencies = []\n\"\"\"\n[tool.x]\ndependencies = []\n[project]\n\"dependencies\" = [\"a\", \"PyJWT>=2\", \"bcrypt\"]\n"},
		{"dotted key", deps,
			"project.name = \"x\"\nproject.dependencies = [\"a\"]\n",
			"project.name = \"x\"\nproject.dependencies = [\"a\", \"PyJWT>=2\", \"bcrypt\"]\n"},
		{"already one", deps,
			"[project]\ndependencies = [\"pyjwt[crypto]==1\"]\n",
			"[project]\ndependencies = [\"pyjwt[crypto]==1\", \"bcrypt\"]\n"},
	}
	for _, c := range cases {
		specs := []string{"PyJWT>=2", "bcrypt"}
		r := PyprojectAdd([]byte(c.src), c.array, specs)
		if r.Status != Done || string(r.Out) != c.want {
			t.Errorf("%s: %v %s\n%s", c.name, r.Status, r.Reason, r.Out)
		}
		if again := PyprojectAdd(r.Out, c.array, specs); again.Status != AlreadyThere {
			t.Errorf("%s: again: %s\n%s", c.name, again.Reason, again.Out)
		}
	}
}

// A marker with quotes in it is quoted the other way.
func TestPyprojectQuotes(t *testing.T) {
	r := PyprojectAdd([]byte("[project]\ndependencies = []\n"), "project.dependencies", []string{`tomli; python_version < "3.11"`})
	if !strings.Contains(string(r.Out), `['tomli; python_version < "3.11"']`) {
		t.Errorf("%s", r.Out)
	}
}

// What can't be edited with certainty is left, with the reason.
func TestPyprojectRefused(t *testing.T) {
	for src, reason := range map[string]string{
		"[project\n": "not valid TOML",
		"[project]\ndynamic = [\"dependencies\"]\n":     "dynamic",
		"project = {name = \"x\", dependencies = []}\n": "can't be edited",
		"[project]\ndependencies = \"a\"\n":             "can't be edited",
		"[project]\ndependencies = [1]\n":               "not text",
	} {
		r := PyprojectAdd([]byte(src), "project.dependencies", []string{"bcrypt"})
		if r.Status != CannotPlace || !strings.Contains(r.Reason, reason) || string(r.Out) != src {
			t.Errorf("%q: %v %q", src, r.Status, r.Reason)
		}
	}
}
