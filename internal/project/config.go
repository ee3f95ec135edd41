package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"
)

// config is what pyproject.toml says that matters here.
type config struct {
	path    string // "pyproject.toml", or "" when there is none
	Project struct{ Name string }
	Tool    struct {
		Poetry  struct{ Name string }
		Fastapi struct{ Entrypoint string }
		Alembic struct {
			ScriptLocation   string `toml:"script_location"`
			VersionLocations any    `toml:"version_locations"`
		}
		Ruff  map[string]any
		Black map[string]any
	}
}

func readConfig(root string) (*config, error) {
	c := &config{}
	src, err := os.ReadFile(filepath.Join(root, "pyproject.toml"))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	c.path = "pyproject.toml"
	if err != nil {
		return nil, &Unreadable{Path: c.path, Message: reason(err)}
	}
	if err := toml.Unmarshal(src, c); err != nil {
		line := 0
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ = at.Position()
		}
		return nil, &Unreadable{c.path, line, err.Error()}
	}
	return c, nil
}

func (c *config) name(root string) string {
	for _, name := range []string{c.Project.Name, c.Tool.Poetry.Name} {
		if name != "" {
			return name
		}
	}
	return filepath.Base(root)
}

// formatter is the one that the project configures. black wins where both are:
// ruff may be there to lint only.
func (c *config) formatter(root, runDir string) string {
	_, format := c.Tool.Ruff["format"]
	switch {
	case c.Tool.Black != nil && !format:
		return "black"
	case c.Tool.Ruff != nil:
		return "ruff"
	}
	for _, dir := range []string{root, filepath.Join(root, filepath.FromSlash(runDir))} {
		for _, name := range []string{"ruff.toml", ".ruff.toml"} {
			if exists(filepath.Join(dir, name)) {
				return "ruff"
			}
		}
	}
	return ""
}
