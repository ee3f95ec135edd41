package verify_test

import (
	"cmp"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/verify"
	"fastman/templates"
)

// byHand are what somebody makes of a project in its first month: the prefix and some
// routes are others, the table of users has two columns more, one of which is in the body
// of a registration and in the answers, tokens have a claim more, passwords are longer,
// and errors, mails and the page are in another language.
var byHand = map[string][]edit{
	"fastapi": {
		{"app/features/auth/*.py app/features/auth/static/passkey.js app/core/config.py", `"/auth`, `"/account`},
		{"app/features/auth/router.py", `@router.post("/login",`, `@router.post("/sign-in",`},
		{"app/features/auth/dependencies.py", `"/account/login"`, `"/account/sign-in"`},
		{"app/features/auth/router.py", `@router.get("/me",`, `@router.get("/profile",`},
		{"app/core/config.py", `"/account/me"`, `"/account/profile"`},
		{"app/features/auth/router.py", `"/sessions/{session_id:path}"`, `"/devices/{session_id:path}"`},
		{"app/features/auth/passkey_router.py", `"/passkey/credentials`, `"/keys`},
		{"app/features/auth/oauth_router.py", `"/login/{provider}"`, `"/with/{provider}"`},
		{"app/features/auth/oauth_router.py", `"/callback`, `"/back`},
		{"app/features/auth/oauth_router.py", `"/account/callback"`, `"/account/back"`},
		{"app/features/auth/events.py", `"/account/callback"`, `"/account/back"`},

		{"app/features/auth/models.py", "    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())\n    updated_at", "    city: Mapped[str | None] = mapped_column(Text)\n    points: Mapped[int] = mapped_column(Integer, default=0, server_default=\"0\")\n    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now())\n    updated_at"},
		{"app/features/auth/schemas.py", "    password: Password\n\n    @field_validator", "    password: Password\n    city: str | None = None\n\n    @field_validator"},
		{"app/features/auth/schemas.py", "    oauth_provider: str | None\n    created_at: datetime\n", "    oauth_provider: str | None\n    created_at: datetime\n    city: str | None\n    points: int\n"},
		{"app/features/auth/security.py", `        "exp": now + seconds,`, "        \"exp\": now + seconds,\n        \"edition\": \"pro\","},
		{"app/features/auth/passwords.py", "if len(nfc(password)) < config.password_min_length:", "if len(nfc(password)) < max(15, config.password_min_length):"},

		{"app/features/auth/*.py", `"Incorrect username or password"`, `"Benutzername oder Passwort ist falsch"`},
		{"app/features/auth/*.py", `"Could not validate credentials"`, `"Bitte neu anmelden"`},
		{"app/features/auth/*.py", `"Not authenticated"`, `"Nicht angemeldet"`},
		{"app/features/auth/*.py", `"Unknown provider"`, `"Unbekannter Anbieter"`},
		{"app/features/auth/mails.py", `"/account/ui#`, `"/willkommen#`},
		{"app/features/auth/mails.py", "choose a new password", "neues Passwort wählen"},
		{"app/features/auth/mails.py", "your password was changed", "Kennwort geändert"},
		{"app/features/auth/mails.py", "your address was confirmed", "Adresse bestätigt"},
		{"app/features/auth/mails.py", "before its address was confirmed", "bevor die Adresse bestätigt war"},
		{"app/features/auth/mails.py", `{_link(base_url, "reset", token)}`, `Bitte hier klicken: {_link(base_url, "reset", token)} (dreißig Minuten lang).`},
		{"app/features/auth/static/ui.html", "Sign in", "Anmelden"},
		{"app/features/auth/static/ui.html", `<html lang="en">`, `<html lang="de">`},
		{"app/features/auth/static/ui.css", "--accent: #1f4fd8;", "--accent: #7a1f5c;"},
	},
	"go": {
		{"auth.go", "\tdb, err := auth.Open(", "\tconfig.Prefix, config.AfterLoginURL = \"/account\", \"/account/profile\"\n\tdb, err := auth.Open("},
		{"internal/auth/handlers_password.go", `"/login":`, `"/sign-in":`},
		{"internal/auth/openapi_password.go", `"/login"`, `"/sign-in"`},
		{"internal/auth/auth.go", `"/me":`, `"/profile":`},
		{"internal/auth/openapi.go", `"/me"`, `"/profile"`},
		{"internal/auth/auth.go internal/auth/handlers.go", `"/sessions/"`, `"/devices/"`},
		{"internal/auth/passkey_handlers.go internal/auth/auth.go", `"/passkey/credentials`, `"/keys`},
		{"internal/auth/auth.go internal/auth/oauth_handlers.go", `"/login/"`, `"/with/"`},
		{"internal/auth/oauth_handlers.go", `a.usableService(r, "/login")`, `a.usableService(r, cmp.Or(map[bool]string{true: "/with"}[strings.Contains(r.URL.Path, "/with/")], "/login"))`},
		{"internal/auth/auth.go internal/auth/oauth_handlers.go", `"/callback`, `"/back`},

		{"internal/auth/user.go", "\tCreatedAt     time.Time `json:\"created_at\"`\n", "\tCreatedAt     time.Time `json:\"created_at\"`\n\tCity          string    `json:\"city\"`\n"},
		{"internal/auth/handlers_password.go", "\tpassword = given.text(\"password\", fits,", "\tgiven.optionalText(\"city\", fits)\n\tpassword = given.text(\"password\", fits,"},
		{"internal/auth/tokens.go", `"exp": now + int64(lifetime/time.Second),`, "\"exp\": now + int64(lifetime/time.Second),\n\t\t\"edition\": \"pro\","},
		{"internal/auth/config.go", "cmp.Or(c.PasswordMinLength, 8)", "max(15, c.PasswordMinLength)"},

		{"internal/auth/*.go", `"Incorrect username or password"`, `"Benutzername oder Passwort ist falsch"`},
		{"internal/auth/*.go", `"Could not validate credentials"`, `"Bitte neu anmelden"`},
		{"internal/auth/*.go", `"Not authenticated"`, `"Nicht angemeldet"`},
		{"internal/auth/*.go", `"Unknown provider"`, `"Unbekannter Anbieter"`},
		{"internal/auth/mails*.go", "choose a new password", "neues Passwort wählen"},
		{"internal/auth/mails*.go", "your password was changed", "Kennwort geändert"},
		{"internal/auth/mails*.go", "your address was confirmed", "Adresse bestätigt"},
		{"internal/auth/mails*.go", "before its address was confirmed", "bevor die Adresse bestätigt war"},
		{"internal/auth/mails_password.go", "once:\n\n%s\n", "once:\n\nBitte hier klicken: %s (dreißig Minuten lang).\n"},
		{"internal/auth/static/ui.html", "Sign in", "Anmelden"},
		{"internal/auth/static/ui.html", `<html lang="en">`, `<html lang="de">`},
		{"internal/auth/static/ui.css", "--accent: #1f4fd8;", "--accent: #7a1f5c;"},
		{"internal/auth/static/passkey.js", `"/auth"`, `"/account"`},
	},
}

// added are files that come with it.
var added = map[string]map[string]string{
	"fastapi": {"alembic/versions/0000000000aa_more.py": `import sqlalchemy as sa

from alembic import op

revision = "0000000000aa"
down_revision = "c3a97f12e804"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("city", sa.Text()))
    op.add_column("users", sa.Column("points", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("users", "points")
    op.drop_column("users", "city")
`},
	"go": {"internal/auth/migrations/sqlite/00100_more.sql": `-- +goose Up
ALTER TABLE users ADD COLUMN city TEXT;
ALTER TABLE users ADD COLUMN points INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE users DROP COLUMN points;
ALTER TABLE users DROP COLUMN city;
`},
}

// touched are the cases that look at what was edited. TEST_ALL=1 runs every case.
const touched = `^(register/|identity/|password/(at-|any)|login/answers|login/failures|me/|token/(claims|exp|sub)|refresh/answers|sessions/|logout/|answers/|change/|forgot/|reset/|verify/|mail/(off|repeat|notices)` +
	`|page/|oauth/(login|callback|next|the-callback|a-state-that|an-existing|the-address|a-squatters|without-next|an-unknown)|providers/|native/|passkey/(register|manage|list|removing|renam|somebodys)|recovery/)`

// Whoever has edited a project by hand sees it hold.
func TestEditedByHandHolds(t *testing.T) {
	set := feature.NewSet(feature.JWT, feature.Passkey).WithProviders(feature.Google, feature.GitHub).WithUI(true)
	for _, stack := range stacks {
		t.Run(stack, func(t *testing.T) {
			dir := newProjectOf(t, stack, set)
			for _, e := range byHand[stack] {
				e.make(t, dir)
			}
			for name, text := range added[stack] {
				write(t, filepath.Join(dir, filepath.FromSlash(name)), []byte(text))
			}
			only := touched
			if os.Getenv("TEST_ALL") != "" {
				only = ""
			}
			report := judged(t, dir, cmp.Or(os.Getenv("TEST_ONLY"), only))
			if report.Status != verify.StatusHeld || report.Prefix != "/account" {
				t.Errorf("%s below %s, %+v", report.Status, report.Prefix, report.Counts)
			}
			wantAllHeld(t, report)
		})
	}
}

func wantAllHeld(t *testing.T, report *verify.Report) {
	t.Helper()
	for _, c := range report.Cases {
		if c.Outcome == verify.Failed || c.Outcome == verify.NotJudged {
			t.Errorf("%s: %s: %s", c.Name, c.Outcome, c.Detail)
		}
	}
}

// make replaces a text wherever it stands in some files; it has to stand in one.
func (e edit) make(t *testing.T, dir string) {
	t.Helper()
	found := false
	for _, pattern := range strings.Fields(e.file) {
		files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if changed := strings.ReplaceAll(string(src), e.old, e.new); changed != string(src) && !strings.HasSuffix(file, "_test.go") {
				write(t, file, []byte(changed))
				found = true
			}
		}
	}
	if !found {
		t.Errorf("%s does not hold %q", e.file, e.old)
	}
}

// Whoever has taken routes out, or asks for more at a registration, is told what that
// keeps from being judged; nothing of it passes for held.
func TestUnknownIsNotHeld(t *testing.T) {
	for _, test := range []struct {
		name, only string
		edits      []edit
		outcome    verify.Outcome
		detail     string
	}{
		{"a route is gone", "^sessions/delete-of-another", []edit{{"app/features/auth/router.py", "@router.delete(\n    \"/sessions/{session_id:path}\",\n    status_code=status.HTTP_204_NO_CONTENT,\n    responses=_problems(401, 404),\n)\n", ""}},
			verify.NotApplicable, "DELETE /sessions/{} is not in the app any more"},
		{"a route on the way is gone", "^sessions/the-newest", []edit{{"app/features/auth/router.py", "@router.post(\"/login\", responses=_problems(401, 429, 503), openapi_extra=_login_body())\n", ""}},
			verify.NotJudged, "POST /login is not in the app any more, and the case passes through it"},
		{"a handler has another name", "^login/answers", []edit{
			{"app/features/auth/router.py", `@router.post("/login",`, `@router.post("/sign-in",`}, {"app/features/auth/router.py", "async def login(", "async def sign_in("}},
			verify.NotJudged, "no handler is called login any more; POST /auth/sign-in of sign_in may be it"},
		{"a registration needs more", "^register/", []edit{{"app/features/auth/schemas.py", "    password: Password\n\n    @field_validator", "    password: Password\n    city: str\n\n    @field_validator"}},
			verify.NotJudged, `POST /register asks for the field "city", which the suite does not know`},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := newProject(t, "fastapi")
			for _, e := range test.edits {
				e.make(t, dir)
			}
			report := judged(t, dir, test.only)
			if report.Status == verify.StatusHeld {
				t.Errorf("it is held: %+v", report.Counts)
			}
			for _, c := range report.Cases {
				if regexp.MustCompile("not installed").MatchString(c.Detail) {
					continue
				}
				if c.Outcome != test.outcome || !strings.Contains(c.Detail, test.detail) {
					t.Errorf("%s is %s: %s", c.Name, c.Outcome, c.Detail)
				}
			}
		})
	}
}

// A sign-in that is mounted below something of the owner's is judged where it is; where
// nothing is to be found, nothing is judged.
func TestMountedElsewhere(t *testing.T) {
	for _, test := range []struct {
		stack string
		edit  edit
		at    string
	}{
		{"fastapi", edit{"app/main.py", "include_router(auth_router)", `include_router(auth_router, prefix="/api/v1")`}, "/api/v1/auth"},
		{"fastapi", edit{"app/main.py", "app.include_router(auth_router)", `api = FastAPI()` + "\n" + `api.include_router(auth_router)` + "\n" + `app.mount("/api", api)`}, "/api/auth"},
		{"fastapi", edit{"app/main.py", "app.include_router(auth_router)\n", ""}, ""},
		{"go", edit{"internal/auth/config.go", `cmp.Or(c.Prefix, "/auth")`, `cmp.Or(c.Prefix, "/api/v1/auth")`}, "/api/v1/auth"},
		{"go", edit{"main.go", "authn.Middleware(mux),", `http.StripPrefix("/api", authn.Middleware(mux)),`}, ""},
	} {
		t.Run(test.stack+" "+test.at, func(t *testing.T) {
			dir := newProject(t, test.stack)
			test.edit.make(t, dir)
			report, err := verify.Run(t.Context(), verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}, Only: "^(register/answers|me/)"})
			var unjudged *verify.Unjudged
			switch {
			case test.at == "":
				if !errors.As(err, &unjudged) || !strings.Contains(unjudged.What, "the app has no GET /auth/me") {
					t.Errorf("%+v, %v", report, err)
				}
			case err != nil || report.Status != verify.StatusHeld || report.Prefix != test.at:
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

// A server that runs says where its sign-in is, on either stack.
func TestRunningElsewhere(t *testing.T) {
	for stack, described := range map[string]string{
		"fastapi": `{"paths": {"/api/v1/auth/profile": {"get": {"operationId": "me_api_v1_auth_profile_get", "tags": ["auth"]}},
			"/api/v1/auth/refresh": {"post": {"operationId": "refresh_api_v1_auth_refresh_post", "tags": ["auth"]}}, "/users/me": {"get": {"operationId": "me_users_me_get"}}}}`,
		"go": `{"paths": {"/api/v1/auth/me": {"get": {"tags": ["auth"]}}, "/api/v1/auth/sessions/{session_id}": {"delete": {"tags": ["auth"]}}}}`,
	} {
		me := map[string]string{"fastapi": "/api/v1/auth/profile", "go": "/api/v1/auth/me"}[stack]
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/openapi.json":
				_, _ = w.Write([]byte(described))
			case me, "/api/v1/auth/sessions":
				w.Header().Set("WWW-Authenticate", "Bearer")
				w.WriteHeader(http.StatusUnauthorized)
			case "/api/v1/auth/refresh":
				w.WriteHeader(http.StatusUnprocessableEntity)
			default:
				t.Errorf("%s: %s was asked for", stack, r.URL.Path)
			}
		}))
		defer server.Close()
		options := verify.Options{Common: install.Common{Dir: newProject(t, stack), Templates: templates.Builtin()}, URL: server.URL, Only: "^server/who-shows-no-token-is-nobody"}
		report, err := verify.Run(t.Context(), options)
		if err != nil || report.Prefix != "/api/v1/auth" || report.Counts.Held != 1 {
			t.Errorf("%s: %v, %+v", stack, err, report)
		}
	}
}
