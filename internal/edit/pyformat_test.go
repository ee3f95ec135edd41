package edit_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"fastman/internal/edit"
	"fastman/internal/project"
	"fastman/internal/run"
	"fastman/internal/testbed"
)

// formatters are what Python projects format with, and the widths that they set.
var formatters = [][]string{
	{"ruff", "format", "-q", "--isolated", "--line-length", "88"},
	{"ruff", "format", "-q", "--isolated", "--line-length", "120", "--config", "format.quote-style='single'"},
	{"ruff", "check", "-q", "--isolated", "--select", "I", "--fix", "--exit-zero"}, // sorts imports
	{"black", "-q", "--line-length", "79"},
	{"black", "-q", "--line-length", "100"},
	{"black", "-q", "--line-length", "120"},
}

// host is a file of a user, and the edits that it gets.
type host struct {
	src   []byte
	calls []string
}

// archived are the files of testdata, the projects that installs are tried on among them.
func archived(t *testing.T) []host {
	var all []host
	files, _ := filepath.Glob("testdata/python/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, host{archive.Files[0].Data, []string{string(archive.Comment)}})
	}
	projects, _ := filepath.Glob("../install/testdata/*.txtar")
	for _, file := range projects {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".py") {
				all = append(all, host{f.Data, []string{"include app", "include app create_app", "fields Settings", "ignore Settings", "instance", "models"}})
			}
		}
	}
	if len(all) < 70 {
		t.Fatalf("only %d files", len(all))
	}
	return all
}

func pick(random *rand.Rand, from ...string) string { return from[random.IntN(len(from))] }

// made puts a file together that holds settings and routes.
func made(random *rand.Rand) host {
	var out strings.Builder
	out.WriteString(pick(random, "", "", "\"\"\"The shop.\"\"\"\n", "\"\"\"The shop.\"\"\"\n\n", "# shop\n", "#!/usr/bin/env python\n\n", "from __future__ import annotations\n\n"))
	out.WriteString(pick(random, "", "import os\n", "import os, sys\n\n", "import os\n\nfrom app import models\nfrom app.zebra import stripes\n"))
	out.WriteString(pick(random, "from fastapi import FastAPI\n", "from fastapi import Depends, FastAPI\n\n", "import fastapi\nfrom fastapi import FastAPI\n\n\n"))
	settings, other := settingsClass(random, "Settings"), settingsClass(random, "Other")
	if !strings.Contains(settings+other, "SettingsConfigDict") {
		out.WriteString("from pydantic_settings import BaseSettings\n")
	} else {
		out.WriteString(pick(random, "from pydantic_settings import (BaseSettings, SettingsConfigDict)\n",
			"from pydantic import (\n    AnyHttpUrl,\n    PostgresDsn,\n)\nfrom pydantic_settings import BaseSettings, SettingsConfigDict\n",
			"from pydantic import AnyHttpUrl, EmailStr, NameEmail, PositiveInt, conint\nfrom pydantic_settings import BaseSettings, SettingsConfigDict\n",
			"from pydantic_settings import (\n    BaseSettings,  # the base\n    SettingsConfigDict\n)\n"))
	}
	out.WriteString(pick(random, "", "\n", "\n\n", "\n\n\n"))
	out.WriteString(settings)
	out.WriteString(pick(random, "", "\n", "\n\n"))
	out.WriteString(other)
	out.WriteString(pick(random, "", "\n", "\n\n", "# the app\n"))
	out.WriteString(pick(random, "app = FastAPI()\n", "app = FastAPI(title='Shop', version=\"1.0\", description='Where people buy things that they want')\n", "app = FastAPI(\n    title=\"Shop\"\n)\n"))
	out.WriteString(pick(random, "", "app.include_router(models.router, prefix='/models')\n", "# routes\n", "if os.name == 'posix':\n    app.include_router(models.router)\n"))
	out.WriteString(pick(random, "", "\n@app.get('/')\ndef index(): return {'a': 1}\n", "\n\n@app.get(\"/\")\ndef index():\n    return {}\n\n\n", "print(app)  # shown\n"))
	calls := []string{"include app", "fields Settings", "ignore Other", "instance"}
	random.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	return host{[]byte(out.String()), calls}
}

func settingsClass(random *rand.Rand, name string) string {
	body := pick(random, "    pass\n", "    '''Settings.'''\n", "    \"\"\"Settings.\"\"\"\n\n    model_config = SettingsConfigDict(env_file='.env')\n    x: int = 1\n",
		"    model_config = SettingsConfigDict(env_prefix=\"APP_\", env_file=\".env\", env_file_encoding=\"utf-8\")\n\n    x: int = 1  # one\n\n    def y(self): return 2\n",
		"    x: int = 1\n    # two\n    y: str = 'z'\n\n    class Config:\n        env_file = '.env'\n",
		"    model_config = {'env_file': '.env', 'env_file_encoding': 'utf-8', 'case_sensitive': True}\n    x: int\n",
		"    model_config = SettingsConfigDict(\n        env_file='.env',  # here\n        case_sensitive=True\n    )\n",
		"    @property\n    def x(self):\n        return 1\n")
	return "class " + name + "(BaseSettings):\n" + body
}

// edited applies the edits of a host that have a place in it, one after the other.
func edited(t *testing.T, p *project.Project, h host) (out []byte, puts [][]edit.Put) {
	out = h.src
	for _, call := range h.calls {
		if r := apply(parse(t, p, out), call); r.Status == edit.Done {
			out, puts = r.Out, append(puts, r.Puts)
		}
	}
	return out, puts
}

// Files of every make, edited several times: the edits go together, or one by one in
// any order, and every byte is as before.
func TestRemovePyInAnyOrder(t *testing.T) {
	p, random := parser(t), rand.New(rand.NewPCG(9, 10))
	for range 80 {
		h := made(random)
		for name, src := range variants(h.src) {
			if name == "cr" || name == "form feed" {
				continue
			}
			out, puts := edited(t, p, host{src, h.calls})
			whole := edit.RemovePy(parse(t, p, out), flat(puts))
			if !bytes.Equal(whole.Out, src) || whole.Reason != "" {
				t.Fatalf("%s: %s\n%s\nbecame\n%s\nand then\n%s\n%v", name, whole.Reason, src, out, whole.Out, puts)
			}
			random.Shuffle(len(puts), func(i, j int) { puts[i], puts[j] = puts[j], puts[i] })
			one := out
			for _, some := range puts {
				one = edit.RemovePy(parse(t, p, one), some).Out
			}
			if !bytes.Equal(one, src) {
				t.Fatalf("%s: one by one:\n%s\nbecame\n%s\nand then\n%s\n%v", name, src, out, one, puts)
			}
		}
	}
}

func flat(puts [][]edit.Put) (all []edit.Put) {
	for _, some := range puts {
		all = append(all, some...)
	}
	return all
}

// A file that a formatter laid out anew after the edits: they are found in it, and
// without them it is what the formatter makes of the user's own file.
func TestRemovePyAfterFormatting(t *testing.T) {
	p, random := parser(t), rand.New(rand.NewPCG(11, 12))
	hosts := archived(t)
	for range 40 {
		hosts = append(hosts, made(random))
	}
	before, after := map[string][]byte{}, map[string][]byte{}
	puts := map[string][]edit.Put{}
	for i, h := range hosts {
		name := fmt.Sprintf("h%d.py", i)
		out, some := edited(t, p, h)
		before[name], after[name], puts[name] = h.src, out, flat(some)
	}
	for _, formatter := range formatters {
		want, have, removed := formatted(t, formatter, before), formatted(t, formatter, after), map[string][]byte{}
		direct := 0
		for i, h := range hosts {
			name := fmt.Sprintf("h%d.py", i)
			f := parse(t, p, have[name])
			for _, call := range h.calls {
				if r := apply(f, call); r.Status == edit.Done {
					t.Errorf("%v: %q is not found any more in\n%s", formatter, call, have[name])
				}
			}
			r := edit.RemovePy(f, puts[name])
			if r.Reason != "" || len(r.Puts) > 0 {
				t.Errorf("%v: %q stays in\n%s", formatter, r.Reason, have[name])
			}
			parse(t, p, r.Out)
			if removed[name] = r.Out; bytes.Equal(r.Out, want[name]) {
				direct++
			} else if testing.Verbose() {
				t.Logf("%v:\n%s\nedited\n%s\nremoved\n%s", formatter, want[name], have[name], r.Out)
			}
		}
		t.Logf("%v: %d of %d as they are", formatter[:1], direct, len(hosts))
		for name, got := range formatted(t, formatter, removed) {
			if !bytes.Equal(got, want[name]) {
				t.Errorf("%v:\n%s\nedited\n%s\nremoved\n%s", formatter, want[name], have[name], removed[name])
			}
		}
	}
}

// formatted runs a formatter over all files at once.
func formatted(t *testing.T, command []string, files map[string][]byte) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	for name, src := range files {
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := append([]string{filepath.Join(testbed.Tools(t, "black==26.10.1", "ruff==0.17.6"), command[0])}, command[1:]...)
	res, err := run.Run(context.Background(), run.Spec{Args: append(args, dir), Dir: dir, Timeout: 5 * time.Minute})
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, res.Stderr)
	}
	out := map[string][]byte{}
	for name := range files {
		if out[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// mutated is text with lines of the user's added, ours and theirs moved, doubled,
// dropped, indented and joined.
func mutated(random *rand.Rand, src []byte, theirs ...string) []byte {
	lines := strings.SplitAfter(string(src), "\n")
	for range 1 + random.IntN(5) {
		i, j := random.IntN(len(lines)), random.IntN(len(lines))
		indent := lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], " \t"))]
		switch random.IntN(6) {
		case 0:
			lines[i] = indent + pick(random, theirs...) + "\n" + lines[i]
		case 1:
			lines[i], lines[j] = lines[j], lines[i]
		case 2:
			lines[i] += lines[i]
		case 3:
			lines[i] = ""
		case 4:
			lines[i] = indent + pick(random, "if True:", "try:", "if true {", "{") + "\n    " + lines[i]
		case 5:
			lines[i] = strings.TrimSuffix(lines[i], "\n") + pick(random, "  # mine\n", "; x = 1\n", " // mine\n", "; x()\n")
		}
	}
	return []byte(strings.Join(lines, ""))
}

// missing is a line of before that after has fewer of, whatever commas and remarks stand
// behind it; lines that hold one of the words may be ours.
func missing(before, after []byte, words ...string) string {
	count := map[string]int{}
	for line := range strings.Lines(string(after)) {
		count[bare(line)]++
	}
	for line := range strings.Lines(string(before)) {
		line = bare(line)
		ours := line == ""
		for _, word := range words {
			ours = ours || strings.Contains(line, word)
		}
		if count[line]--; count[line] < 0 && !ours {
			return line
		}
	}
	return ""
}

func bare(line string) string {
	line, _, _ = strings.Cut(strings.TrimSpace(line), "  # ")
	line, _, _ = strings.Cut(line, " // ")
	return strings.TrimPrefix(strings.TrimSuffix(line, ","), "import ")
}

// However a user changed an edited file: what is left of it parses, and every line
// that is not ours is still there.
func TestRemovePyFromMutatedFiles(t *testing.T) {
	p, random := parser(t), rand.New(rand.NewPCG(13, 14))
	theirs := []string{"mine = 1", "# mine", "from pydantic import SecretStr", "print(settings)", "import app.shop", "def mine(): pass", "'''text\nSECRET_KEY: SecretStr\n'''"}
	parsed := 0
	for range 400 {
		out, puts := edited(t, p, made(random))
		for range 5 {
			src := mutated(random, out, theirs...)
			f, err := p.Parse(context.Background(), "app/main.py", src)
			if err != nil {
				t.Fatal(err)
			}
			r := edit.RemovePy(f, flat(puts))
			if f.Error != nil {
				continue
			}
			parsed++
			parse(t, p, r.Out)
			if line := missing(src, r.Out, "SecretStr", "SECRET_KEY", "Signs every", "ACCESS_TOKEN", "auth_router", "settings = get", "SettingsConfigDict", "Field", "extra", "pass", "..."); line != "" {
				t.Fatalf("%q is gone:\n%s\nbecame\n%s\n%+v", line, src, r.Out, flat(puts))
			}
		}
	}
	if parsed < 500 {
		t.Errorf("only %d files could be read", parsed)
	}
}
