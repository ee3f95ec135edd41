package install_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/testbed"
)

// newShop makes a project with sign-in, without installing packages.
func newShop(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	_, err := install.New(context.Background(), install.NewOptions{
		Common: install.Common{Dir: dir, NoDeps: true, NoBoot: true, Yes: true}, Name: "shop", Set: feature.NewSet(feature.JWT),
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "shop")
}

func readFile(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each request of requests.http succeeds, from top to bottom; the two with a mailed
// token get it from the mail.
func TestRequestsOfANewProject(t *testing.T) {
	dir := newShop(t)
	python := filepath.Join(testbed.Venv(t), "python")
	env := map[string]string{"AUTH_MAIL_URL": "file:mails"}
	testbed.Migrate(t, dir, python, env)
	server := testbed.FastAPI(dir, python).Boot(t, env)
	c := collection{t: t, values: map[string]string{}, mails: filepath.Join(dir, "mails")}
	preamble, requests, _ := strings.Cut(readFile(t, dir, "requests.http"), "###")
	for _, pair := range regexp.MustCompile(`(?m)^@(\w+) = (.*)$`).FindAllStringSubmatch(preamble, -1) {
		c.values[pair[1]] = strings.Replace(pair[2], "http://127.0.0.1:8000", server.URL, 1)
	}
	blocks := strings.Split(requests, "\n###")
	if len(blocks) < 12 {
		t.Fatalf("%d requests", len(blocks))
	}
	for _, block := range blocks {
		c.send(block)
	}
}

// collection is a reader of the format that is just good enough for our own file.
type collection struct {
	t      *testing.T
	values map[string]string
	mails  string
}

var variable = regexp.MustCompile(`\{\{([\w.]+)\}\}`)

func (c collection) send(block string) {
	c.t.Helper()
	title, rest, _ := strings.Cut(block, "\n")
	if strings.Contains(rest, "{{mailed}}") {
		c.values["mailed"] = c.newestToken()
	}
	name := ""
	if found := regexp.MustCompile(`(?m)^# @name (\w+)\n`).FindStringSubmatch(rest); found != nil {
		name, rest = found[1], strings.Replace(rest, found[0], "", 1)
	}
	rest = variable.ReplaceAllStringFunc(rest, func(use string) string {
		value, known := c.values[strings.Trim(use, "{}")]
		if !known {
			c.t.Fatalf("%s: %s is not defined", title, use)
		}
		return value
	})
	head, body, _ := strings.Cut(rest, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, url, _ := strings.Cut(lines[0], " ")
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, line := range lines[1:] {
		key, value, _ := strings.Cut(line, ": ")
		req.Header.Set(key, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode/100 != 2 {
		c.t.Errorf("%s: %d %s", title, res.StatusCode, answer)
	}
	c.remember(name, answer)
}

func (c collection) remember(name string, answer []byte) {
	var fields map[string]any
	if name == "" || json.NewDecoder(bytes.NewReader(answer)).Decode(&fields) != nil {
		return
	}
	for key, value := range fields {
		if text, ok := value.(string); ok {
			c.values[name+".response.body."+key] = text
		}
	}
}

// newestToken waits for a mail with another token than the one before.
func (c collection) newestToken() string {
	c.t.Helper()
	for range 500 {
		token := ""
		found, _ := filepath.Glob(filepath.Join(c.mails, "*.eml"))
		for _, file := range found {
			if link := regexp.MustCompile(`#token=(\S+)`).FindStringSubmatch(readFile(c.t, file)); link != nil {
				token = link[1]
			}
		}
		if token != "" && token != c.values["mailed"] {
			return token
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.t.Fatal("no mail came")
	return ""
}

// The README of a new project explains every setting of sign-in, and only those.
func TestReadmeOfANewProject(t *testing.T) {
	dir := newShop(t)
	readme, config := readFile(t, dir, "README.md"), readFile(t, dir, "app", "core", "config.py")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|").FindAllStringSubmatch(readme, -1) {
		documented[row[1]] = true
	}
	for _, field := range regexp.MustCompile(`(?m)^    ([A-Z_]+): `).FindAllStringSubmatch(config, -1) {
		if !documented[field[1]] {
			t.Errorf("README.md does not explain %s", field[1])
		}
		delete(documented, field[1])
	}
	for name := range documented {
		t.Errorf("README.md explains %s, which is no setting", name)
	}
	if strings.Contains(readme, "fastman:") && strings.Contains(readme, "<!--") {
		t.Error("README.md holds a marker")
	}
}
