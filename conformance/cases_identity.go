package conformance

import (
	"net/http"
	"strconv"
	"strings"

	"fastman/internal/feature"
)

var identityCases = []Case{
	{
		Name: "identity/email-is-unique", Section: "Identity: E-mail and username are unique",
		Type: feature.JWT, Run: emailIsUnique,
	},
	{
		Name: "identity/username-is-unique", Section: "Identity: E-mail and username are unique",
		Type: feature.JWT, Run: usernameIsUnique,
	},
	{
		Name: "identity/email-is-unique-in-any-case-and-form", Section: "Identity: in NFC and without regard to case",
		Type: feature.JWT, Run: emailIsUniqueFolded,
	},
	{
		Name: "identity/username-is-unique-in-any-case-and-form", Section: "Identity: in NFC and without regard to case",
		Type: feature.JWT, Run: usernameIsUniqueFolded,
	},
	{
		Name: "identity/different-letters-stay-different", Section: "Identity: Unicode case folding",
		Type: feature.JWT, Run: differentNamesStay,
	},
	{
		Name: "identity/a-username-has-3-to-100-characters", Section: "Identity: A username is 3–100 letters, digits, ._-",
		Type: feature.JWT, Run: usernameLength,
	},
	{
		Name: "identity/a-username-is-letters-digits-and-._-", Section: "Identity: no @ (it can't pose as an e-mail), no spaces, no control characters",
		Type: feature.JWT, Run: usernameAlphabet,
	},
	{
		Name: "identity/keys-are-stored-folded", Section: "Bytes: key columns email_key, username_key = case fold of NFC",
		Type: feature.JWT, Needs: []Need{NeedDB}, Run: keysAreStoredFolded,
	},
}

func emailIsUnique(t *T) {
	acc := t.register()
	other := newAccount()
	other.email = acc.email
	a := t.send(post("/register", other.registration())).want(http.StatusConflict)
	if text := a.detail(); !a.says("E-mail is already registered") {
		a.errorf("detail is %q", text)
	}
}

func usernameIsUnique(t *T) {
	acc := t.register()
	other := newAccount()
	other.username = acc.username
	a := t.send(post("/register", other.registration())).want(http.StatusConflict)
	if text := a.detail(); !a.says("Username is already taken") {
		a.errorf("detail is %q", text)
	}
}

// sameNames are spellings of one name: by case, by normal form, by full folding.
var sameNames = [][]string{
	{"alice", "ALICE", "aLiCe"},
	{"am\u00e9lie", "ame\u0301lie", "AM\u00c9LIE", "AME\u0301LIE"},
	{"stra\u00dfe", "STRASSE", "stra\u1e9ee", "strasse"},
	{"\u03bf\u03b4\u03cc\u03c2", "\u039f\u0394\u038c\u03a3", "\u03bf\u03b4\u03cc\u03c3"},
	{"\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af"},
	{"\u0436\u0443\u043a", "\u0416\u0423\u041a"},
}

func emailIsUniqueFolded(t *T) {
	for _, names := range sameNames {
		tail := "." + unique()
		for i, name := range names {
			acc := newAccount()
			acc.email = name + tail + "@example.com"
			a := t.send(post("/register", acc.registration()))
			a.expect(quoted(acc.email)+" after "+quoted(names[0]), wantedOf(i))
		}
	}
	acc := t.register()
	acc.email, acc.username = strings.Replace(acc.email, "example.com", "EXAMPLE.COM", 1), newAccount().username
	t.send(post("/register", acc.registration())).expect("the domain in capitals", 409)
	sameDomain(t)
}

// sameDomain expects that a domain is the same one in ASCII (RFC 5891) and in Unicode.
func sameDomain(t *T) {
	acc := newAccount()
	name, _, _ := strings.Cut(acc.email, "@")
	acc.email = name + "@b\u00fccher.example"
	t.send(post("/register", acc.registration())).want(http.StatusCreated)
	inASCII := name + "@xn--bcher-kva.example"
	t.login(inASCII, acc.password).expect("the address with its domain in ASCII", http.StatusOK)
	acc.email, acc.username = inASCII, newAccount().username
	t.send(post("/register", acc.registration())).expect("the domain in ASCII", http.StatusConflict)
}

func usernameIsUniqueFolded(t *T) {
	for _, names := range sameNames {
		tail := "." + unique()
		for i, name := range names {
			acc := newAccount()
			acc.username = name + tail
			a := t.send(post("/register", acc.registration()))
			a.expect(quoted(acc.username)+" after "+quoted(names[0]), wantedOf(i))
		}
	}
}

// wantedOf is 201 for the first of several spellings of a name, 409 for the rest.
func wantedOf(i int) int {
	if i == 0 {
		return http.StatusCreated
	}
	return http.StatusConflict
}

func differentNamesStay(t *T) {
	tail := unique()
	for _, name := range []string{"rene", "ren\u00e9", "i", "\u0131", "o", "\u03bf", "\u043e"} {
		acc := newAccount()
		acc.username = name + tail
		t.send(post("/register", acc.registration())).expect(quoted(acc.username), 201)
		t.login(acc.username, acc.password).expect("login of "+quoted(acc.username), 200)
	}
}

func usernameLength(t *T) {
	tail := unique()
	for length, want := range map[int]int{3: 201, 100: 201, 101: 422, 2: 422, 1: 422, 0: 422, 10_000: 422} {
		acc := newAccount()
		acc.username = strings.Repeat("x", length)
		if want == http.StatusCreated {
			acc.username = (tail[len(tail)-3:] + strings.Repeat("y", length))[:length]
		}
		t.send(post("/register", acc.registration())).expect(strconv.Itoa(length)+" characters", want)
	}
	acc := newAccount()
	acc.username = strings.Repeat("\U00010400", 100-len(tail)) + tail // characters, not bytes
	t.send(post("/register", acc.registration())).expect("100 characters of four bytes", 201)
}

func usernameAlphabet(t *T) {
	tail := unique()
	for _, name := range []string{"a.b", "a_b", "a-b", "0", "\u00e9", "\u6f22\u5b57"} {
		acc := newAccount()
		acc.username = name + tail
		t.send(post("/register", acc.registration())).expect(quoted(acc.username), 201)
	}
	for _, name := range []string{
		"x@", "@x", "x y", " x", "x ", "x\t", "x\n", "x\u0000", "x\u0007", "x\u001b[31m", "x\u007f", "x\u0085",
		"x\u00a0y", "x\u200b", "x\u202e", "x\u2028", "x\ufeff", "x/y", "x\\y", "x<b>", "x'y", `x"y`, "x+y",
		"x:y", "x\U0001F600", "x\uff20y",
	} {
		acc := newAccount()
		acc.username = name
		if strings.TrimRight(name, " \t\n") == name {
			acc.username += tail
		} else {
			acc.username = tail + name
		}
		a := t.send(post("/register", acc.registration())).expect(quoted(acc.username), 422)
		if a.status == 422 {
			a.wantLocated("body", "username")
		}
	}
}

func keysAreStoredFolded(t *T) {
	for _, names := range sameNames {
		acc := newAccount()
		acc.username = names[1] + "." + unique()
		acc.email = names[1] + "." + unique() + "@Example.com"
		acc = t.registerAs(acc)
		row := t.row("SELECT email_key, username_key FROM users WHERE id = ?", acc.id)
		if want := identityKey(acc.email); row[0] != want {
			t.Errorf("email_key is %q, want %q", row[0], want)
		}
		if want := identityKey(acc.username); row[1] != want {
			t.Errorf("username_key is %q, want %q", row[1], want)
		}
	}
}

// quoted shows what can't be seen.
func quoted(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return strconv.QuoteToASCII(s)
}
