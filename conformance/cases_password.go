package conformance

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fastman/internal/feature"
)

var passwordCases = []Case{
	{
		Name: "password/at-least-8-code-points", Section: "Passwords: At least PASSWORD_MIN_LENGTH code points",
		Type: feature.JWT, ASVS: []string{"6.2.1"}, Run: passwordMinimum,
	},
	{
		Name: "password/at-most-1024-bytes", Section: "Passwords: at most 1,024 bytes",
		Type: feature.JWT, ASVS: []string{"6.2.9"}, Run: passwordMaximum,
	},
	{
		Name: "password/any-characters-and-no-rules-of-composition", Section: "Passwords: any characters",
		Type: feature.JWT, ASVS: []string{"6.2.5"}, Run: passwordCharacters,
	},
	{
		Name: "password/is-compared-exactly", Section: "Passwords: NFC before hashing",
		Type: feature.JWT, ASVS: []string{"6.2.8"}, Run: passwordIsExact,
	},
	{
		Name: "password/is-not-cut-at-72-bytes", Section: "Passwords: Over 72 bytes",
		Type: feature.JWT, ASVS: []string{"6.2.8"}, Run: passwordIsNotCut,
	},
	{
		Name: "password/is-the-same-in-nfc-and-nfd", Section: "Passwords: NFC before hashing",
		Type: feature.JWT, RFC: []string{"RFC 8265 4.2"}, Run: passwordForms,
	},
	{
		Name: "password/nul-is-refused", Section: "Passwords: NUL and lone surrogates are 422",
		Type: feature.JWT, Run: passwordNUL,
	},
	{
		Name: "password/lone-surrogates-are-refused", Section: "Passwords: NUL and lone surrogates are 422",
		Type: feature.JWT, RFC: []string{"RFC 8259 8.2"}, Run: passwordSurrogates,
	},
	{
		Name: "password/common-ones-are-refused", Section: "Passwords: a shipped list of at least 10,000 common passwords",
		Type: feature.JWT, ASVS: []string{"6.2.4"}, Run: passwordCommon,
	},
	{
		Name: "password/the-users-own-names-are-refused", Section: "Passwords: the user's e-mail, its local part, the username, the app's name",
		Type: feature.JWT, ASVS: []string{"6.2.11"}, Run: passwordOwnNames,
	},
	{
		Name: "password/does-not-expire", Section: "Passwords: bcrypt $2b$",
		Type: feature.JWT, ASVS: []string{"6.2.10"}, Needs: []Need{NeedDB}, Run: passwordLasts,
	},
	{
		Name: "password/refusals-point-to-the-field", Section: "Errors: 422: detail as a list with loc, type, msg",
		Type: feature.JWT, ASVS: []string{"16.5.1"}, Run: passwordRefusalIsLocated,
	},
}

func passwordMinimum(t *T) {
	for _, short := range []string{
		"", "x", "zq7vk2m", "\U0001F511\U0001F40E\U0001F50B\U0001F4CE\U0001F9F7\U0001F9F2\U0001FA9D",
		"zq7vk2e\u0301", // is one less as it is hashed
	} {
		t.tryRegister(short).expect(codePoints(short), 422)
	}
	for _, enough := range []string{
		"zq7vk2mw", "\U0001F511\U0001F40E\U0001F50B\U0001F4CE\U0001F9F7\U0001F9F2\U0001FA9D\U0001F9F5",
	} {
		t.shortest(enough)
	}
}

func codePoints(s string) string {
	return strconv.Itoa(len([]rune(s))) + " code points in " + strconv.Itoa(len(s)) + " bytes"
}

func passwordMaximum(t *T) {
	ascii, emoji := strings.Repeat("k7", 512), strings.Repeat("\U0001F511", 256)
	for _, password := range []string{strings.Repeat("z", 64), ascii, emoji} {
		acc := t.registerWith(password)
		t.login(acc.email, password).expect(codePoints(password), 200)
		t.login(acc.email, password+"x").want(401, 422)
	}
	for _, password := range []string{ascii + "x", emoji + "x", strings.Repeat("z", 20_000)} {
		t.tryRegister(password).expect(codePoints(password), 422)
		t.login(newAccount().email, password).expect("login with "+codePoints(password), 422)
	}
}

func passwordCharacters(t *T) {
	for _, password := range []string{
		"lowercaseletters" + unique(), strings.Repeat("7", 5) + "3019284756", "ZWQKXJVLPWMTNBRH",
		"          x          ", "tab\tline\nreturn\r\u0001\u001b[0m", "\u200b\u200d\ufeff\u00a0 zero width",
		`"'\<>&;--%00{}$`, "\u043f\u0430\u0440\u043e\u043b\u044c \u0434\u043b\u0438\u043d\u043d\u044b\u0439 \u043e\u043d",
		"\u202eright to the left", "\U0010FFFF\uFFFE noncharacters",
	} {
		acc := newAccount()
		acc.password = password
		t.send(post("/register", acc.registration())).expect(quoted(password), 201)
		body := map[string]string{"username": acc.email, "password": password}
		t.send(post("/login", body)).expect("JSON login with "+quoted(password), 200)
		t.login(acc.email, password).expect("form login with "+quoted(password), 200)
	}
}

func passwordIsExact(t *T) {
	password := "Correct Horse " + unique()
	acc := t.registerWith(password)
	for what, other := range map[string]string{
		"small letters": strings.ToLower(password), "capitals": strings.ToUpper(password),
		"a space behind": password + " ", "a space before": " " + password,
		"one letter less": password[:len(password)-1], "one letter more": password + "x",
		"a line end behind": password + "\n", "without its spaces": strings.ReplaceAll(password, " ", ""),
	} {
		t.login(acc.email, other).expect(what, 401)
	}
	t.login(acc.email, password).expect("the password itself", 200)
}

func passwordIsNotCut(t *T) {
	head := strings.Repeat("kq7 ", 18) // 72 bytes
	straddling := head[:71] + "\u00e9" // bytes 72 and 73 are one code point
	long := strings.Repeat("kq7 ", 255) + "end1"
	for password, others := range map[string][]string{
		head:              {head + "x", head[:71], head[:71] + "x"},
		head + "tail":     {head, head + "tai", head + "tails", head + "liat"},
		straddling:        {head[:71], head[:71] + "\u00e8", head[:71] + "x"},
		straddling + "zz": {straddling, straddling + "zy"},
		long:              {long[:1023], long[:1023] + "2", long[:72]},
	} {
		acc := t.registerWith(password)
		t.login(acc.email, password).expect(codePoints(password), 200)
		for _, other := range others {
			what := "after " + codePoints(password) + ", others of " + codePoints(other)
			t.login(acc.email, other).expect(what, 401)
		}
	}
}

func passwordForms(t *T) {
	composed, decomposed := "\u00e9t\u00e9 \u00e0 \ud55c\uae00 ", "e\u0301te\u0301 a\u0300 \u1112\u1161\u11ab\u1100\u1173\u11af "
	long := strings.Repeat("x", 70)
	for _, tail := range []string{unique(), unique() + long} {
		for _, registered := range []string{composed, decomposed} {
			acc := t.registerWith(registered + tail)
			t.login(acc.email, composed+tail).expect("as NFC", 200)
			t.login(acc.email, decomposed+tail).expect("as NFD", 200)
		}
	}
}

func passwordNUL(t *T) {
	acc := t.register()
	for _, password := range []string{"\u0000", "correct\u0000horse battery", acc.password + "\u0000", "\u0000" + acc.password} {
		t.tryRegister(password).expect("register with NUL", 422)
		t.login(acc.email, password).expect("form login with NUL", 422)
		body := map[string]string{"username": acc.email, "password": password}
		t.send(post("/login", body)).expect("JSON login with NUL", 422)
	}
}

func passwordSurrogates(t *T) {
	acc := t.register()
	for _, escape := range []string{`\ud800`, `\udfff`, `\udc00\ud800`, `\ud83d`, `\ud800\ud800\udc00`} {
		password := json.RawMessage(`"correct horse ` + escape + `"`)
		fields := newAccount().registration()
		fields["password"] = password
		t.send(post("/register", fields)).expect("register with "+escape, 422)
		body := map[string]any{"username": acc.email, "password": password}
		t.send(post("/login", body)).expect("login with "+escape, 422)
	}
	for _, bytes := range []string{"%ED%A0%80", "%ED%BF%BF", "%ED%A0%BD%ED%B8%80"} {
		form := postRawForm("/login", "username="+acc.username+"&password=correct+horse+"+bytes)
		t.send(form).expect("form login with "+bytes, 422)
	}
}

func passwordCommon(t *T) {
	t.register()
	for _, password := range []string{
		"password", "12345678", "123456789", "1234567890", "qwertyuiop", "iloveyou", "sunshine", "princess",
		"football", "baseball", "superman", "trustno1", "starwars", "computer", "1qaz2wsx", "password1",
		"11111111", "Password", "PASSWORD1", "iLoveYou", "BaseBall",
	} {
		t.tryRegister(password).expect(quoted(password), 422)
	}
}

func passwordOwnNames(t *T) {
	issuer := strings.TrimPrefix(t.target.Issuer, "fastman:")
	t.register()
	acc := newAccount()
	local, _, _ := strings.Cut(acc.email, "@")
	own := map[string]string{
		"the e-mail": acc.email, "the e-mail in capitals": strings.ToUpper(acc.email),
		"the local part": local, "the local part in capitals": strings.ToUpper(local),
		"the username": acc.username, "the username in capitals": strings.ToUpper(acc.username),
	}
	if len(issuer) >= 8 {
		own["the app's name"] = issuer
	}
	for what, password := range own {
		acc.password = password
		t.send(post("/register", acc.registration())).expect(what, 422)
	}
	decomposed := newAccount()
	decomposed.username = "ame\u0301lie." + unique()
	decomposed.password = strings.Replace(decomposed.username, "e\u0301", "\u00e9", 1)
	t.send(post("/register", decomposed.registration())).expect("the username in its other form", 422)
}

// passwordLasts signs in with a password that nobody has changed for five years.
func passwordLasts(t *T) {
	acc := t.register()
	then := t.target.Dialect.stamp(time.Now().AddDate(-5, 0, 0))
	t.exec("UPDATE users SET created_at = ?, updated_at = ? WHERE id = ?", then, then, acc.id)
	t.login(acc.email, acc.password).expect("a password of five years ago", http.StatusOK)
}

func passwordRefusalIsLocated(t *T) {
	for what, password := range map[string]string{
		"short": "zq7", "common": "password", "long": strings.Repeat("z", 1025), "NUL": "correct\u0000horse",
	} {
		a := t.tryRegister(password).want(http.StatusUnprocessableEntity)
		a.wantLocated("body", "password")
		if strings.Contains(string(a.body), `"input"`) || (len(password) > 8 && strings.Contains(string(a.body), password)) {
			a.errorf("%s: the answer repeats the password", what)
		}
	}
}
