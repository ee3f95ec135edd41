package conformance

import (
	"net/http"
	"strings"
	"time"

	"fastman/internal/feature"
)

var changeCases = []Case{
	{
		Name: "change/needs-the-current-password", Section: "jwt: POST /password/change",
		Type: feature.JWT, ASVS: []string{"6.2.2", "6.2.3", "7.5.1"}, Run: changeNeedsCurrent,
	},
	{
		Name: "change/ends-the-other-sessions", Section: "jwt: ends the other sessions",
		Type: feature.JWT, ASVS: []string{"7.4.3"}, Run: changeEndsOthers,
	},
	{
		Name: "change/keeps-to-the-policy", Section: "Passwords: Refused",
		Type: feature.JWT, ASVS: []string{"6.2.1", "6.2.4", "6.2.11"}, Run: changePolicy,
	},
	{
		Name: "change/wrong-passwords-are-counted", Section: "Throttle: Counted before the hash, given back on success",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, RFC: []string{"RFC 6585 4"}, Run: changeIsCounted,
	},
	{
		Name: "change/ten-at-once-are-one", Section: "jwt: POST /password/change",
		Type: feature.JWT, Run: changeRace,
	},
	{
		Name: "change/takes-reset-links-back", Section: "One-time tokens: a new one replaces the old",
		Type: feature.JWT, ASVS: []string{"6.4.3"}, Needs: []Need{NeedMail}, Run: changeDropsLinks,
	},
	{
		Name: "change/tells-the-owner", Section: "Mail: notices after password change or reset",
		Type: feature.JWT, ASVS: []string{"6.3.7"}, Needs: []Need{NeedMail}, Run: changeNotice,
	},
	{
		Name: "set/first-password-needs-a-recent-login", Section: "jwt: POST /password/set",
		Type: feature.JWT, ASVS: []string{"6.3.7", "7.5.1", "7.5.3"}, Needs: []Need{NeedDB, NeedMail}, Run: setNeedsRecent,
	},
	{
		Name: "set/is-409-where-there-is-one", Section: "jwt: first password of an account without one",
		Type: feature.JWT, ASVS: []string{"6.2.3"}, RFC: []string{"RFC 9110 15.5.10"}, Needs: []Need{NeedDB}, Run: setOnlyOnce,
	},
}

const newPassword = "another horse of the tests"

func changeTo(current, password string) call {
	return post("/password/change", map[string]any{"current_password": current, "new_password": password})
}

func (t *T) change(s session, current, password string) *answer {
	return t.send(changeTo(current, password).as(s.access))
}

func changeNeedsCurrent(t *T) {
	acc, s := t.member()
	t.change(s, "wrong "+acc.password, newPassword).expect("a wrong current password", http.StatusBadRequest)
	t.change(s, "", newPassword).expect("an empty current password", http.StatusBadRequest)
	for _, fields := range []map[string]any{{"new_password": newPassword}, {"current_password": acc.password}, {}} {
		t.send(post("/password/change", fields).as(s.access)).expect("a missing field", http.StatusUnprocessableEntity)
	}
	t.send(changeTo(acc.password, newPassword)).expect("no token", http.StatusUnauthorized)
	t.change(s, acc.password, newPassword).want(http.StatusNoContent)
	t.login(acc.email, acc.password).expect("the old password", http.StatusUnauthorized)
	t.login(acc.email, newPassword).expect("the new password", http.StatusOK)
}

func changeEndsOthers(t *T) {
	acc, s := t.member()
	other := t.signIn(acc)
	t.change(s, acc.password, newPassword).want(http.StatusNoContent)
	t.dead("another session", other)
	t.alive("the session that changed the password", s)
}

func changePolicy(t *T) {
	acc, s := t.member()
	local, _, _ := strings.Cut(acc.email, "@")
	for what, password := range map[string]string{
		"short": "1234567", "common": "password123", "the address": acc.email, "its local part": local,
		"the user name": acc.username, "NUL": "long enough\x00", "over 1024 bytes": strings.Repeat("x", 1025),
	} {
		a := t.change(s, acc.password, password).expect("a new password: "+what, http.StatusUnprocessableEntity)
		if a.status == http.StatusUnprocessableEntity {
			a.wantLocated("body", "new_password")
		}
	}
	t.login(acc.email, acc.password).expect("the password of before", http.StatusOK)
}

func changeIsCounted(t *T) {
	acc, s := t.member()
	for range 10 {
		t.change(s, "wrong", newPassword).want(http.StatusBadRequest)
	}
	t.change(s, acc.password, newPassword).expect("the right password past the bound", http.StatusTooManyRequests).wantRetryAfter()
	t.login(acc.email, acc.password).expect("a login past the bound", http.StatusTooManyRequests)
}

func changeRace(t *T) {
	acc, s := t.member()
	counts := map[int]int{}
	var passwords []string
	var calls []call
	for range 10 {
		passwords = append(passwords, "a horse named "+unique())
		calls = append(calls, changeTo(acc.password, passwords[len(calls)]).as(s.access))
	}
	winner := ""
	for i, a := range t.together(calls) {
		counts[a.status]++
		if a.status == http.StatusNoContent {
			winner = passwords[i]
		}
	}
	if counts[http.StatusNoContent] != 1 {
		t.Fatalf("ten changes of one password at once: %v, want one 204", counts)
	}
	t.fresh().login(acc.email, winner).expect("the password whose change was confirmed", http.StatusOK)
}

func changeDropsLinks(t *T) {
	acc, s := t.member()
	token := t.resetLink(acc, 1)
	t.change(s, acc.password, newPassword).want(http.StatusNoContent)
	t.reset(token, "a third horse of the tests").expect("a link of before the change", http.StatusBadRequest)
}

func changeNotice(t *T) {
	acc, s := t.member()
	t.change(s, acc.password, newPassword).want(http.StatusNoContent)
	m := t.mailsTo(acc.email, 1)[0]
	if !t.tells(m, "password") || strings.Contains(m.Text, newPassword) || strings.Contains(m.Text, "token=") {
		t.Errorf("the notice does not speak of the password, or says too much:\n%s", m.Text)
	}
}

func setTo(s session, password string) call {
	return post("/password/set", map[string]any{"new_password": password}).as(s.access)
}

func setNeedsRecent(t *T) {
	acc, s := t.member()
	t.importHash(acc, nil)
	t.age(s, "authenticated_at", 10*time.Minute+5*time.Second)
	if a := t.send(setTo(s, newPassword)).want(http.StatusForbidden); a.detail() != "reauth_required" {
		a.errorf("detail is %q, want reauth_required", a.detail())
	}
	t.age(s, "authenticated_at", 9*time.Minute)
	t.send(setTo(s, "short")).expect("a short password", http.StatusUnprocessableEntity)
	t.send(setTo(s, newPassword)).want(http.StatusNoContent)
	t.login(acc.email, newPassword).expect("the first password", http.StatusOK)
	t.mailsTo(acc.email, 1) // the notice
}

func setOnlyOnce(t *T) {
	acc, s := t.member()
	t.send(setTo(s, newPassword)).expect("an account with a password", http.StatusConflict)
	t.login(acc.email, acc.password).expect("the password of before", http.StatusOK)
	t.importHash(acc, nil)
	t.change(s, acc.password, newPassword).expect("a change where there is none", http.StatusConflict)
	app, counts := t.hashing(), map[int]int{} // all have looked before the first is done
	for _, a := range app.together([]call{setTo(s, newPassword), setTo(s, newPassword), setTo(s, newPassword), setTo(s, newPassword)}) {
		counts[a.status]++
	}
	if counts[http.StatusNoContent] != 1 || counts[http.StatusConflict] != 3 {
		t.Errorf("four first passwords at once: %v, want one 204 and three 409", counts)
	}
}
