package conformance

import (
	"strings"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

var oauthSecretCases = []Case{
	{
		Name: "oauth/tables-and-times-are-those-of-the-contract", Section: "Bytes: oauth_accounts",
		Type: feature.OAuth, ASVS: []string{"6.8.1"}, Needs: []Need{NeedDB}, Run: oauthTables,
	},
	{
		// The last of all: it searches what every case before it has left behind.
		Name: "oauth/no-token-of-a-provider-in-any-row-log-cookie-or-answer", Section: "oauth: Provider tokens are not stored, logged or sent on",
		Type: feature.OAuth, ASVS: []string{"10.1.1", "16.2.5"}, Needs: []Need{NeedDB, NeedOutput}, Turn: Last, Run: oauthNoTokens,
	},
}

func oauthTables(t *T) {
	p := t.first()
	b := t.browser().enter(p, person(p))
	row := t.row("SELECT id, user_id, provider, subject, email, created_at, last_used_at FROM oauth_accounts WHERE user_id = ?", b.userID())
	for _, column := range []string{"created_at", "last_used_at"} {
		if t.target.Dialect == Postgres {
			t.wantTimestamptz("oauth_accounts", column)
		} else {
			t.wantTimeText("oauth_accounts", column, row[0])
		}
	}
	// What is deleted with its user, and does not come twice.
	if _, err := t.target.DB.ExecContext(t, t.target.Dialect.bind("INSERT INTO oauth_accounts (user_id, provider, subject, created_at) SELECT user_id, provider, subject, created_at FROM oauth_accounts WHERE id = ?"), row[0]); err == nil {
		t.Errorf("the database takes the same identity twice")
	}
	if t.target.Dialect == Postgres {
		t.exec("DELETE FROM users WHERE id = ?", row[1])
		if n := t.row("SELECT COUNT(*) FROM oauth_accounts WHERE id = ?", row[0])[0]; n != "0" {
			t.Errorf("an identity outlives its user")
		}
	}
}

// oauthNoTokens goes every way once more, and looks for what providers have handed out
// since they were started in all that the app has written.
func oauthNoTokens(t *T) {
	var answers []*answer
	for _, p := range t.providers() {
		account, b := person(p), t.browser()
		at := b.begin(p)
		answers = append(answers, b.comeBack(at.choose(account)), b.me(), b.visit("/providers"), b.visit("/sessions"))
		mend := p.Break(standin.User, standin.Body("application/json", `{"error":"`+marked+`"}`))
		answers = append(answers, b.signIn(p, person(p)))
		mend()
		n := t.beginNative(p)
		a := n.browser.comeBack(n.choose(person(p)))
		answers = append(answers, a, t.send(exchangeCode(queryOf(a.header.Get("Location")).Get("code"), n.verifier)))
		if have := b.cookies(); len(b.jar) != 1 {
			t.Errorf("after a sign-in the browser has the cookies %s", have)
		}
	}
	var given []string
	var rows []string
	for _, lane := range t.target.lanes {
		for _, p := range lane.Providers.All() {
			given = append(given, p.Secrets()...)
			given = append(given, p.ClientSecret)
		}
		rows = append(rows, t.in(lane).rows()...)
	}
	if len(given) < 10 {
		t.Errorf("only %d codes and tokens were handed out", len(given))
	}
	t.wantNone("an answer", given, texts(answers))
	t.wantNone("a row", given, rows)
	t.wantNone("the log", given, t.target.secrets.logged())
}

// texts are answers with all their headers.
func texts(answers []*answer) []string {
	var all []string
	for _, a := range answers {
		var text strings.Builder
		_ = a.header.Write(&text)
		all = append(all, text.String()+string(a.body))
	}
	return all
}

// rows are those of all tables.
func (t *T) rows() []string {
	var all []string
	for _, table := range t.tables() {
		for _, row := range t.query("SELECT * FROM " + table) {
			all = append(all, strings.Join(row, "\n"))
		}
	}
	return all
}

func (t *T) wantNone(where string, given, texts []string) {
	if len(texts) == 0 {
		t.Errorf("nothing to look at: %s", where)
	}
	whole := strings.Join(texts, "\n")
	for _, secret := range given {
		// The signature is what makes an id_token one.
		if i := strings.LastIndexByte(secret, '.'); i >= 0 && len(secret)-i > probeLength {
			secret = secret[i+1:]
		}
		if len(secret) >= probeLength && strings.Contains(whole, secret) {
			t.Errorf("%s holds a code or token of a provider, %.20s…", where, secret)
		}
	}
}
