package project

import (
	"errors"
	"go/scanner"
	"io/fs"
	"path/filepath"
	"strings"
)

// walkGo lists the Go files below root that belong to its module.
func walkGo(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, file)
		name := d.Name()
		switch {
		case err != nil && rel == ".":
			return err
		case err != nil:
			return nil
		case d.IsDir() && rel != "." && leftOut(file, name):
			return fs.SkipDir
		case !d.IsDir() && len(files) < mostFiles && isGoSource(name) && d.Type().IsRegular():
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	return files, err
}

// leftOut are folders that the go command does not look into, and nested modules.
func leftOut(file, name string) bool {
	return name == "vendor" || name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") ||
		strings.HasPrefix(name, "_") || exists(filepath.Join(file, "go.mod"))
}

func isGoSource(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, ".")
}

// goUnreadable is a file that does not parse, with the place of the first error.
func goUnreadable(file string, err error) error {
	var list scanner.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return &Unreadable{Path: file, Line: list[0].Pos.Line, Message: list[0].Msg}
	}
	return &Unreadable{Path: file, Message: err.Error()}
}
