package conformance

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

var oauthLinkCases = []Case{
	{
		Name: "providers/list-what-is-linked", Section: "oauth: GET, DELETE /providers, /providers/{provider}",
		Type: feature.OAuth, Run: providersList,
	},
	{
		Name: "providers/need-a-session", Section: "oauth: GET, DELETE /providers, /providers/{provider}",
		Type: feature.OAuth, ASVS: []string{"7.2.1"}, Run: providersNeedSession,
	},
	{
		Name: "providers/linking-signs-in-to-the-same-account", Section: "oauth: POST /providers/{provider}",
		Type: feature.OAuth, ASVS: []string{"3.7.2", "16.3.1"}, Needs: []Need{NeedOutput}, Run: linkWorks,
	},
	{
		Name: "providers/a-link-and-its-end-are-told-by-mail", Section: "Mail: linked provider",
		Type: feature.OAuth, ASVS: []string{"6.3.7"}, Needs: []Need{NeedMail}, Run: linkMails,
	},
	{
		Name: "providers/linking-needs-a-recent-login", Section: "oauth: link, with a recent login",
		Type: feature.OAuth, ASVS: []string{"7.5.1"}, Needs: []Need{NeedDB}, Run: linkRecent,
	},
	{
		Name: "providers/an-identity-of-another-user-is-not-linked", Section: "oauth: POST /providers/{provider}",
		Type: feature.OAuth, ASVS: []string{"6.8.1"}, Run: linkTaken,
	},
	{
		Name: "providers/linking-twice-is-linking-once", Section: "oauth: POST /providers/{provider}",
		Type: feature.OAuth, Run: linkTwice,
	},
	{
		Name: "providers/a-link-belongs-to-its-browser-and-session", Section: "oauth: bound to the browser by a cookie of that attempt (two tabs work)",
		Type: feature.OAuth, ASVS: []string{"10.1.2", "10.2.1"}, RFC: []string{"RFC 9700 4.7.1"}, Run: linkBound,
	},
	{
		Name: "providers/linking-takes-any-email", Section: "oauth: POST /providers/{provider}",
		Type: feature.OAuth, Run: linkAnyEmail,
	},
	{
		Name: "providers/unlinking-needs-a-recent-login", Section: "oauth: unlink with a recent login",
		Type: feature.OAuth, ASVS: []string{"7.5.1"}, Needs: []Need{NeedDB}, Run: unlinkRecent,
	},
	{
		Name: "providers/unlinking-ends-what-the-identity-could-do", Section: "oauth: unlink with a recent login",
		Type: feature.OAuth, ASVS: []string{"6.5.6", "7.4.3", "16.3.1"}, Needs: []Need{NeedDB, NeedOutput}, Run: unlinkWorks,
	},
	{
		Name: "providers/the-last-way-in-stays", Section: "Last way in: Removing the last means of signing in is 409",
		Type: feature.OAuth, ASVS: []string{"6.5.6"}, Needs: []Need{NeedDB}, Run: unlinkLast,
	},
	{
		Name: "providers/of-two-last-ways-removed-at-once-one-stays", Section: "Last way in: decided under a lock on the user's row",
		Type: feature.OAuth, ASVS: []string{"6.5.6"}, Needs: []Need{NeedDB}, Run: unlinkTogether,
	},
	{
		Name: "providers/what-is-not-linked-is-404", Section: "oauth: GET, DELETE /providers, /providers/{provider}",
		Type: feature.OAuth, RFC: []string{"RFC 9110 15.5.5"}, Run: unlinkUnknown,
	},
	{
		Name: "providers/others-are-not-reached", Section: "oauth: GET, DELETE /providers, /providers/{provider}",
		Type: feature.OAuth, Run: providersOwn,
	},
}

func linkCall(p *standin.Provider) call {
	return call{method: http.MethodPost, path: "/providers/" + p.Name}
}

func unlinkCall(name string) call { return call{method: http.MethodDelete, path: "/providers/" + name} }

// linking reads the answer to a request to link.
func (b *browser) linking(p *standin.Provider, a *answer) flow {
	address, _ := a.want(http.StatusOK).exactly("url")["url"].(string)
	a.status, a.header = http.StatusFound, a.header.Clone()
	a.header.Set("Location", address)
	return b.sent(p, a)
}

// beginLink asks, with an access token, to link a provider, in a browser that is not
// signed in.
func (t *T) beginLink(s session, p *standin.Provider) flow {
	b := t.browser()
	return b.linking(p, b.send(linkCall(p).as(s.access)))
}

// link links an identity to the account of a session.
func (t *T) link(s session, p *standin.Provider, identity standin.Account) {
	at := t.beginLink(s, p)
	at.browser.comeBack(at.choose(identity)).want(http.StatusSeeOther)
}

// linkOwn links an identity to the account that the browser is signed in to.
func (b *browser) linkOwn(p *standin.Provider, identity standin.Account) *answer {
	return b.comeBack(b.linking(p, b.send(linkCall(p).own())).choose(identity))
}

// linked is one element of GET /providers.
type linked struct {
	Provider  string
	Email     *string
	CreatedAt string  `json:"created_at"`
	LastUsed  *string `json:"last_used_at"`
}

func (b *browser) linked() []linked {
	a := b.visit("/providers").want(http.StatusOK)
	var list []linked
	decoder := json.NewDecoder(strings.NewReader(string(a.body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		a.fatalf("the body is not the list of identities: %v", err)
	}
	return list
}

// names are those of the providers in a list.
func names(list []linked) string {
	var all []string
	for _, one := range list {
		all = append(all, one.Provider)
	}
	return strings.Join(all, " ")
}

func providersList(t *T) {
	for _, p := range t.providers() {
		account := person(p)
		b := t.browser().enter(p, account)
		list := b.linked()
		if len(list) != 1 || list[0].Provider != p.Name || list[0].Email == nil || *list[0].Email != account.Email || list[0].LastUsed == nil {
			t.Fatalf("after a sign-in with %s the identities are %+v", p.Name, list)
		}
		for _, text := range []string{list[0].CreatedAt, *list[0].LastUsed} {
			if at, err := time.Parse(time.RFC3339Nano, text); err != nil || time.Since(at).Abs() > time.Minute {
				t.Errorf("a time of an identity is %q", text)
			}
		}
		if a := b.visit("/providers"); strings.Contains(string(a.body), account.Subject) {
			a.errorf("the list shows the subject")
		}
	}
}

func providersNeedSession(t *T) {
	p := t.first()
	for what, c := range map[string]call{"the list": get("/providers"), "linking": linkCall(p).own(), "unlinking": unlinkCall(p.Name).own()} {
		t.challenged(what+" without a session", t.send(c))
		t.challenged(what+" with garbage", t.send(c.as("garbage")))
		t.challenged(what+" with a cookie that is none", t.send(c.with("Cookie", sessionCookie+"="+newVerifier()[:43])))
	}
	_, s := t.newcomer(p)
	t.send(get("/providers").as(s.access)).expect("the list with a token", http.StatusOK)
}

func linkWorks(t *T) {
	all := t.providers()
	p, other := all[0], all[len(all)-1]
	b := t.browser().enter(p, person(p))
	id, cookie, before := b.userID(), b.cookie(sessionCookie), t.mark()
	identity := person(other)
	at := b.linking(other, b.send(call{method: http.MethodPost, path: "/providers/" + other.Name + "?next=/linked"}.own()))
	a := b.comeBack(at.choose(identity)).want(http.StatusSeeOther)
	if a.header.Get("Location") != "/linked" || b.cookie(sessionCookie) != cookie {
		a.errorf("linking sends the browser to %q, and the cookie is new: %v", a.header.Get("Location"), b.cookie(sessionCookie) != cookie)
	}
	if list := b.linked(); names(list) != p.Name+" "+other.Name || list[1].LastUsed != nil {
		t.Errorf("after linking the identities are %+v", list)
	}
	if user := b.user(); user["oauth_provider"] != p.Name {
		t.Errorf("linking changes oauth_provider to %v", user["oauth_provider"])
	}
	if elsewhere := t.browser().enter(other, identity); elsewhere.userID() != id {
		t.Errorf("the linked identity signs in to another account")
	}
	if said := t.events(before, "auth.oauth.linked"); !strings.Contains(said, "auth.oauth.linked") {
		t.Errorf("linking is not in the log:\n%s", said)
	}
	for _, next := range []string{"//evil.example", "https://evil.example", "/%5cevil.example"} {
		b.send(call{method: http.MethodPost, path: "/providers/" + other.Name + "?next=" + strings.ReplaceAll(next, "%", "%25")}.own()).
			refused("linking with next="+next, http.StatusBadRequest, "Invalid next")
	}
	b.send(call{method: http.MethodPost, path: "/providers/nobody"}.own()).refused("linking an unknown provider", http.StatusNotFound, "Unknown provider")
}

func linkMails(t *T) {
	all := t.providers()
	p, other := all[0], all[len(all)-1]
	account := person(p)
	b := t.browser().enter(p, account)
	b.linkOwn(other, person(other)).want(http.StatusSeeOther)
	if mail := t.mailsTo(account.Email, 1)[0]; !t.titled(mail, ": a way to sign in was added") {
		t.Errorf("linking is told by the mail %q", mail.Subject)
	}
	if p == other {
		return
	}
	b.send(unlinkCall(other.Name).own()).want(http.StatusNoContent)
	if mails := t.mailsTo(account.Email, 2); !t.titled(mails[1], ": a way to sign in was removed") {
		t.Errorf("unlinking is told by the mail %q", mails[1].Subject)
	}
}

// old makes a session one whose sign-in is more than ten minutes ago.
func (t *T) old(session string) {
	t.exec("UPDATE auth_sessions SET authenticated_at = ? WHERE id = ?", t.target.Dialect.stamp(time.Now().Add(-11*time.Minute)), session)
}

func linkRecent(t *T) {
	p := t.first()
	b := t.browser().enter(p, person(p))
	t.old(b.session())
	a := b.send(linkCall(p).own()).refused("linking with an old sign-in", http.StatusForbidden, "reauth_required")
	if len(a.cookies()) > 0 {
		a.errorf("a cookie is set")
	}
}

func linkTaken(t *T) {
	for _, p := range t.providers() {
		theirs := person(p)
		owner := t.browser().enter(p, theirs)
		b := t.browser().enter(t.first(), person(t.first()))
		b.linkOwn(p, theirs).refused("an identity of another user", http.StatusConflict, "This identity belongs to another account")
		if n := len(b.linked()); n != 1 {
			t.Errorf("after that %d identities are linked", n)
		}
		if names(owner.linked()) != p.Name {
			t.Errorf("the owner has lost the identity")
		}
		if b.me().status != http.StatusOK {
			t.Errorf("the session is gone")
		}
	}
}

func linkTwice(t *T) {
	for _, p := range t.providers() {
		account := person(p)
		b := t.browser().enter(p, account)
		b.linkOwn(p, account).expect("linking one's own identity again", http.StatusSeeOther)
		if have := names(b.linked()); have != p.Name {
			t.Errorf("after that the identities are %s", have)
		}
		second := person(p)
		b.linkOwn(p, second).expect("linking a second identity of one provider", http.StatusSeeOther)
		if have := names(b.linked()); have != p.Name+" "+p.Name {
			t.Errorf("two identities of one provider are listed as %q", have)
		}
	}
}

func linkBound(t *T) {
	for _, p := range t.providers() {
		// An attacker's identity, to be linked to the account of whoever opens the callback.
		attacker := t.browser().enter(t.first(), person(t.first()))
		evil := person(p)
		at := attacker.linking(p, attacker.send(linkCall(p).own()))
		path := at.choose(evil)
		victim := t.browser().enter(t.first(), person(t.first()))
		victim.comeBack(path).refused("a link of another browser", http.StatusBadRequest, badState)
		if n := len(victim.linked()); n != 1 {
			t.Errorf("the victim has %d identities", n)
		}
		// The session that began it has ended.
		attacker.send(post("/logout", nil).own()).want(http.StatusNoContent)
		attacker.comeBack(path).refused("a link whose session has ended", http.StatusBadRequest, badState)
		again := t.browser()
		again.enter(p, evil)
		if names(again.linked()) != p.Name {
			t.Errorf("the identity belongs to somebody")
		}
	}
}

func linkAnyEmail(t *T) {
	for _, p := range t.providers() {
		b := t.browser().enter(t.first(), person(t.first()))
		silent := someoneWith(p, "")
		b.linkOwn(p, silent).expect("linking an identity without an e-mail", http.StatusSeeOther)
		list := b.linked()
		if len(list) != 2 || list[1].Email != nil {
			t.Errorf("an identity without an e-mail is listed as %+v", list)
		}
		if t.browser().enter(p, silent).userID() != b.userID() {
			t.Errorf("an identity without an e-mail signs in to another account")
		}
	}
}

func unlinkRecent(t *T) {
	p := t.first()
	b := t.browser().enter(p, person(p))
	b.linkOwn(p, person(p)).want(http.StatusSeeOther)
	t.old(b.session())
	b.send(unlinkCall(p.Name).own()).refused("unlinking with an old sign-in", http.StatusForbidden, "reauth_required")
}

func unlinkWorks(t *T) {
	all := t.providers()
	if len(all) < 2 {
		t.alone()
		return
	}
	p, other := all[0], all[1]
	identity := person(other)
	b := t.browser().enter(p, person(p))
	b.linkOwn(other, identity).want(http.StatusSeeOther)
	b.linkOwn(other, person(other)).want(http.StatusSeeOther)
	foreign := t.browser().enter(other, identity)
	before := t.mark()
	b.send(unlinkCall(other.Name).own()).done("unlinking")
	foreign.outside("the identity that it came by was unlinked")
	b.me().expect("the session that unlinked", http.StatusOK)
	if have := names(b.linked()); have != p.Name {
		t.Errorf("after unlinking the identities are %q", have)
	}
	foreign = t.browser().enter(other, identity)
	if foreign.userID() == b.userID() {
		t.Errorf("an unlinked identity still signs in to the account")
	}
	if said := t.events(before, "auth.oauth.unlinked"); !strings.Contains(said, "auth.oauth.unlinked") {
		t.Errorf("unlinking is not in the log:\n%s", said)
	}
	b.send(unlinkCall(other.Name).own()).refused("unlinking again", http.StatusNotFound, "Provider not linked")
	b.linkOwn(other, person(other)).want(http.StatusSeeOther)
	b.send(unlinkCall(p.Name).own()).done("unlinking what the account came by")
	if left := b.user()["oauth_provider"]; left != other.Name {
		t.Errorf("oauth_provider is %v where %s is left", left, other.Name)
	}
}

func unlinkLast(t *T) {
	for _, p := range t.providers() {
		b := t.browser().enter(p, person(p))
		b.send(unlinkCall(p.Name).own()).refused("the last way to sign in", http.StatusConflict, "This is the last way to sign in")
		if names(b.linked()) != p.Name {
			t.Errorf("the last way to sign in is gone")
		}
		t.exec("UPDATE users SET hashed_password = ? WHERE id = ?", "$2b$04$"+strings.Repeat("a", 53), b.userID())
		last := b.send(unlinkCall(p.Name).own())
		if t.target.Set.Has(feature.JWT) {
			last.done("unlinking beside a password")
			if provider := b.user()["oauth_provider"]; provider != nil {
				t.Errorf("oauth_provider is %v still", provider)
			}
		} else {
			last.refused("beside a password that nothing takes", http.StatusConflict, "This is the last way to sign in")
		}
		b = t.browser().enter(p, person(p))
		t.exec("INSERT INTO oauth_accounts (user_id, provider, subject, created_at) SELECT user_id, 'gone', subject, created_at FROM oauth_accounts WHERE user_id = ?", b.userID())
		b.send(unlinkCall(p.Name).own()).refused("beside a provider that the app no longer has", http.StatusConflict, "This is the last way to sign in")
	}
}

func unlinkTogether(t *T) {
	all := t.providers()
	if len(all) < 2 {
		t.alone()
		return
	}
	for range 6 {
		b := t.browser().enter(all[0], person(all[0]))
		b.linkOwn(all[1], person(all[1])).want(http.StatusSeeOther)
		cookies := b.cookies()
		counts := map[int]int{}
		for _, a := range t.together([]call{unlinkCall(all[0].Name).own().with("Cookie", cookies), unlinkCall(all[1].Name).own().with("Cookie", cookies)}) {
			counts[a.status]++
		}
		if counts[http.StatusNoContent] != 1 || counts[http.StatusConflict] != 1 || len(b.linked()) != 1 {
			t.Errorf("removing both ways at once: %v, %d are left", counts, len(b.linked()))
		}
	}
}

func unlinkUnknown(t *T) {
	p := t.first()
	b := t.browser().enter(p, person(p))
	for _, name := range []string{"nobody", strings.ToUpper(p.Name), p.Name + "%00", "%2f", "..%2f" + p.Name, strings.Repeat("x.", 1500), "%ff", "'--"} {
		b.send(unlinkCall(name).own()).expect("unlinking "+quoted(name), http.StatusNotFound)
	}
	for _, q := range feature.Providers {
		if string(q) != p.Name {
			b.send(unlinkCall(string(q)).own()).refused("unlinking "+string(q), http.StatusNotFound, "Provider not linked")
		}
	}
}

func providersOwn(t *T) {
	p := t.first()
	b, other := t.browser().enter(p, person(p)), t.browser().enter(p, person(p))
	b.linkOwn(p, person(p)).want(http.StatusSeeOther)
	if n := len(other.linked()); n != 1 {
		t.Errorf("another user has %d identities", n)
	}
	other.send(unlinkCall(p.Name).own()).expect("the other's own last one", http.StatusConflict)
	if n := len(b.linked()); n != 2 {
		t.Errorf("after another user's attempt %d identities are left", n)
	}
}
