package verify

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fastman/internal/feature"
	"fastman/internal/install"
)

const goodKey = "an-example-of-a-key-that-is-long-enough-0"

// Settings that production must not be run with are found, each with its cure; none of a
// file that is fine.
func TestProductionSettings(t *testing.T) {
	fine := "ENVIRONMENT=production\nSECRET_KEY=" + goodKey + "\nAUTH_PUBLIC_URL=https://app.example\nOAUTH_CLIENT_ID=x1\nOAUTH_CLIENT_SECRET=x2\n"
	for text, want := range map[string]string{
		fine: "",
		"ENVIRONMENT=development\nDEBUG=1\nBCRYPT_ROUNDS=4\nOAUTH_CLIENT_ID=your-client-id\n": "",
		"SECRET_KEY=your-secret-key-here\nAUTH_PUBLIC_URL=https://a.example\n":                "SECRET_KEY",
		"SECRET_KEY=short\nAUTH_PUBLIC_URL=https://a.example\n":                               "SECRET_KEY",
		fine + "DEBUG=True\n":                                                 "DEBUG",
		fine + "BCRYPT_ROUNDS=8\n":                                            "BCRYPT_ROUNDS",
		fine + "AUTH_TRUSTED_PROXIES=10.0.0.1,0.0.0.0/0\n":                    "AUTH_TRUSTED_PROXIES",
		fine + "AUTH_TRUSTED_ORIGINS=https://a.example,http://b.example\n":    "AUTH_TRUSTED_ORIGINS",
		fine + "PASSKEY_RP_ID=localhost\n":                                    "PASSKEY_RP_ID",
		strings.Replace(fine, "https:", "http:", 1):                           "AUTH_PUBLIC_URL",
		strings.Replace(fine, "AUTH_PUBLIC_URL=https://app.example\n", "", 1): "AUTH_PUBLIC_URL",
		strings.Replace(fine, "=x2", "=your-client-secret", 1):                "OAUTH_CLIENT_SECRET",
	} {
		found := inProject(t, map[string]string{".env.production": text})
		if names := namesOf(found); strings.Join(names, " ") != want {
			t.Errorf("of %q these are found: %q, want %q", text, names, want)
		}
		for _, f := range found {
			if f.Cure == "" || strings.Contains(f.What, "short") || strings.Contains(f.What, goodKey) {
				t.Errorf("%+v", f)
			}
		}
	}
}

// A key that stands in two files, in an example, or in the code is found.
func TestSharedKeys(t *testing.T) {
	key := "ENVIRONMENT=test\nSECRET_KEY=" + goodKey + "\n"
	for name, files := range map[string]map[string]string{
		"two files":  {".env": key, ".env.test": key},
		"an example": {".env.example": key},
		"the code":   {"app/config.py": "class Settings:\n    SECRET_KEY: str = \"" + goodKey + "\"\n"},
	} {
		if found := inProject(t, files); !slices.Equal(namesOf(found), []string{"SECRET_KEY"}) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

// Code that lets every site act with a visitor's cookies is found, and other code is not.
func TestWildcardOrigins(t *testing.T) {
	for text, want := range map[string]int{
		"app.add_middleware(CORSMiddleware, allow_origins=[\"*\"], allow_credentials=True)":                  1,
		"app.add_middleware(\n    CORSMiddleware,\n    allow_credentials=True,\n    allow_origins=['*'],\n)": 1,
		"app.add_middleware(CORSMiddleware, allow_origins=[\"*\"])":                                          0,
		"app.add_middleware(CORSMiddleware, allow_origins=[\"https://a.example\"], allow_credentials=True)":  0,
		"app = FastAPI(title=\"x\", debug=True)":                                                             1,
	} {
		if found := inProject(t, map[string]string{"app/main.py": text}); len(found) != want {
			t.Errorf("%q: %+v", text, found)
		}
	}
	if found := inProject(t, map[string]string{"main.go": "cors.Options{\n\tAllowedOrigins: []string{\"*\"},\n\tAllowCredentials: true,\n}"}); len(found) != 1 {
		t.Errorf("Go: %+v", found)
	}
}

// inProject is what is found in a project of such files.
func inProject(t *testing.T, files map[string]string) []Finding {
	t.Helper()
	i := &install.Installation{Root: t.TempDir(), Stack: "fastapi", Set: feature.NewSet(feature.JWT, feature.OAuth, feature.Passkey)}
	for name, text := range files {
		file := filepath.Join(i.Root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		switch {
		case install.IsEnv(name):
			i.EnvFiles = append(i.EnvFiles, name)
		case strings.HasPrefix(name, ".env"):
			i.Examples = append(i.Examples, name)
		}
	}
	return checkSettings(i)
}

func namesOf(found []Finding) []string {
	var names []string
	for _, f := range found {
		names = append(names, f.Name)
	}
	return names
}
