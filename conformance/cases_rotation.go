package conformance

import (
	"net/http"
	"slices"
	"strings"

	"fastman/internal/feature"
)

// The key changes on running replicas in three steps, one replica after the other:
// whatever two neighbouring steps run side by side, nobody is refused.
var rotationCases = []Case{
	{
		Name: "rotation/announced-the-new-key-is-accepted-only", Section: "Settings: --rotate announce|switch|retire",
		Type: feature.JWT, ASVS: []string{"9.1.3"}, Needs: []Need{NeedSecret, NeedBoot, NeedDB}, Run: rotationAnnounced,
	},
	{
		Name: "rotation/switched-the-old-key-is-accepted-only", Section: "Settings: --rotate announce|switch|retire",
		ASVS: []string{"9.1.3"}, Needs: []Need{NeedSecret, NeedBoot, NeedDB}, Run: rotationSwitched,
	},
	{
		Name: "rotation/retired-the-old-key-is-refused", Section: "Settings: --rotate announce|switch|retire",
		ASVS: []string{"9.1.3"}, Needs: []Need{NeedSecret, NeedBoot, NeedDB}, Run: rotationRetired,
	},
	{
		Name: "rotation/neighbouring-steps-serve-one-session", Section: "Settings: --rotate announce|switch|retire",
		Type: feature.JWT, ASVS: []string{"7.4.1"}, Needs: []Need{NeedSecret, NeedBoot}, Run: rotationNeighbours,
	},
	{
		Name: "rotation/fifty-at-once-on-two-steps-rotate-once", Section: "Settings: --rotate announce|switch|retire",
		Needs: []Need{NeedSecret, NeedBoot}, Run: rotationTogether,
	},
	{
		Name: "rotation/every-previous-key-verifies-refresh-tokens", Section: "Keys: SECRET_KEY_PREVIOUS (comma-separated) verifies only",
		ASVS: []string{"9.1.3"}, Needs: []Need{NeedSecret, NeedBoot}, Run: rotationPrevious,
	},
}

// announced is a replica that signs with the app's key and knows the next one.
func (t *T) announced() *T {
	return t.boot(map[string]string{"SECRET_KEY": t.target.Secret, "SECRET_KEY_PREVIOUS": secondSecret})
}

// switched is a replica that signs with the next key and knows the app's.
func (t *T) switched() *T {
	return t.boot(map[string]string{"SECRET_KEY": secondSecret, "SECRET_KEY_PREVIOUS": t.single()})
}

// retired is a replica that knows the next key only.
func (t *T) retired() *T { return t.boot(map[string]string{"SECRET_KEY": secondSecret}) }

// single is the app's key where it can stand in a list.
func (t *T) single() string {
	if strings.Contains(t.target.Secret, ",") {
		t.skip("needs a SECRET_KEY without commas, which separate the previous keys")
	}
	return t.target.Secret
}

// signedBySecret expects that both tokens of a session are of one key.
func (t *T) signedBySecret(what string, s session, secret string) {
	if s.header["kid"] != keyID(secret) {
		t.Errorf("%s: the access token is signed with another key", what)
	}
	if s.refresh != refreshToken(secret, s.id(), refreshCounter(s), t.salt(s)) {
		t.Errorf("%s: the refresh token is signed with another key", what)
	}
}

func rotationAnnounced(t *T) {
	announced, switched := t.announced(), t.switched()
	acc := t.register()
	t.signedBySecret("a sign-in", announced.signIn(acc), t.target.Secret)
	early := switched.signIn(acc)
	announced.me(early.access).expect("an access token of the next key", http.StatusOK)
	t.signedBySecret("a refresh token of the next key, refreshed", announced.renew(early), t.target.Secret)
}

func rotationSwitched(t *T) {
	switched := t.switched()
	acc, old := t.member()
	t.signedBySecret("a sign-in", switched.signIn(acc), secondSecret)
	switched.me(old.access).expect("an access token of the old key", http.StatusOK)
	t.signedBySecret("a refresh token of the old key, refreshed", switched.renew(old), secondSecret)
}

func rotationRetired(t *T) {
	switched, retired := t.switched(), t.retired()
	acc, old := t.member()
	retired.dead("a session of the old key", old)
	if t.sessionRows(old) != "1" {
		t.Errorf("a refresh token of a key that is not known has ended its session")
	}
	moved := switched.renew(old)
	retired.alive("the same session, refreshed before", moved)
	retired.alive("a new session", retired.signIn(acc))
}

// passed hands one session back and forth between two replicas.
func (t *T) passed(what string, acc account, one, other *T) {
	s := one.signIn(acc)
	for range 3 {
		for _, replica := range []*T{other, one} {
			before := s
			s = replica.renew(s)
			for _, each := range []*T{one, other} {
				each.me(before.access).expect(what+": an access token of before", http.StatusOK)
				each.me(s.access).expect(what+": a new access token", http.StatusOK)
				if refreshCounter(each.renew(before)) != refreshCounter(s) {
					t.Errorf("%s: the refresh token of before is answered with another one than the newest", what)
				}
			}
		}
	}
	other.logOut(s.access).done(what + ": logout")
	one.dead(what+": the session that was logged out", s)
}

func rotationNeighbours(t *T) {
	acc := t.register()
	announced, switched, retired := t.announced(), t.switched(), t.retired()
	t.passed("not announced and announced", acc, t, announced)
	t.passed("announced and switched", acc, announced, switched)
	t.passed("switched and announced", acc, switched, announced)
	t.passed("switched and retired", acc, switched, retired)
}

func rotationTogether(t *T) {
	announced, switched := t.announced(), t.switched()
	_, s := t.member()
	calls := slices.Repeat([]call{refreshWith(s.refresh)}, 25)
	there := make(chan []*answer)
	go func() { there <- switched.together(calls) }()
	for _, a := range append(announced.together(calls), <-there...) {
		if a.err != nil {
			t.Fatalf("one of 50 at once got no answer: %v", a.err)
		}
		next := t.session(a.want(http.StatusOK))
		if refreshCounter(next) != 1 {
			a.fatalf("one of 50 at once made rotation %d", refreshCounter(next))
		}
		announced.me(next.access).expect("each access token, on the announced replica", http.StatusOK)
		switched.me(next.access).expect("each access token, on the switched replica", http.StatusOK)
	}
}

func rotationPrevious(t *T) {
	acc, first := t.member()
	second := t.signIn(acc)
	app := t.boot(map[string]string{"SECRET_KEY": thirdSecret, "SECRET_KEY_PREVIOUS": secondSecret + ", " + t.single()})
	app.alive("a session of the key before the last", first)
	forged := strings.Replace(second.refresh, ".0.", ".1.", 1)
	app.challenged("a changed refresh token", app.refresh(forged))
	app.alive("another session of that key", second)
	other := t.retired().signIn(acc)
	app.alive("a session of the last key", other)
}
