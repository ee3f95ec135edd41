package verify

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/testbed"
	"fastman/templates"
)

const (
	goodKey  = "an-example-of-a-key-that-is-long-enough-0"
	otherKey = "another-one-of-a-key-that-is-long-enough-1"
)

var bothStacks = []string{"fastapi", "go"}

// Settings that production must not be run with are found, each with its cure; none of a
// file that is fine.
func TestProductionSettings(t *testing.T) {
	fine := "ENVIRONMENT=production\nSECRET_KEY=" + goodKey + "\nAUTH_PUBLIC_URL=https://app.example\nOAUTH_CLIENT_ID=x1\nOAUTH_CLIENT_SECRET=x2\n"
	for text, want := range map[string]string{
		fine: "",
		"ENVIRONMENT=test\nDEBUG=1\nBCRYPT_ROUNDS=4\nOAUTH_CLIENT_ID=your-client-id\nSESSION_COOKIE_SECURE=false\n": "ENVIRONMENT",
		"SECRET_KEY=your-secret-key-here\nAUTH_PUBLIC_URL=https://a.example\n":                                      "SECRET_KEY",
		"SECRET_KEY=short\nAUTH_PUBLIC_URL=https://a.example\n":                                                     "SECRET_KEY",
		"SECRET_KEY='short'\nAUTH_PUBLIC_URL=https://a.example\n":                                                   "SECRET_KEY",
		fine + "SECRET_KEY_PREVIOUS=" + otherKey + ",short\n":                                                       "SECRET_KEY_PREVIOUS",
		fine + "SECRET_KEY_PREVIOUS=" + otherKey + ", " + goodKey + "x\n":                                           "",
		fine + "DEBUG=True\n":                                                 "DEBUG",
		fine + "DEBUG=false\n":                                                "",
		fine + "BCRYPT_ROUNDS=8\n":                                            "BCRYPT_ROUNDS",
		fine + "SESSION_COOKIE_SECURE=false\n":                                "SESSION_COOKIE_SECURE",
		fine + "COOKIE_HTTPONLY=0\n":                                          "COOKIE_HTTPONLY",
		fine + "COOKIE_HTTPONLY=true\n":                                       "",
		fine + "AUTH_TRUSTED_PROXIES=10.0.0.1,0.0.0.0/0\n":                    "AUTH_TRUSTED_PROXIES",
		fine + "AUTH_TRUSTED_ORIGINS=https://a.example,http://b.example\n":    "AUTH_TRUSTED_ORIGINS",
		fine + "PASSKEY_ORIGIN=http://app.example\n":                          "PASSKEY_ORIGIN",
		fine + "PASSKEY_RP_ID=localhost\n":                                    "PASSKEY_RP_ID",
		strings.Replace(fine, "https:", "http:", 1):                           "AUTH_PUBLIC_URL",
		strings.Replace(fine, "AUTH_PUBLIC_URL=https://app.example\n", "", 1): "AUTH_PUBLIC_URL",
		strings.Replace(fine, "=x2", "=your-client-secret", 1):                "OAUTH_CLIENT_SECRET",
	} {
		for _, stack := range bothStacks {
			found := inProject(t, stack, map[string]string{".env.production": text})
			if names := namesOf(found); strings.Join(names, " ") != want {
				t.Errorf("%s: of %q these are found: %q, want %q", stack, text, names, want)
			}
			wantCures(t, found, "'short'", goodKey, otherKey)
		}
	}
}

// What is fine in development is not looked at there.
func TestDevelopmentSettings(t *testing.T) {
	text := "ENVIRONMENT=development\nDEBUG=1\nBCRYPT_ROUNDS=4\nOAUTH_CLIENT_ID=your-client-id\nAUTH_PUBLIC_URL=http://localhost:8000\nCOOKIE_SECURE=no\n"
	for _, stack := range bothStacks {
		if found := inProject(t, stack, map[string]string{".env": text}); len(found) > 0 {
			t.Errorf("%s: %+v", stack, found)
		}
	}
}

// wantCures expects that each finding says what to do, and gives no value away.
func wantCures(t *testing.T, found []Finding, values ...string) {
	t.Helper()
	for _, f := range found {
		all := strings.Join([]string{f.File, f.Name, f.What, f.Cure}, "\n")
		if f.File == "" || f.Name == "" || f.What == "" || f.Cure == "" || slices.ContainsFunc(values, func(v string) bool { return strings.Contains(all, v) }) {
			t.Errorf("no cure, or a value: %+v", f)
		}
	}
}

// A key that stands in two files, in an example, or in the code is found.
func TestSharedKeys(t *testing.T) {
	key := "ENVIRONMENT=test\nSECRET_KEY=" + goodKey + "\n"
	for name, files := range map[string]map[string]string{
		"two files":            {".env": key, ".env.test": key},
		"an example":           {".env.example": key},
		"code of FastAPI":      {"app/config.py": "class Settings:\n    SECRET_KEY: str = \"" + goodKey + "\"\n"},
		"code of Go":           {"main.go": "package main\n\nfunc init() { os.Setenv(\"SECRET_KEY\", \"" + goodKey + "\") }\n"},
		"a former key in use":  {".env": key, ".env.test": "ENVIRONMENT=test\nSECRET_KEY=" + otherKey + "\nSECRET_KEY_PREVIOUS=" + goodKey + "\n"},
		"twice, once in quote": {".env": key, ".env.test": "SECRET_KEY=\"" + goodKey + "\"\nENVIRONMENT=test\n"},
	} {
		for _, stack := range bothStacks {
			found := inProject(t, stack, files)
			if names := namesOf(found); len(names) != 1 || !strings.HasPrefix(names[0], "SECRET_KEY") {
				t.Errorf("%s, %s: %+v", stack, name, found)
			}
			wantCures(t, found, goodKey, otherKey)
		}
	}
}

// Secrets that whoever has a copy of the repository has are found: env files under version
// control, keys in other files, and keys of earlier commits that are still in use.
func TestSecretsInVersionControl(t *testing.T) {
	const password = "a-password-of-the-database"
	key := "ENVIRONMENT=test\nSECRET_KEY=" + goodKey + "\n"
	ignored := map[string]string{".env": key, ".gitignore": ".env\n"}
	with := func(name, text string) map[string]string {
		return map[string]string{".env": key, ".gitignore": ".env\n", name: text}
	}
	for what, c := range map[string]struct {
		files map[string]string
		later func(t *testing.T, root string)
		want  []string // file and name
	}{
		"an ignored env file":            {files: ignored},
		"an env file":                    {files: map[string]string{".env": key}, want: []string{".env SECRET_KEY"}},
		"an env file of others' secrets": {files: map[string]string{".env.test": "ENVIRONMENT=test\nDATABASE_URL=postgresql://app:" + password + "@db/app\n"}, want: []string{".env.test DATABASE_URL"}},
		"a token of another service":     {files: map[string]string{".env.test": "ENVIRONMENT=test\nDEPLOY_TOKEN=" + password + "\n"}, want: []string{".env.test DEPLOY_TOKEN"}},
		"what tells of secrets":          {files: map[string]string{".env.test": "ENVIRONMENT=test\nTOKEN_COOKIE_NAME=auth\nPASSWORD_MIN_LENGTH=9\nDATABASE_URL=postgresql://app:app@db/app\n"}},
		"an env file without secrets":    {files: map[string]string{".env.test": "ENVIRONMENT=test\nACCESS_TOKEN_EXPIRE_MINUTES=30\nDATABASE_URL=sqlite:///./app.db\nSECRET_KEY=changeme\n"}, want: []string{".env.test SECRET_KEY"}}, // the placeholder alone
		"an example":                     {files: with(".env.example", "SECRET_KEY=your-secret-key\n")},
		"the key in another file":        {files: with("deploy/compose.yaml", "services:\n  app:\n    environment:\n      SECRET_KEY: "+goodKey+"\n"), want: []string{"deploy/compose.yaml:4 SECRET_KEY"}},
		"the key in code":                {files: with("tests/conftest.py", "import os\nos.environ['SECRET_KEY'] = '"+goodKey+"'\n"), want: []string{"tests/conftest.py:2 SECRET_KEY"}},
		"an env file that was committed": {
			files: map[string]string{".env": key},
			later: func(t *testing.T, root string) {
				write(t, root, ".gitignore", ".env\n")
				git(t, root, "rm", "-q", "--cached", ".env")
				commit(t, root)
			},
			want: []string{".env SECRET_KEY"},
		},
		"one whose key was replaced since": {
			files: map[string]string{".env": key},
			later: func(t *testing.T, root string) {
				write(t, root, ".gitignore", ".env\n")
				git(t, root, "rm", "-q", "--cached", ".env")
				commit(t, root)
				write(t, root, ".env", "ENVIRONMENT=test\nSECRET_KEY="+otherKey+"\n")
			},
		},
	} {
		for _, stack := range bothStacks {
			i := projectOf(t, stack, c.files)
			git(t, i.Root, "init", "-q")
			commit(t, i.Root)
			if c.later != nil {
				c.later(t, i.Root)
			}
			found := checkSettings(i)
			var have []string
			for _, f := range found {
				have = append(have, f.File+" "+f.Name)
			}
			if !slices.Equal(have, c.want) {
				t.Errorf("%s, %s: found %q, want %q", stack, what, have, c.want)
			}
			wantCures(t, found, goodKey, otherKey, password)
		}
	}
}

func commit(t *testing.T, root string) {
	t.Helper()
	git(t, root, "add", "--all")
	git(t, root, "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "state")
}

func git(t *testing.T, root string, args ...string) {
	t.Helper()
	command := exec.CommandContext(context.Background(), "git", append([]string{"-C", root}, args...)...)
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// Code that lets every site act with a visitor's cookies is found, and other code is not.
func TestWildcardOrigins(t *testing.T) {
	wantFindings(t, "fastapi", "app/main.py", map[string]int{
		"app.add_middleware(CORSMiddleware, allow_origins=[\"*\"], allow_credentials=True)":                  1,
		"app.add_middleware(\n    CORSMiddleware,\n    allow_credentials=True,\n    allow_origins=['*'],\n)": 1,
		"app.add_middleware(CORSMiddleware, allow_origin_regex=\".*\", allow_credentials=True)":              1,
		"app.add_middleware(CORSMiddleware, allow_origins=[\"*\"])":                                          0,
		"app.add_middleware(CORSMiddleware, allow_origins=[\"https://a.example\"], allow_credentials=True)":  0,
		"app = FastAPI(title=\"x\", debug=True)":                                                             1,
		"app = FastAPI(title=\"x\", debug=settings.DEBUG)":                                                   0,
	})
	wantFindings(t, "go", "main.go", map[string]int{
		"cors.Options{\n\tAllowedOrigins: []string{\"*\"},\n\tAllowCredentials: true,\n}":       1,
		"cors.Options{\n\tAllowCredentials: true,\n\tAllowedOrigins: []string{\"*\"},\n}":       1,
		"cors.Config{AllowAllOrigins: true, AllowCredentials: true}":                            1,
		"middleware.CORSConfig{AllowOrigins: []string{\"*\"}, AllowCredentials: true}":          1,
		"cors.Options{AllowedOrigins: []string{\"*\"}}":                                         0,
		"cors.Options{AllowedOrigins: []string{\"https://a.example\"}, AllowCredentials: true}": 0,
		"gin.SetMode(gin.DebugMode)":   1,
		"gin.SetMode(gin.ReleaseMode)": 0,
	})
}

// Every origin may also come out of an env file, and matters where code takes cookies
// along.
func TestWildcardOriginsOfSettings(t *testing.T) {
	env := "SECRET_KEY=" + goodKey + "\nAUTH_PUBLIC_URL=https://a.example\nBACKEND_CORS_ORIGINS=[\"*\"]\n"
	python := "app.add_middleware(CORSMiddleware, allow_origins=settings.BACKEND_CORS_ORIGINS, allow_credentials=%)"
	golang := "cors.Options{AllowedOrigins: origins, AllowCredentials: %}"
	for stack, code := range map[string][2]string{"fastapi": {"app/main.py", python}, "go": {"main.go", golang}} {
		for value, want := range map[string]int{"True": 1, "true": 1, "False": 0, "false": 0} {
			if (value[0] < 'a') == (stack == "go") {
				continue
			}
			found := inProject(t, stack, map[string]string{".env.production": env, code[0]: strings.Replace(code[1], "%", value, 1)})
			if names := namesOf(found); len(names) != want || want == 1 && names[0] != "BACKEND_CORS_ORIGINS" {
				t.Errorf("%s, credentials %s: %+v", stack, value, found)
			}
		}
	}
}

// Cookies that scripts may read, or that go over http, are found in code.
func TestCookieFlags(t *testing.T) {
	wantFindings(t, "fastapi", "app/main.py", map[string]int{
		"response.set_cookie(\"s\", value, httponly=False)":                          1,
		"response.set_cookie(\n    \"s\",\n    value,\n    secure=False,\n)":         1,
		"response.set_cookie(\"s\", value, httponly=True, secure=config.production)": 0,
		"app.add_middleware(SessionMiddleware, secret_key=k, https_only=False)":      1,
		"app.add_middleware(SessionMiddleware, secret_key=k, https_only=True)":       0,
	})
	wantFindings(t, "go", "main.go", map[string]int{
		"http.SetCookie(w, &http.Cookie{\n\tName: \"s\", Value: v,\n\tHttpOnly: false,\n})":    1,
		"http.SetCookie(w, &http.Cookie{Name: \"s\", Secure: false})":                          1,
		"http.SetCookie(w, &http.Cookie{Name: \"s\", HttpOnly: true, Secure: c.production()})": 0,
	})
}

// wantFindings expects so many findings in a project of one file, for each text of it.
func wantFindings(t *testing.T, stack, file string, texts map[string]int) {
	t.Helper()
	for text, want := range texts {
		if found := inProject(t, stack, map[string]string{file: text}); len(found) != want {
			t.Errorf("%q: %+v", text, found)
		}
	}
}

// inProject is what is found in a project of such files.
func inProject(t *testing.T, stack string, files map[string]string) []Finding {
	t.Helper()
	return checkSettings(projectOf(t, stack, files))
}

func projectOf(t *testing.T, stack string, files map[string]string) *install.Installation {
	t.Helper()
	i := &install.Installation{Root: t.TempDir(), Stack: stack, Set: feature.NewSet(feature.JWT, feature.OAuth, feature.Passkey)}
	for name, text := range files {
		write(t, i.Root, name, text)
		switch {
		case install.IsEnv(name):
			i.EnvFiles = append(i.EnvFiles, name)
		case strings.HasPrefix(name, ".env"):
			i.Examples = append(i.Examples, name)
		}
	}
	slices.Sort(i.EnvFiles)
	return i
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	file := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func namesOf(found []Finding) []string {
	var names []string
	for _, f := range found {
		names = append(names, f.Name)
	}
	return names
}

// A new project has nothing to mend; its env file does once it is committed.
func TestNewProjectHasNothingToMend(t *testing.T) {
	for _, stack := range bothStacks {
		t.Run(stack, func(t *testing.T) {
			if stack == "fastapi" {
				t.Setenv("VIRTUAL_ENV", filepath.Dir(testbed.Venv(t)))
			}
			dir := t.TempDir()
			_, err := install.New(t.Context(), install.NewOptions{
				Common: install.Common{Dir: dir, NoDeps: true, NoBoot: true, Yes: true},
				Name:   "shop", Stack: stack, Set: feature.NewSet(feature.Types...).WithProviders(feature.Providers...).WithUI(true),
			})
			if err != nil {
				t.Fatal(err)
			}
			i, err := install.Installed(t.Context(), install.Common{Dir: filepath.Join(dir, "shop"), Templates: templates.Builtin()})
			if err != nil {
				t.Fatal(err)
			}
			git(t, i.Root, "init", "-q")
			commit(t, i.Root)
			if found := checkSettings(i); len(found) > 0 {
				t.Errorf("%+v", found)
			}
			git(t, i.Root, "add", "--force", ".env")
			if found := checkSettings(i); len(found) != 1 || found[0].File != ".env" || !strings.Contains(found[0].Cure, "git rm --cached .env") {
				t.Errorf("a committed env file: %+v", found)
			}
		})
	}
}
