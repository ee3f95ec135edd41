package project

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"fastman/internal/edit"
)

// pathOf evaluates the ways in which people write a path: text, pathlib and
// os.path around __file__, and module-level names that hold such. A path that
// starts from the file is returned as "@/" and relative to Root.
func pathOf(f *edit.PyFile, e *edit.Expr, depth int) (string, bool) {
	const deepest = 12
	if depth > deepest {
		return "", false
	}
	in := func(e *edit.Expr) (string, bool) { return pathOf(f, e, depth+1) }
	switch {
	case e.Kind == "str":
		return e.Name, true
	case e.Kind == "name" && e.Name == "__file__":
		return "@/" + f.Path, true
	case e.Kind == "name":
		return namedPath(f, e.Name, depth)
	case e.Kind == "attr" && e.Name == "parent":
		inner, known := in(&e.Args[0])
		return path.Dir(inner), known
	case e.Kind == "index" && e.Args[0].Kind == "attr" && e.Args[0].Name == "parents":
		inner, known := in(&e.Args[0].Args[0])
		levels, err := strconv.Atoi(e.Args[1].Name)
		for range min(levels, deepest) + 1 {
			inner = path.Dir(inner)
		}
		return inner, known && err == nil
	case e.Kind == "div" || e.Kind == "fstr":
		return joined(e.Args, e.Kind == "div", in)
	case e.Kind == "call" && e.Func != nil && e.Func.Kind == "attr" && slices.Contains([]string{"resolve", "absolute"}, e.Func.Name):
		return in(&e.Func.Args[0])
	case e.Kind == "call" && len(e.Args) > 0:
		return calledPath(e, in)
	}
	return "", false
}

func namedPath(f *edit.PyFile, name string, depth int) (string, bool) {
	if base, attribute, more := strings.Cut(name, "."); more && attribute == "parent" {
		inner, known := namedPath(f, base, depth)
		return path.Dir(inner), known
	}
	for i := range f.Body {
		if s := &f.Body[i]; s.Kind == "assign" && s.Binds(name) && s.Value != nil {
			return pathOf(f, s.Value, depth+1)
		}
	}
	return "", false
}

func calledPath(e *edit.Expr, in func(*edit.Expr) (string, bool)) (string, bool) {
	switch e.Name[strings.LastIndexByte(e.Name, '.')+1:] {
	case "Path", "str", "abspath", "realpath":
		return in(&e.Args[0])
	case "dirname":
		inner, known := in(&e.Args[0])
		return path.Dir(inner), known
	case "join":
		return joined(e.Args, true, in)
	}
	return "", false
}

func joined(args []edit.Expr, slash bool, in func(*edit.Expr) (string, bool)) (string, bool) {
	var parts []string
	for i := range args {
		part, known := in(&args[i])
		if !known {
			return "", false
		}
		parts = append(parts, part)
	}
	if slash {
		return path.Join(parts...), true
	}
	return strings.Join(parts, ""), true
}
