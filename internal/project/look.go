package project

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"fastman/internal/edit"
)

// Options are what a user may say about a project beforehand.
type Options struct {
	Python     string   // interpreter; "" finds it
	App        string   // "module:name" of the app; "" finds it
	UsersTable string   // name of the table that must be free; "" is "users"
	Own        []string // files that fastman made itself, or their names: their tables are no obstacle
}

// finder holds what is known while a project is looked at.
type finder struct {
	*Project
	opts    Options
	list    *listing
	config  *config
	files   map[string]*edit.PyFile
	classes []*class // see settings.go

	served   string // file of the module that a server is given
	forced   string // import root that follows from a module name that was given
	isForced bool
	starts   []string // "module:name" in files that start the app; see layout.go
}

// Look finds out what is in a folder. It only reads; no code of the project runs.
// Close ends the interpreter that it started.
func Look(ctx context.Context, dir string, opts Options) (*Project, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	list, err := walkProject(root)
	if err != nil {
		return nil, err
	}
	if opts.UsersTable == "" {
		opts.UsersTable = "users"
	}
	l := &finder{Project: &Project{Root: root}, opts: opts, list: list, files: map[string]*edit.PyFile{}}
	if l.config, err = readConfig(root); err != nil {
		return nil, err
	}
	if !l.mayHaveApp() {
		return nil, l.notAProject()
	}
	if l.Python, l.reader, err = findPython(ctx, root, l.homes(), list.venvs, opts.Python); err != nil {
		return nil, err
	}
	if err := l.look(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return l.Project, nil
}

// look fills the Project, one concern after another.
func (l *finder) look(ctx context.Context) error {
	if err := l.read(ctx, "facts", l.worthReading()...); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		l.findEntry, l.findLayout, l.findSettings, l.findAlembic, l.findDatabase, l.findEnvFiles, l.findUsers, l.findDiscovery,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	l.Name = l.config.name(l.Root)
	l.Formatter = l.config.formatter(l.Root, l.RunDir)
	l.TestsDir, l.Sources = l.findTests(), l.list.python
	return nil
}

// Close ends the interpreter.
func (p *Project) Close() {
	if p.reader != nil {
		p.reader.stop()
	}
}

// CheckPython parses every source with the project's interpreter. The first that
// does not parse, by path, is returned as an *Unreadable.
func (p *Project) CheckPython(ctx context.Context, sources map[string][]byte) error {
	paths := make([]string, 0, len(sources))
	requests := make([]request, 0, len(sources))
	for file := range sources {
		paths = append(paths, file)
	}
	sort.Strings(paths)
	for _, file := range paths {
		requests = append(requests, request{"check", sources[file]})
	}
	answers, err := p.reader.ask(ctx, requests)
	if err != nil {
		return err
	}
	for i, a := range answers {
		if a.Error != nil {
			return &Unreadable{paths[i], a.Error.Line, a.Error.Message}
		}
	}
	return nil
}

// Parse reads a text as the file at that path: for a second edit of one file.
func (p *Project) Parse(ctx context.Context, file string, src []byte) (*edit.PyFile, error) {
	answers, err := p.reader.ask(ctx, []request{{"facts", src}})
	if err != nil {
		return nil, err
	}
	return &edit.PyFile{Path: file, Module: p.moduleOf(file), Src: src, Body: answers[0].Body, Error: answers[0].Error}, nil
}

// read takes the facts of files into the cache; those that are there stay.
func (l *finder) read(ctx context.Context, verb string, paths ...string) error {
	var requests []request
	var fresh []string
	for _, file := range paths {
		if l.files[file] != nil || slices.Contains(fresh, file) {
			continue
		}
		src, err := l.source(file)
		if err != nil {
			l.files[file] = &edit.PyFile{Path: file, Error: &edit.PyError{Message: reason(err)}}
			continue
		}
		fresh, requests = append(fresh, file), append(requests, request{verb, src})
	}
	if len(requests) == 0 {
		return nil
	}
	answers, err := l.reader.ask(ctx, requests)
	if err != nil {
		return err
	}
	for i, a := range answers {
		l.files[fresh[i]] = &edit.PyFile{Path: fresh[i], Module: l.moduleOf(fresh[i]), Src: requests[i].data, Body: a.Body, Error: a.Error}
	}
	return nil
}

// file returns the facts of one file, or nil when there is none.
func (l *finder) file(ctx context.Context, name string) (*edit.PyFile, error) {
	if name == "" || !exists(l.abs(name)) {
		return nil, nil
	}
	if err := l.read(ctx, "facts", name); err != nil {
		return nil, err
	}
	return l.files[name], nil
}

func (l *finder) source(file string) ([]byte, error) {
	if src, held := l.list.sources[file]; held {
		return src, nil
	}
	return os.ReadFile(l.abs(file))
}

func reason(err error) string {
	if os.IsPermission(err) {
		return "can't be read: permission denied"
	}
	return "can't be read: " + err.Error()
}

func (p *Project) abs(file string) string { return filepath.Join(p.Root, filepath.FromSlash(file)) }

// moduleOf is the dotted name by which a file is imported.
func (p *Project) moduleOf(file string) string {
	inside := file
	if p.ImportRoot != "" {
		inside = strings.TrimPrefix(file, p.ImportRoot+"/")
	}
	inside = strings.TrimSuffix(strings.TrimSuffix(inside, ".py"), "/__init__")
	return strings.ReplaceAll(inside, "/", ".")
}

// worthReading are the files that hold a mark, without migrations: of those only
// the revision chain matters, and a table of our name.
func (l *finder) worthReading() []string {
	var paths []string
	for file := range l.list.sources {
		if !isMigration(file) || l.namesTable(file) {
			paths = append(paths, file)
		}
	}
	sort.Strings(paths)
	return paths
}

func isMigration(file string) bool { return path.Base(path.Dir(file)) == "versions" }

func (l *finder) namesTable(file string) bool {
	src := string(l.list.sources[file])
	return strings.Contains(src, `"`+l.opts.UsersTable+`"`) || strings.Contains(src, `'`+l.opts.UsersTable+`'`)
}

// sorted lists the files that were read, by path, without those that could not be
// parsed and those below folders of tests, examples and the like.
func (l *finder) sorted() []*edit.PyFile {
	var all []*edit.PyFile
	for _, f := range l.files {
		if f.Error == nil && !aside(f.Path) && !isMigration(f.Path) && l.inHome(f.Path) {
			all = append(all, f)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Path < all[j].Path })
	return all
}

// inHome reports whether a file belongs to the app that was found: another
// service of one repository is not this project.
func (l *finder) inHome(file string) bool {
	return l.RunDir == "" || strings.HasPrefix(file, l.RunDir+"/")
}

// asideNames are folders whose apps, settings and tables are not the project's.
var asideNames = []string{"tests", "test", "testing", "examples", "example", "samples", "docs", "doc", "docs_src",
	"migrations", "alembic", "benchmarks", "benchmark", "notebooks"}

func aside(file string) bool {
	parts := strings.Split(file, "/")
	name := parts[len(parts)-1]
	for _, dir := range parts[:len(parts)-1] {
		if slices.Contains(asideNames, dir) {
			return true
		}
	}
	return name == "conftest.py" || strings.HasPrefix(name, "test_") || strings.HasSuffix(name, "_test.py")
}

func (l *finder) mayHaveApp() bool {
	if l.opts.App != "" {
		return len(l.list.python) > 0
	}
	for file, src := range l.list.sources {
		if !aside(file) && strings.Contains(string(src), "FastAPI") {
			return true
		}
	}
	return false
}

func (l *finder) notAProject() error {
	looked := fmt.Sprintf("none of %d Python files makes one", len(l.list.python))
	if l.config.path != "" {
		looked += "; " + l.config.path + " was looked at too"
	}
	return &NotAProject{Dir: l.Root, Looked: looked}
}

// homes are the folders from the likeliest app up to the root, where a virtual
// environment may stand.
func (l *finder) homes() []string {
	best := ""
	for _, file := range l.worthReading() {
		if strings.Contains(string(l.list.sources[file]), "FastAPI") && !aside(file) && (best == "" || place(file) < place(best)) {
			best = file
		}
	}
	dirs := []string{}
	for dir := up(best); dir != ""; dir = up(dir) {
		dirs = append(dirs, dir)
	}
	return append(dirs, "")
}

func (l *finder) findTests() string {
	for _, dir := range []string{l.RunDir, l.ImportRoot, "", l.PackageDir} {
		for _, name := range []string{"tests", "test"} {
			if l.list.dirs[path.Join(dir, name)] {
				return path.Join(dir, name)
			}
		}
	}
	return path.Join(l.RunDir, "tests")
}
