package conformance

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf16"

	"fastman/internal/feature"
)

var malformedCases = []Case{
	{
		Name: "malformed/twofold-keys-are-refused", Section: "Bytes: duplicate or wrongly-cased keys are not accepted as fields",
		Type: feature.JWT, RFC: []string{"RFC 8259 4"}, Run: malformedTwofold,
	},
	{
		Name: "malformed/keys-in-another-case-are-no-fields", Section: "Bytes: duplicate or wrongly-cased keys are not accepted as fields",
		Type: feature.JWT, RFC: []string{"RFC 8259 8.3"}, Run: malformedCase,
	},
	{
		Name: "malformed/json-is-utf-8", Section: "Bytes: lone surrogates refused",
		Type: feature.JWT, RFC: []string{"RFC 8259 8.1"}, Run: malformedEncoding,
	},
	{
		Name: "malformed/bodies-are-422", Section: "Errors: 422: detail as a list with loc, type, msg",
		Type: feature.JWT, ASVS: []string{"16.5.1"}, RFC: []string{"RFC 8259 2"}, Run: malformedBodies,
	},
	{
		Name: "malformed/values-are-422", Section: "Errors: 422: detail as a list with loc, type, msg",
		Type: feature.JWT, Run: malformedValues,
	},
	{
		Name: "malformed/forms-are-4xx", Section: "jwt: POST /login",
		Type: feature.JWT, Run: malformedForms,
	},
	{
		Name: "malformed/huge-bodies-are-refused", Section: "jwt: POST /login",
		Type: feature.JWT, RFC: []string{"RFC 9110 15.5.14"}, Run: malformedHuge,
	},
}

func malformedTwofold(t *T) {
	acc := t.register()
	for _, body := range []string{
		`{"username":"` + acc.email + `","password":"wrong password","password":"` + acc.password + `"}`,
		`{"username":"` + acc.email + `","password":"` + acc.password + `","password":"` + acc.password + `"}`,
		`{"username":"nobody","username":"` + acc.email + `","password":"` + acc.password + `"}`,
		`{"username":"` + acc.email + `","password":"wrong password","pass\u0077ord":"` + acc.password + `"}`,
	} {
		t.send(post("/login", body)).expect("login", 422)
	}
	email, password := newAccount().email, acc.password
	for _, body := range []string{
		`{"email":"` + email + `","email":"` + email + `","password":"` + password + `"}`,
		`{"email":"` + email + `","password":"` + password + `","x":1,"x":2}`,
		`{"email":"` + email + `","password":"` + password + `","x":{"y":1,"y":2}}`,
		`{"email":"` + email + `","password":"` + password + `","x":[{"y":1,"y":2}]}`,
	} {
		t.send(post("/register", body)).expect("register", 422)
	}
}

func malformedCase(t *T) {
	acc := t.register()
	for _, keys := range [][2]string{
		{"Username", "password"}, {"username", "Password"}, {"USERNAME", "PASSWORD"}, {"u\u017fername", "password"},
		{"username", "pa\u017fsword"}, {"username ", "password"}, {"user_name", "pass_word"},
	} {
		body := map[string]string{keys[0]: acc.email, keys[1]: acc.password}
		t.send(post("/login", body)).expect("login with "+quoted(keys[0])+" and "+quoted(keys[1]), 422)
	}
	mixed := `{"username":"` + acc.email + `","password":"wrong password","Password":"` + acc.password + `"}`
	t.send(post("/login", mixed)).expect("the right password under a wrong key", 401, 422)
	other := newAccount().registration()
	other["Email"] = other["email"]
	delete(other, "email")
	t.send(post("/register", other)).expect("register with Email", 422)
}

func malformedEncoding(t *T) {
	t.register()
	text := string(encode(newAccount().registration()))
	for what, body := range map[string][]byte{
		"UTF-16LE with BOM":        append([]byte("\xff\xfe"), utf16Bytes(text, false)...),
		"UTF-16BE with BOM":        append([]byte("\xfe\xff"), utf16Bytes(text, true)...),
		"UTF-16LE":                 utf16Bytes(text, false),
		"UTF-16BE":                 utf16Bytes(text, true),
		"UTF-32LE":                 utf32Bytes(text),
		"Latin-1":                  []byte(strings.Replace(text, "correct", "corr\xe9ct", 1)),
		"a lone byte in a key":     []byte(strings.Replace(text, "email", "em\xffail", 1)),
		"an overlong NUL":          []byte(strings.Replace(text, "correct", "corr\xc0\x80ct", 1)),
		"a surrogate as UTF-8":     []byte(strings.Replace(text, "correct", "corr\xed\xa0\x80ct", 1)),
		"past the last code point": []byte(strings.Replace(text, "correct", "corr\xf4\x90\x80\x80ct", 1)),
		"a cut sequence":           []byte(strings.Replace(text, "correct", "corr\xf0\x9f\x92", 1)),
	} {
		t.send(post("/register", body)).expect(what, 422)
	}
}

func utf16Bytes(text string, bigEndian bool) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		if bigEndian {
			out = append(out, byte(unit>>8), byte(unit))
		} else {
			out = append(out, byte(unit), byte(unit>>8))
		}
	}
	return out
}

func utf32Bytes(text string) []byte {
	var out []byte
	for _, r := range text {
		out = append(out, byte(r), byte(r>>8), byte(r>>16), 0)
	}
	return out
}

// bodies are no JSON object that says anything.
var bodies = []string{
	"", " ", "\x00", "null", "true", "false", "0", "-1", "1e999", `""`, `"x"`, "[]", "[[]]", "[{}]", "{}", "{", "}", "[", "]", "{]",
	`{"`, `{"email`, `{"email"`, `{"email":`, `{"email":}`, `{"email":"`, `{"email":"x"`, `{"email":"x",`, `{"email":"x",}`, `{,}`,
	`{email:"x"}`, `{'email':'x'}`, `{"email":'x'}`, `{"email":NaN}`, `{"email":Infinity}`, `{"email":-Infinity}`, `{"email":undefined}`,
	`{"email":01}`, `{"email":+1}`, `{"email":.5}`, `{"email":1.}`, `{"email":0x1}`, `{"email":"\x"}`, `{"email":"\u12"}`, `{"email":"` + "\n" + `"}`,
	`{"email":"` + "\t" + `"}`, `{} {}`, `{}x`, "\ufeff{}", "// comment\n{}", "/**/{}", "{/**/}", `{"__proto__":{}}`, `{"a":1}` + "\x00",
	"email=x&password=y", "<xml/>", "--x\r\n", "\x1f\x8b\x08\x00", "\xff\xfe", "\xef\xbb\xbf", `["email","password"]`,
	`{"email":{"$gt":""},"password":{"$gt":""}}`,
}

// nested are bodies that a recursive parser drowns in.
func nested() []string {
	return []string{
		strings.Repeat("[", 10_000), strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
		strings.Repeat(`{"a":`, 10_000), strings.Repeat(`{"a":`, 5_000) + "1" + strings.Repeat("}", 5_000),
		`{"email":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
	}
}

func malformedBodies(t *T) {
	t.member()
	for _, body := range append(bodies, nested()...) {
		for _, path := range []string{"/register", "/login"} {
			a := t.send(post(path, body)).expect(path+" of "+quoted(body), 422)
			if a.status == http.StatusUnprocessableEntity {
				a.findings()
			}
		}
	}
}

// values are what no text field may hold.
var values = []string{
	"null", "0", "-0", "1.5", "1e308", "12345678901234567890123456789012345678901234567890", "true", "false", "[]", "{}", `["x"]`,
	`[["x"]]`, `{"x":"y"}`, `[null]`, `"\u0000"`, `"x\u0000y"`, `"\ud800"`, `"\udc00x"`,
}

func malformedValues(t *T) {
	t.register()
	for _, value := range values {
		for _, name := range []string{"email", "password", "username"} {
			fields := newAccount().registration()
			fields[name] = json.RawMessage(value)
			if name == "username" && value == "null" {
				continue
			}
			t.send(post("/register", fields)).expect("register with "+name+" "+value, 422)
		}
		for _, name := range []string{"username", "password"} {
			fields := map[string]any{"username": "nobody", "password": "correct horse"}
			fields[name] = json.RawMessage(value)
			t.send(post("/login", fields)).expect("login with "+name+" "+value, 422)
		}
	}
	for _, name := range []string{"email", "username"} {
		fields := newAccount().registration()
		fields[name] = strings.Repeat("x", 50_000)
		t.send(post("/register", fields)).expect("a "+name+" of 50,000 bytes", 422)
	}
	long := strings.Repeat("x", 50_000)
	t.login(long, "correct horse").expect("login with a name of 50,000 bytes", 401, 422)
	t.login("nobody", long).expect("login with a password of 50,000 bytes", 422)
}

func malformedForms(t *T) {
	t.member()
	for _, form := range []string{
		"", "&", "=", "&&&", "=x", "username", "username=", "%", "%zz", "%ff=%ff",
		"username=%ff&password=correct+horse", "username=x&password=correct%ffhorse", "username=x&password=%c0%80aaaaaaaa",
		"username=%00&password=correct+horse", "username=x&password=%00%00%00%00%00%00%00%00", "username=x;password=correct+horse",
		"username=x&password=correct+horse&password=other+horse", "USERNAME=x&PASSWORD=correct+horse", "username[]=x&password[]=y",
		"\x00\x01\x02", "\xff\xfe", "{}", strings.Repeat("a=b&", 5000), strings.Repeat("a", 30_000),
	} {
		t.send(postRawForm("/login", form)).expect("the form "+quoted(form), 422)
	}
	for _, form := range []string{"username=&password=", "username=x&password", "username=x&password="} {
		t.send(postRawForm("/login", form)).expect("the form "+quoted(form), 401, 422)
	}
	for _, body := range []string{
		"", "--b", "--b--", "--b\r\n\r\n--b--", "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=username\r\n\r\nx", strings.Repeat("--b\r\n", 3000),
		"--b\r\nContent-Disposition: form-data; name=\"username\"; filename=\"x\"\r\n\r\nx\r\n--b\r\n" +
			"Content-Disposition: form-data; name=\"password\"; filename=\"y\"\r\n\r\ncorrect horse\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\n\xff\xfe\r\n--b\r\n" +
			"Content-Disposition: form-data; name=\"password\"\r\n\r\n\xff\xfe\xff\xfe\xff\xfe\xff\xfe\r\n--b--\r\n",
	} {
		c := post("/login", body).with("Content-Type", "multipart/form-data; boundary=b")
		t.send(c).expect("multipart "+quoted(body), 422, 400)
	}
	t.send(post("/login", "x").with("Content-Type", "multipart/form-data")).expect("multipart without a boundary", 422, 400)
}

func malformedHuge(t *T) {
	acc := t.register()
	big := strings.Repeat("x", 1<<20)
	for what, c := range map[string]call{
		"register": post("/register", map[string]string{"email": acc.email, "password": big}),
		"login":    post("/login", map[string]string{"username": acc.email, "password": big}),
		"a form":   loginForm(acc.email, big),
		"an extra": post("/register", map[string]string{"email": newAccount().email, "password": acc.password, "x": big}),
		"spaces":   post("/login", strings.Repeat(" ", 8<<20)),
		"parts":    multipartLogin(map[string]string{"username": acc.email, "password": big}),
	} {
		for _, stream := range []bool{false, true} {
			c.stream = stream
			a := t.try(t, c)
			if a.err == nil { // an app may hang up on somebody who goes on sending
				a.expect(what+" of a megabyte and more", 413, 422)
			}
		}
	}
	t.login(acc.email, acc.password).expect("login afterwards", 200)
}
