package project

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/edit"
)

// findEnvFiles lists the live env files and their examples: in Root, ImportRoot,
// RunDir, and wherever Settings reads one inside the project.
func (l *finder) findEnvFiles(context.Context) error {
	dirs := []string{"", l.ImportRoot, l.RunDir}
	l.NewEnvFile = path.Join(l.RunDir, ".env")
	if l.Settings != nil {
		for _, file := range l.Settings.EnvFiles {
			if inside(file) {
				dirs = append(dirs, up(file))
			}
		}
		if i := slices.IndexFunc(l.Settings.EnvFiles, inside); i >= 0 {
			l.NewEnvFile = l.Settings.EnvFiles[i]
		}
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		l.takeEnvFiles(dir)
	}
	if l.Settings != nil {
		for _, file := range l.Settings.EnvFiles {
			if inside(file) && !slices.Contains(l.EnvFiles, file) && l.isFile(file) && isLive(path.Base(file)) {
				l.EnvFiles = append(l.EnvFiles, file)
			}
		}
	}
	return nil
}

// inside reports whether a path stays in Root.
func inside(file string) bool {
	return !path.IsAbs(file) && file != ".." && !strings.HasPrefix(file, "../")
}

func (l *finder) takeEnvFiles(dir string) {
	live, examples := EnvFiles(l.Root, dir)
	l.EnvFiles, l.EnvExamples = append(l.EnvFiles, live...), append(l.EnvExamples, examples...)
}

// EnvFiles lists the env files in folders of a project that an app reads, and the
// examples beside them. It follows symlinks: an env file may be one.
func EnvFiles(root string, dirs ...string) (live, examples []string) {
	for _, dir := range dirs {
		entries, _ := os.ReadDir(filepath.Join(root, filepath.FromSlash(dir)))
		for _, e := range entries {
			name, file := e.Name(), path.Join(dir, e.Name())
			info, err := os.Stat(filepath.Join(root, filepath.FromSlash(file)))
			switch {
			case name != ".env" && !strings.HasPrefix(name, ".env."), err != nil, !info.Mode().IsRegular():
			case example(name):
				examples = append(examples, file)
			case isLive(name):
				live = append(live, file)
			}
		}
	}
	return live, examples
}

func (l *finder) isFile(file string) bool {
	info, err := os.Stat(l.abs(file))
	return err == nil && info.Mode().IsRegular()
}

func example(name string) bool {
	return slices.Contains([]string{".example", ".sample", ".template", ".dist"}, path.Ext(name))
}

// isLive reports whether an env file is read by an app, and not keys, ciphertext,
// or a file that fastman or an editor put beside one.
func isLive(name string) bool {
	return !example(name) && name != ".env.keys" && name != ".env.vault" &&
		!slices.Contains([]string{".enc", ".fastman-new", ".bak", ".swp", ".orig"}, path.Ext(name)) && !strings.HasSuffix(name, "~")
}

// envValue reads one variable of an env file, as far as its quoting is plain.
func (l *finder) envValue(file, key string) string {
	src, err := os.ReadFile(l.abs(file))
	if err != nil {
		return ""
	}
	value, _ := edit.DotenvGet(src, key)
	return value
}

// findDiscovery recognises the loader of the original Fastman's layout in the
// file that makes the app.
func (l *finder) findDiscovery(ctx context.Context) error {
	module := ""
	l.Entry.File.Calls(func(call *edit.Expr) {
		full := l.Entry.File.Resolve(call.Name)
		if at := strings.LastIndexByte(full, '.'); at > 0 && full[at+1:] == "discover_routers" {
			module = full[:at]
		}
	})
	file, err := l.file(ctx, l.ownModule(module))
	if file == nil || err != nil || module == "" {
		return err
	}
	l.Entry.Discovery = &Discovery{Path: file.Path, Prefix: l.discoveryPrefix(file)}
	return nil
}

// discoveryPrefix is where the loader mounts: a setting in newer versions of the
// layout, text in older ones.
func (l *finder) discoveryPrefix(f *edit.PyFile) string {
	const setting, usual = "API_V1_PREFIX", "/api/v1"
	if !strings.Contains(string(f.Src), setting) {
		if strings.Contains(string(f.Src), usual) {
			return usual
		}
		return ""
	}
	for _, file := range l.EnvFiles {
		if value := l.envValue(file, setting); value != "" {
			return value
		}
	}
	if l.Settings != nil {
		if field, found := l.Settings.Field(setting); found && field.Default != nil && field.Default.Kind == "str" {
			return field.Default.Name
		}
	}
	return usual
}
