package conformance

import (
	"regexp"
	"strings"
	"time"

	"fastman/internal/feature"
)

var storageCases = []Case{
	{
		Name: "storage/the-session-row-exists-from-the-start", Section: "Bytes: session ids and challenge ids",
		ASVS: []string{"7.2.1"}, Needs: []Need{NeedDB}, Run: storageSession,
	},
	{
		Name: "storage/no-credential-is-stored", Section: "Refresh token: nothing usable is stored",
		Type: feature.JWT, ASVS: []string{"7.2.3", "11.4.2"}, Needs: []Need{NeedDB}, Run: storageNoCredential,
	},
	{
		Name: "storage/times-have-their-form", Section: "Bytes: times UTC",
		Needs: []Need{NeedDB}, Run: storageTimes,
	},
	{
		Name: "storage/tables-have-their-columns", Section: "Bytes: Tables",
		ASVS: []string{"6.2.10", "6.4.2"}, Needs: []Need{NeedDB}, Run: storageTables,
	},
	{
		Name: "storage/the-log-holds-no-credential", Section: "Log: never a password, token, code or e-mail in clear",
		Type: feature.JWT, ASVS: []string{"16.2.5", "16.4.1"}, Needs: []Need{NeedOutput}, Run: storageLog,
	},
}

func storageSession(t *T) {
	acc, s := t.member()
	row := t.row("SELECT user_id, method, expires_at, created_at, last_seen_at FROM auth_sessions WHERE id = ?", s.id())
	who := t.row("SELECT id FROM users WHERE email = ?", acc.email)
	if row[0] != who[0] {
		t.Errorf("the session belongs to user %s, want %s", row[0], who[0])
	}
	if row[1] != t.method() {
		t.Errorf("the session's method is %q, want %s", row[1], t.method())
	}
	count := t.row("SELECT COUNT(*) FROM auth_sessions WHERE user_id = ?", acc.id)
	if count[0] != "1" {
		t.Errorf("%s sessions after one login", count[0])
	}
}

func storageNoCredential(t *T) {
	acc, s := t.member()
	signature := s.access[strings.LastIndexByte(s.access, '.')+1:]
	mac := s.refresh[strings.LastIndexByte(s.refresh, '.')+1:]
	for _, table := range []string{"users", "auth_sessions", "auth_tokens", "auth_throttle", "auth_challenges"} {
		for _, row := range t.query("SELECT * FROM " + table) {
			all := strings.Join(row, "\n")
			for what, secret := range map[string]string{
				"the access token": signature, "the refresh token": mac, "the password": acc.password,
			} {
				if strings.Contains(all, secret) {
					t.Errorf("%s stands in %s", what, table)
				}
			}
		}
	}
}

var storedTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$`)

// timeColumns are all that a sign-in fills.
var timeColumns = map[string][]string{
	"users":         {"created_at", "updated_at"},
	"auth_sessions": {"created_at", "authenticated_at", "last_seen_at", "refreshed_at", "expires_at"},
}

func storageTimes(t *T) {
	acc, s := t.member()
	ids := map[string]any{"users": acc.id, "auth_sessions": s.id()}
	for table, columns := range timeColumns {
		for _, column := range columns {
			if t.target.Dialect == Postgres {
				t.wantTimestamptz(table, column)
			} else {
				t.wantTimeText(table, column, ids[table])
			}
		}
	}
}

func (t *T) wantTimestamptz(table, column string) {
	kind := t.row("SELECT data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ? AND column_name = ?",
		table, column)[0]
	if kind != "timestamp with time zone" {
		t.Errorf("%s.%s is a %s", table, column, kind)
	}
}

func (t *T) wantTimeText(table, column string, id any) {
	row := t.row("SELECT typeof("+column+"), "+column+" || '' FROM "+table+" WHERE id = ?", id)
	if row[0] == "null" && column == "refreshed_at" {
		return // nothing was refreshed yet
	}
	if row[0] != "text" || !storedTime.MatchString(row[1]) {
		t.Errorf("%s.%s holds the %s %q, want YYYY-MM-DD HH:MM:SS.ffffff", table, column, row[0], row[1])
		return
	}
	at, err := time.Parse("2006-01-02 15:04:05.000000", row[1])
	if ahead := time.Until(at); err != nil || ahead < -time.Hour || (ahead > time.Hour && column != "expires_at") {
		t.Errorf("%s.%s is %q, want the time of now in UTC", table, column, row[1])
	}
}

// columns are those of the contract.
var columns = map[string]string{
	"users": "id email email_key username username_key hashed_password name avatar_url oauth_provider webauthn_handle " +
		"is_active is_superuser email_verified_at created_at updated_at",
	"auth_sessions":   "id user_id",
	"auth_tokens":     "token_hash user_id",
	"auth_throttle":   "key",
	"auth_challenges": "id",
}

// beside are columns that would hold what no app should ask for, or make people change.
var beside = regexp.MustCompile(`(?i)hint|security_question|secret_answer|password_\w*expires`)

func storageTables(t *T) {
	for table, names := range columns {
		if len(t.query("SELECT "+strings.Join(strings.Fields(names), ", ")+" FROM "+table+" WHERE 1 = 0")) != 0 {
			t.Errorf("%s answers a query for nothing", table)
		}
	}
	for _, column := range t.columnsOf("users") {
		if beside.MatchString(column) {
			t.Errorf("users has the column %s", column)
		}
	}
	if t.target.Dialect == SQLite {
		if mode := t.row("PRAGMA journal_mode")[0]; mode != "wal" {
			t.Errorf("SQLite's journal is %q, want wal: else readers wait for writers", mode)
		}
	}
}

func storageLog(t *T) {
	acc, s := t.member()
	wrong := "wrong " + unique()
	t.login(acc.email, wrong).want(401)
	t.login("forged\r\n\x1b[31mlevel=info msg=forged", wrong).want(401)
	t.me(s.access + "x").want(401)
	t.tryRegister("zq7").want(422)
	t.send(post("/register", acc.registration())).want(409)
	output := t.target.Output()
	for what, text := range map[string]string{
		"a password": acc.password, "a wrong password": wrong, "an access token": s.access, "a refresh token": s.refresh,
		"an e-mail": acc.email, "a session id": s.id(), "an escape character": "\x1b[31mlevel", "a forged line": "\nlevel=info",
	} {
		if strings.Contains(output, text) {
			t.Errorf("the log holds %s", what)
		}
	}
	if t.target.Secret != "" && strings.Contains(output, t.target.Secret) {
		t.Errorf("the log holds SECRET_KEY")
	}
}
