package project

import (
	"context"
	"path"
	"slices"
	"sort"
	"strings"

	"fastman/internal/edit"
)

// class is a class of the project with what it is derived from, across files.
type class struct {
	file  *edit.PyFile
	stmt  *edit.Stmt
	roots []string // resolved names of the bases that the project does not define
	bases []*class
}

// Field returns the field of exactly that name.
func (s *Settings) Field(name string) (edit.PyField, bool) { return s.File.Field(s.Class, name) }

// findClasses links every top-level class of the files that were read to its bases.
func (l *finder) findClasses() {
	byName := map[string]*class{}
	for _, f := range l.sorted() {
		for i := range f.Body {
			if s := &f.Body[i]; s.Kind == "class" {
				c := &class{file: f, stmt: s}
				l.classes = append(l.classes, c)
				byName[f.Module+"."+s.Name] = c
			}
		}
	}
	for _, c := range l.classes {
		for _, base := range c.stmt.Args {
			full := c.file.Resolve(base.Name)
			own := byName[c.file.Module+"."+base.Name]
			switch {
			case full == base.Name && own != nil && own != c:
				c.bases = append(c.bases, own)
			case byName[full] != nil && byName[full] != c:
				c.bases = append(c.bases, byName[full])
			default:
				c.roots = append(c.roots, full)
			}
		}
	}
}

// derives reports whether a class comes from one of these names, however far.
func (c *class) derives(names ...string) bool { return c.reaches(names, 0) }

func (c *class) reaches(names []string, depth int) bool {
	const deepest = 20 // classes that inherit from each other in a circle end here
	if depth > deepest {
		return false
	}
	if slices.ContainsFunc(c.roots, func(root string) bool { return slices.Contains(names, root) }) {
		return true
	}
	return slices.ContainsFunc(c.bases, func(b *class) bool { return b.reaches(names, depth+1) })
}

// findSettings takes the project's main Settings class, and the others that read
// an env file.
func (l *finder) findSettings(context.Context) error {
	l.findClasses()
	var all []*Settings
	of := map[*Settings]*class{}
	for _, c := range l.classes {
		if c.derives(settingsRoots...) {
			s := l.settingsOf(c)
			all, of[s] = append(all, s), c
		}
	}
	if len(all) == 0 {
		return nil
	}
	sort.SliceStable(all, func(i, j int) bool { return l.weight(all[i]) > l.weight(all[j]) })
	l.Settings = all[0]
	for _, s := range all[1:] {
		if len(s.EnvFiles) > 0 && !of[s].inheritsExtra() {
			l.OtherSettings = append(l.OtherSettings, s)
		}
	}
	return nil
}

func (l *finder) settingsOf(c *class) *Settings {
	f, name := c.file, c.stmt.Name
	s := &Settings{Path: f.Path, Module: f.Module, Class: name, File: f}
	s.Getter = getterOf(f, name)
	s.Instance = instanceOf(f, name, s.Getter)
	if v, _ := c.option("env_prefix"); v != nil {
		s.Prefix = v.Name
	}
	s.Forbids = !slices.Contains([]string{"ignore", "allow"}, c.extra())
	s.EnvFiles = l.envFilesOf(c)
	return s
}

// option looks a setting up in the class and then in its bases, and tells in
// which file it stands.
func (c *class) option(name string) (*edit.Expr, *edit.PyFile) {
	if v := c.file.Option(c.stmt.Name, name); v != nil {
		return v, c.file
	}
	for _, base := range c.bases {
		if base.file == c.file {
			continue // Option has been there
		}
		if v, f := base.option(name); v != nil {
			return v, f
		}
	}
	return nil, nil
}

func (c *class) extra() string {
	if c.file.Option(c.stmt.Name, "extra") != nil {
		return c.file.Extra(c.stmt.Name)
	}
	for _, base := range c.bases {
		if extra := base.extra(); extra != "forbid" {
			return extra
		}
	}
	return "forbid"
}

// inheritsExtra reports whether a class treats unknown keys as another Settings
// class of the project does that it is derived from and that reads an env file
// too: that one is to be edited then.
func (c *class) inheritsExtra() bool {
	own, _ := c.option("extra")
	return slices.ContainsFunc(c.bases, func(b *class) bool {
		theirs, _ := b.option("extra")
		file, _ := b.option("env_file")
		return b.derives(settingsRoots...) && own == theirs && file != nil
	})
}

var settingsRoots = []string{"pydantic_settings.BaseSettings", "pydantic_settings.main.BaseSettings"}

// instanceOf finds the module-level name that holds the settings.
func instanceOf(f *edit.PyFile, class, getter string) string {
	name := ""
	for i := range f.Body {
		s := &f.Body[i]
		call, ok := s.Call()
		if !ok || s.Kind != "assign" || call.Name != class && (getter == "" || call.Name != getter) {
			continue
		}
		if name == "" || s.Targets[0] == "settings" {
			name = s.Targets[0]
		}
	}
	return name
}

// getterOf finds a function without required parameters that returns the class.
func getterOf(f *edit.PyFile, class string) string {
	for i := range f.Body {
		def := &f.Body[i]
		if def.Kind != "def" || def.Required > 0 {
			continue
		}
		returns := strings.Trim(def.Annotation, `"' `) == class
		for j := range def.Body {
			call, ok := def.Body[j].Call()
			returns = returns || ok && def.Body[j].Kind == "return" && call.Name == class
		}
		if returns {
			return def.Name
		}
	}
	return ""
}

// weight ranks settings of the app's own package before those of a tool beside it.
func (l *finder) weight(s *Settings) int {
	if strings.HasPrefix(s.Path, l.PackageDir+"/") {
		return s.weight() + 16
	}
	return s.weight()
}

// weight says how likely a class is the main one of several.
func (s *Settings) weight() int {
	weight := 0
	for _, sign := range []struct {
		seen  bool
		worth int
	}{
		{s.Instance != "", 8},
		{s.Getter != "", 6},
		{len(s.EnvFiles) > 0, 4},
		{strings.HasSuffix(s.Path, "core/config.py"), 3},
		{slices.Contains([]string{"config.py", "settings.py"}, path.Base(s.Path)), 2},
		{s.Class == "Settings", 2},
		{s.Prefix != "", -2},
		{strings.Contains(strings.ToLower(s.Class), "test"), -6},
	} {
		if sign.seen {
			weight += sign.worth
		}
	}
	return weight
}

// envFilesOf are the env files that a class reads, relative to Root. One that
// can't be told from the source counts as ".env".
func (l *finder) envFilesOf(c *class) []string {
	v, f := c.option("env_file")
	if v == nil {
		v, f = instanceEnvFile(c), c.file
	}
	if v == nil || v.Kind == "const" {
		return nil
	}
	values := []edit.Expr{*v}
	if v.Kind == "list" {
		values = v.Args
	}
	var files []string
	for i := range values {
		file, known := pathOf(f, &values[i], 0)
		switch {
		case !known:
			file = path.Join(l.RunDir, ".env")
		case strings.HasPrefix(file, "@/"): // relative to the source's own root
			file = path.Clean(strings.TrimPrefix(file, "@/"))
		case !path.IsAbs(file):
			file = path.Join(l.RunDir, file)
		}
		files = append(files, file)
	}
	return files
}

// instanceEnvFile is the one of "settings = Settings(_env_file=...)".
func instanceEnvFile(c *class) (found *edit.Expr) {
	c.file.Calls(func(call *edit.Expr) {
		if v := call.Keyword("_env_file"); v != nil && call.Name == c.stmt.Name {
			found = v
		}
	})
	return found
}
