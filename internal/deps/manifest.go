package deps

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"fastman/internal/edit"
)

// pyprojectFile is what matters here of a pyproject.toml or a Pipfile.
type pyprojectFile struct {
	Project *struct {
		Dependencies []string            `toml:"dependencies"`
		Optional     map[string][]string `toml:"optional-dependencies"`
	} `toml:"project"`
	Groups      map[string][]any `toml:"dependency-groups"`
	BuildSystem struct {
		Backend string `toml:"build-backend"`
	} `toml:"build-system"`
	Tool struct {
		UV     map[string]any `toml:"uv"`
		Poetry *struct {
			Dependencies map[string]any `toml:"dependencies"`
			Dev          map[string]any `toml:"dev-dependencies"`
			Groups       map[string]struct {
				Dependencies map[string]any `toml:"dependencies"`
			} `toml:"group"`
		} `toml:"poetry"`
	} `toml:"tool"`
	Packages    map[string]any `toml:"packages"`     // Pipfile
	DevPackages map[string]any `toml:"dev-packages"` // Pipfile
}

// readPyproject returns nil when there is no such file.
func readPyproject(file string) (*pyprojectFile, error) {
	data, err := readManifest(file)
	if err != nil || data == nil {
		return nil, err
	}
	return parsePyproject(filepath.Base(file), data)
}

func parsePyproject(name string, data []byte) (*pyprojectFile, error) {
	f := &pyprojectFile{}
	if err := toml.Unmarshal([]byte(trimMark(data)), f); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func trimMark(data []byte) string {
	const mark = "\xef\xbb\xbf"
	if len(data) >= len(mark) && string(data[:len(mark)]) == mark {
		return string(data[len(mark):])
	}
	return string(data)
}

// entry is one package that a manifest names.
type entry struct {
	name        string // normalised
	version     string // as written: "==1.4", "^1.4"
	spec        string // in a pyproject.toml: what pip is given to install it
	file        string // under Root
	section     string // of a TOML file: "project.dependencies", "packages"
	extras      string // "binary", with commas
	dev         bool
	conditional bool // not wanted on every machine
}

// declared is all that the project's manifests name.
type declared struct {
	entries  []entry
	devArray string   // pyproject.toml: where packages of the tests go
	files    []string // requirements files that pip is to install, under Root
}

// has reports whether n is declared where it is of use: a package of the tests
// may stand anywhere, one of the app not only among those of the tests.
func (d declared) has(n Need) bool {
	name := edit.PackageName(n.Name)
	return slices.ContainsFunc(d.entries, func(e entry) bool { return e.name == name && (n.Dev || !e.dev) })
}

func (m manager) declared() (declared, error) {
	if m.kind == pipRequirements {
		return m.requirements()
	}
	f, err := readPyproject(filepath.Join(m.root, filepath.FromSlash(m.manifest)))
	if err != nil {
		return declared{}, err
	}
	return m.tables(f), nil
}

// tables reads a pyproject.toml or a Pipfile.
func (m manager) tables(f *pyprojectFile) declared {
	d := declared{devArray: "dependency-groups.dev"}
	d.project(m.manifest, f)
	d.poetry(m.manifest, f)
	d.table(m.manifest, "packages", f.Packages, false)
	d.table(m.manifest, "dev-packages", f.DevPackages, true)
	if dev, ok := f.Tool.UV["dev-dependencies"].([]any); ok {
		d.list(m.manifest, "tool.uv.dev-dependencies", dev, "dev")
	}
	return d
}

func (d *declared) project(file string, f *pyprojectFile) {
	for group, members := range f.Groups {
		d.list(file, "dependency-groups."+group, members, group)
		if group == "test" && f.Groups["dev"] == nil {
			d.devArray = "dependency-groups.test"
		}
	}
	if f.Project == nil {
		return
	}
	d.list(file, "project.dependencies", anys(f.Project.Dependencies), "")
	for extra, members := range f.Project.Optional {
		d.list(file, "project.optional-dependencies."+extra, anys(members), extra)
		if f.Groups == nil && (extra == "dev" || extra == "test" && f.Project.Optional["dev"] == nil) {
			d.devArray = "project.optional-dependencies." + extra
		}
	}
}

func (d *declared) poetry(file string, f *pyprojectFile) {
	p := f.Tool.Poetry
	if p == nil {
		return
	}
	d.table(file, "tool.poetry.dependencies", p.Dependencies, false)
	d.table(file, "tool.poetry.dev-dependencies", p.Dev, true)
	for name, group := range p.Groups {
		d.table(file, "tool.poetry.group."+name+".dependencies", group.Dependencies, true)
	}
}

func anys(all []string) []any {
	var out []any
	for _, s := range all {
		out = append(out, s)
	}
	return out
}

// testGroups are installed with the app; the others (docs, …) nobody asked for.
var testGroups = []string{"", "dev", "test", "tests"}

// list takes PEP 508 strings; an included group is a table, and read by itself.
func (d *declared) list(file, section string, members []any, group string) {
	for _, m := range members {
		spec, ok := m.(string)
		if !ok {
			continue
		}
		e := entry{name: edit.PackageName(spec), version: edit.PackageVersion(spec), extras: edit.PackageExtras(spec),
			file: file, section: section, dev: group != "", conditional: strings.Contains(spec, ";")}
		if slices.Contains(testGroups, group) {
			e.spec = spec
		}
		d.entries = append(d.entries, e)
	}
}

// table takes poetry's and pipenv's form: name = "^1.0" or name = {version = …}.
func (d *declared) table(file, section string, packages map[string]any, dev bool) {
	for name, value := range packages {
		if name == "python" {
			continue
		}
		e := entry{name: edit.PackageName(name), file: file, section: section, dev: dev}
		e.version, _ = value.(string)
		if detail, ok := value.(map[string]any); ok {
			e.version, _ = detail["version"].(string)
			e.extras = strings.Trim(fmt.Sprint(detail["extras"]), "[]")
			e.conditional = detail["markers"] != nil || detail["python"] != nil || detail["platform"] != nil || detail["optional"] != nil
		}
		d.entries = append(d.entries, e)
	}
}

// requirements reads the app's and the tests' file with all that they include.
func (m manager) requirements() (declared, error) {
	d := declared{}
	seen := map[string]bool{}
	dev := m.devFile(m.root)
	for _, file := range []string{m.manifest, path.Join(m.dir, "requirements.txt"), dev} {
		if _, err := os.Stat(filepath.Join(m.root, filepath.FromSlash(file))); err == nil && !slices.Contains(d.files, file) {
			d.files = append(d.files, file)
		}
		if err := d.include(m.root, file, file == dev, seen); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (d *declared) include(root, file string, dev bool, seen map[string]bool) error {
	if seen[file] {
		return nil
	}
	seen[file] = true
	src, err := readManifest(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return err
	}
	for _, r := range edit.Requirements(src) {
		if r.Include != "" {
			if err := d.include(root, path.Join(path.Dir(file), r.Include), dev, seen); err != nil {
				return err
			}
			continue
		}
		d.entries = append(d.entries, entry{name: r.Name, version: r.Version, extras: r.Extras, file: file, dev: dev, conditional: r.Conditional})
	}
	return nil
}
