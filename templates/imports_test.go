package templates_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"fastman/internal/run"
	"fastman/internal/testbed"
)

// A package is known by the modules that it really has; by them a removal finds out
// whether the user's code needs it.
func TestPackagesSayTheirModules(t *testing.T) {
	const ask = `
import json, re
from importlib.metadata import packages_distributions
print(json.dumps({module: [re.sub(r"[-_.]+", "-", d).lower() for d in dists] for module, dists in packages_distributions().items()}))`
	res, err := run.Run(context.Background(), run.Spec{Args: []string{filepath.Join(testbed.Venv(t), "python"), "-c", ask}})
	if err != nil {
		t.Fatal(err)
	}
	var modules map[string][]string
	if err := json.Unmarshal(res.Stdout, &modules); err != nil {
		t.Fatal(err)
	}
	for _, p := range library.Packages {
		if len(p.Imports) == 0 {
			t.Errorf("%s: no modules", p.Name)
		}
		for _, module := range p.Imports {
			if !slices.Contains(modules[module], p.Name) {
				t.Errorf("%s: module %s is of %v", p.Name, module, modules[module])
			}
		}
	}
}
