package project

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"fastman/internal/edit"
)

// findAlembic reads the migration set-up: alembic.ini, or [tool.alembic] of
// pyproject.toml, and the chain of revisions.
func (l *finder) findAlembic(ctx context.Context) error {
	a, locations := l.alembicConfig()
	if a == nil {
		return nil
	}
	a.EnvPath = path.Join(a.Dir, "env.py")
	a.Versions = path.Join(a.Dir, "versions")
	if len(locations) > 0 {
		a.Versions = locations[0]
	} else {
		locations = []string{a.Versions}
	}
	env, err := l.file(ctx, a.EnvPath)
	if err != nil {
		return err
	}
	a.Env = env
	l.Alembic = a
	return l.readRevisions(ctx, locations)
}

// alembicConfig finds script_location and version_locations. Relative ones start
// at the folder of the file that names them, where alembic is run.
func (l *finder) alembicConfig() (a *Alembic, locations []string) {
	for _, ini := range l.alembicInis() {
		src, err := os.ReadFile(l.abs(ini))
		if err != nil {
			continue
		}
		options := iniSection(src, "alembic")
		if options["script_location"] == "" {
			continue
		}
		a = &Alembic{Ini: ini, Dir: l.here(ini, options["script_location"])}
		return a, l.locations(ini, options["version_locations"], options["version_path_separator"]+options["path_separator"])
	}
	if dir := l.config.Tool.Alembic.ScriptLocation; dir != "" {
		a = &Alembic{Ini: "pyproject.toml", Dir: l.here("pyproject.toml", dir)}
		switch v := l.config.Tool.Alembic.VersionLocations.(type) {
		case string:
			return a, l.locations("pyproject.toml", v, "")
		case []any:
			for _, one := range v {
				if text, ok := one.(string); ok {
					locations = append(locations, l.here("pyproject.toml", text))
				}
			}
		}
	}
	return a, locations
}

// alembicInis are the files found, the nearest to where the app runs first.
func (l *finder) alembicInis() []string {
	inis := slices.Clone(l.list.inis)
	distance := func(ini string) int {
		i := slices.Index([]string{l.RunDir, l.ImportRoot, "", l.PackageDir}, up(ini))
		if i < 0 {
			return 10 + strings.Count(ini, "/")
		}
		return i
	}
	sort.SliceStable(inis, func(i, j int) bool { return distance(inis[i]) < distance(inis[j]) })
	return inis
}

// here resolves a location of an ini file, relative to Root. "package:dir" names
// a folder inside a package.
func (l *finder) here(ini, location string) string {
	dir := up(ini)
	location = strings.ReplaceAll(filepath.ToSlash(strings.TrimSpace(location)), `\`, "/")
	if rest, found := strings.CutPrefix(location, "%(here)s"); found {
		return path.Join(dir, strings.TrimPrefix(rest, "/"))
	}
	if path.IsAbs(location) {
		inside, err := filepath.Rel(l.Root, filepath.FromSlash(location))
		if err == nil && filepath.IsLocal(inside) {
			return filepath.ToSlash(inside)
		}
	}
	if pkg, inside, found := strings.Cut(location, ":"); found && !strings.HasPrefix(inside, "/") {
		return path.Join(l.ImportRoot, strings.ReplaceAll(pkg, ".", "/"), inside)
	}
	return path.Join(dir, location)
}

func (l *finder) locations(ini, text, separator string) (all []string) {
	split := func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }
	switch separator {
	case "os", ":":
		split = func(r rune) bool { return r == rune(os.PathListSeparator) || r == '\n' }
	case ";":
		split = func(r rune) bool { return r == ';' || r == '\n' }
	}
	for _, one := range strings.FieldsFunc(text, split) {
		all = append(all, l.here(ini, one))
	}
	return all
}

// iniSection reads the options of one section; lines that begin with white space
// continue the option above.
func iniSection(src []byte, section string) map[string]string {
	options, inside, last := map[string]string{}, false, ""
	for _, line := range splitLines(src) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case trimmed[0] == '[':
			inside = trimmed == "["+section+"]"
		case !inside:
		case line[0] == ' ' || line[0] == '\t':
			options[last] += "\n" + trimmed
		default:
			at := strings.IndexAny(trimmed, "=:")
			if at < 0 {
				continue
			}
			last = strings.ToLower(strings.TrimSpace(trimmed[:at]))
			options[last] = strings.TrimSpace(trimmed[at+1:])
		}
	}
	return options
}

// readRevisions finds the heads: revisions that none names as its predecessor.
func (l *finder) readRevisions(ctx context.Context, locations []string) error {
	var files []string
	for _, dir := range locations {
		names, _ := filepath.Glob(filepath.Join(l.abs(dir), "*.py"))
		for _, name := range names {
			files = append(files, path.Join(dir, filepath.Base(name)))
		}
	}
	if err := l.read(ctx, "outline", files...); err != nil {
		return err
	}
	replaced := map[string]bool{}
	var ids []string
	for _, file := range files {
		f := l.files[file]
		id := textOf(f, "revision")
		if len(id) == 0 {
			continue
		}
		ids = append(ids, id[0])
		for _, down := range textOf(f, "down_revision") {
			replaced[down] = true
		}
	}
	l.Alembic.Revisions = len(ids)
	l.Alembic.Heads = slices.DeleteFunc(ids, func(id string) bool { return replaced[id] })
	sort.Strings(l.Alembic.Heads)
	return nil
}

// textOf is the text, or the tuple of texts, that a module-level name holds.
func textOf(f *edit.PyFile, name string) (all []string) {
	for i := range f.Body {
		s := &f.Body[i]
		if s.Kind != "assign" || !s.Binds(name) || s.Value == nil {
			continue
		}
		values := s.Value.Args
		if s.Value.Kind == "str" {
			values = []edit.Expr{*s.Value}
		}
		for _, v := range values {
			if v.Kind == "str" {
				all = append(all, v.Name)
			}
		}
	}
	return all
}
