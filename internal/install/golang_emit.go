package install

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"path"
	"slices"
	"strings"

	"fastman/internal/cut"
	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/project"
	"fastman/templates"
)

// goTemplate is the import path of the package in the template.
const goTemplate = "fastman/templates/goapp/" + goAuthDir

// goEmitter cuts the Go template for a set and fits it to one module.
type goEmitter struct {
	templates *templates.Library
	p         *project.Go
	set       feature.Set
	prefix    string // "/auth"
	users     string // name of the users table
	exists    func(path string) bool
	stands    map[string]string // template of each file that an earlier run made: the file
	names     edit.GoNames
	rename    map[string]string // identifiers of the template that are taken in the app's package

	out []emitted
}

// besideFiles are templates of what is emitted beside the app's own code: with a database,
// and without.
var besideFiles = [2]string{"auth.go", "auth_keycloak.go"}

// besideNames are declared by what is emitted beside the app's own code.
var besideNames = []string{"mustAuth", "newAuth", "projectRoot"}

// declares are those names as they are in this module.
func (e *goEmitter) declares() []string {
	var names []string
	for _, name := range besideNames {
		names = append(names, e.rename[name])
	}
	return names
}

// newGoEmitter finds the names that are free in the module.
func newGoEmitter(e goEmitter) *goEmitter {
	e.rename = map[string]string{}
	for _, name := range append(slices.Clone(besideNames), "auth") {
		e.rename[name] = e.free(name)
	}
	e.names = edit.GoNames{Must: e.rename["mustAuth"], Gin: e.p.Module + "/" + goGinDir}
	return &e
}

// free is a name that the app's package does not declare.
func (e *goEmitter) free(name string) string {
	for e.p.Declares(name) {
		name = "fastman" + strings.ToUpper(name[:1]) + name[1:]
	}
	return name
}

// emit returns every file that belongs to the set: the package, with gin what lets gin
// use it, and beside the app's own code what makes it.
func (e *goEmitter) emit() ([]emitted, error) {
	folders := []string{goAuthDir}
	if e.p.Requires["github.com/gin-gonic/gin"] != "" {
		folders = append(folders, goGinDir)
	}
	for _, folder := range folders {
		names, err := e.templates.Tree("goapp", folder)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := e.add(name, name, e.fit); err != nil {
				return nil, err
			}
		}
	}
	target := cmp.Or(e.beside(), e.freeFile("auth"))
	for _, name := range besideFiles { // of which the set has one
		if err := e.add(name, target, e.fitBeside); err != nil {
			return nil, err
		}
	}
	return e.out, nil
}

// beside is the file that an earlier run made beside the app's own code.
func (e *goEmitter) beside() string {
	return cmp.Or(e.stands[besideFiles[0]], e.stands[besideFiles[1]])
}

// freeFile is a path in the app's package that nothing stands at.
func (e *goEmitter) freeFile(name string) string {
	file := path.Join(e.p.Dir, name+".go")
	if e.exists(file) {
		return path.Join(e.p.Dir, "fastman_"+name+".go")
	}
	return file
}

// add cuts one template file and puts it at target, unless the set has no use for it.
func (e *goEmitter) add(source, target string, fit func(string) (string, error)) error {
	src, err := e.templates.Read("goapp", source)
	if err != nil {
		return err
	}
	out, keep, err := cut.File(source, src, e.set)
	if err != nil || !keep {
		return err
	}
	fitted := string(out)
	switch path.Ext(source) {
	case ".go":
		fitted, err = fit(fitted)
	case ".js":
		fitted = string(fitScript(out, e.prefix))
	case ".sql":
		fitted = edit.RenameTable(fitted, "users", e.users)
	}
	e.out = append(e.out, emitted{Path: target, From: source, Content: []byte(fitted), AsCut: bytes.Equal(out, []byte(fitted)),
		Once: path.Ext(source) == ".sql"})
	return err
}

// fit points the package's import path, paths and tables at this module.
func (e *goEmitter) fit(text string) (string, error) {
	text = edit.MapGoStrings(text, func(s string) string {
		switch {
		case s == goTemplate:
			return e.p.Module + "/" + goAuthDir
		case s == "/auth" || strings.HasPrefix(s, "/auth/"):
			return e.prefix + strings.TrimPrefix(s, "/auth")
		case s == "fastman:app":
			return "fastman:" + e.p.Name
		case s == "users":
			return e.users
		}
		return edit.RenameTable(s, "users", e.users)
	})
	if e.set.Has(feature.OAuth) {
		text = strings.NewReplacer(
			`firstProvider = "google"`, fmt.Sprintf("firstProvider = %q", firstOf(e.set)),
			`defaultProvider = "google"`, fmt.Sprintf("defaultProvider = %q", e.set.Default()),
		).Replace(text)
	}
	out, err := format.Source([]byte(text))
	return string(out), err
}

// fitBeside also gives the text the app's package, and names that are free there.
func (e *goEmitter) fitBeside(text string) (string, error) {
	text = edit.RenameGo(text, e.rename)
	text = edit.SetGoPackage(text, e.p.Package())
	return e.fit(text)
}
