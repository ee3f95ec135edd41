package conformance

import (
	"net/http"
	"strings"

	"fastman/internal/feature"
)

var revealCases = []Case{
	{
		Name: "reveal-false/register-answers-202-in-all-cases", Section: "No enumeration: register answers 202 {} in all cases",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedBoot, NeedMail}, Run: revealRegister,
	},
	{
		Name: "reveal-false/sign-in-needs-the-verified-address", Section: "No enumeration: sign-in needs the verified address",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedBoot, NeedMail}, Run: revealSignIn,
	},
	{
		Name: "reveal-false/the-owner-gets-one-mail-an-hour", Section: "No enumeration: the owner of a taken one gets a mail (at most one an hour)",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedBoot, NeedMail}, Run: revealOwner,
	},
	{
		Name: "reveal-false/a-taken-user-name-is-told-by-mail", Section: "No enumeration: register answers 202 {} in all cases",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedBoot, NeedMail}, Run: revealUsername,
	},
	{
		Name: "reveal-false/register-takes-the-same-time", Section: "No enumeration: register answers 202 {} in all cases",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedBoot, NeedMail}, Turn: Alone, Run: revealTiming,
	},
	{
		Name: "reveal-false/the-bounds-tell-nothing", Section: "No enumeration: register answers 202 {} in all cases",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedBoot, NeedMail}, Run: revealBounds,
	},
	{
		Name: "reveal-false/the-owner-is-told-at-the-address-that-is-stored", Section: "No enumeration: the owner of a taken one gets a mail (at most one an hour)",
		Type: feature.JWT, Needs: []Need{NeedBoot, NeedMail}, Run: revealSpelling,
	},
}

// unrevealing is the app that tells nobody who is registered.
func (t *T) unrevealing() *T { return t.boot(map[string]string{"AUTH_REVEAL_REGISTERED": "false"}) }

func (t *T) registerUnseen(acc account) *answer {
	a := t.send(post("/register", acc.registration())).want(http.StatusAccepted)
	if string(a.body) != "{}" {
		a.errorf("the body is not {}")
	}
	return a
}

func revealRegister(t *T) {
	app := t.unrevealing()
	acc := newAccount()
	first := app.registerUnseen(acc)
	sameAnswer("a taken address", first, app.registerUnseen(acc))
	renamed := newAccount()
	renamed.username = acc.username
	sameAnswer("a taken user name", first, app.registerUnseen(renamed))
	acc.password = "short"
	app.send(post("/register", acc.registration())).expect("a short password", http.StatusUnprocessableEntity)
}

func revealSignIn(t *T) {
	app := t.unrevealing()
	acc := newAccount()
	app.registerUnseen(acc)
	unverified := app.login(acc.email, acc.password).want(http.StatusUnauthorized)
	sameAnswer("a wrong password", unverified, app.login(acc.email, "wrong "+acc.password))
	token := app.newestLink(acc.email, 1)
	app.send(verifyByPasswordWith(token, acc.password)).want(http.StatusNoContent)
	app.login(acc.email, acc.password).expect("the verified address", http.StatusOK)
}

func revealOwner(t *T) {
	app := t.unrevealing()
	replica := t.unrevealing()
	acc := app.register1st()
	for i := range 6 {
		intruder := newAccount()
		intruder.email = acc.email
		[]*T{app, replica}[i%2].registerUnseen(intruder)
	}
	app.settled1st()
	m := app.mailsTo(acc.email, 2)[1]
	if strings.Contains(m.Text, "token=") {
		t.Errorf("the mail to the owner carries a token:\n%s", m.Text)
	}
	app.login(acc.email, acc.password).expect("the owner's password, which stays", http.StatusUnauthorized, http.StatusOK)
}

// register1st signs up where answers tell nothing, and waits for the first mail.
func (t *T) register1st() account {
	acc := newAccount()
	t.registerUnseen(acc)
	t.mailsTo(acc.email, 1)
	return acc
}

// settled1st is settled where nobody can sign in before an address is proved.
func (t *T) settled1st() {
	for range 4 {
		t.register1st()
	}
}

func revealUsername(t *T) {
	app := t.unrevealing()
	acc := app.register1st()
	other := newAccount()
	other.username = strings.ToUpper(acc.username)
	app.registerUnseen(other)
	m := app.mailsTo(other.email, 1)[0]
	if strings.Contains(m.Text, "token=") || strings.Contains(m.Raw, acc.email) {
		t.Errorf("the mail about the name says too much:\n%s", m.Text)
	}
	app.login(other.email, other.password).expect("the account that was not made", http.StatusUnauthorized)
	app.mailsTo(acc.email, 1)
}

func revealTiming(t *T) {
	app := t.boot(map[string]string{"AUTH_REVEAL_REGISTERED": "false", "BCRYPT_ROUNDS": "11"})
	taken := app.register1st()
	as := func(acc account) func() call {
		return func() call {
			fields := newAccount().registration()
			if acc.email != "" {
				fields["email"] = acc.email
			}
			return post("/register", fields)
		}
	}
	app.sameTime(attempt{"a new address", as(account{})}, attempt{"a taken one", as(taken)})
}

// revealBounds signs in with the password of a sign-up that was answered alike for a
// new address and for a taken one.
func revealBounds(t *T) {
	app := t.unrevealing()
	taken, fresh := app.register1st(), newAccount()
	intruder := taken
	intruder.username, intruder.password = newAccount().username, newAccount().password
	app.registerUnseen(intruder)
	app.registerUnseen(fresh)
	for i := range perAccountAndIP + 2 {
		known, unknown := app.login(intruder.email, intruder.password), app.login(fresh.email, fresh.password)
		if known.status != unknown.status {
			t.Fatalf("sign-in %d: %d for a taken address, %d for a new one", i+1, known.status, unknown.status)
		}
	}
}

func revealSpelling(t *T) {
	app := t.boot(map[string]string{"AUTH_REVEAL_REGISTERED": "0"}) // as people write no, too
	tail := "." + unique() + "@example.com"
	acc := newAccount()
	acc.email = "strasse" + tail
	app.registerUnseen(acc)
	app.mailsTo(acc.email, 1)
	intruder := newAccount()
	intruder.email = "stra\u00dfe" + tail
	app.registerUnseen(intruder)
	app.mailsTo(acc.email, 2)
}
