// fastman: file jwt
package auth

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func readLoginOf(contentType, body string) (username, password string, err error) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	read, err := readLogin(r)
	if err != nil {
		return "", "", err
	}
	username, password = read.text("username"), read.text("password")
	return username, password, read.err()
}

const part = "--b\r\nContent-Disposition: form-data; name="

// A sign-in comes as a form of either kind or as JSON.
func TestSignInForms(t *testing.T) {
	for _, c := range [][4]string{
		{"application/json", `{"username":"ada","password":"x y"}`, "ada", "x y"},
		{"application/x-www-form-urlencoded", "username=ada&password=x+y&grant_type=password", "ada", "x y"},
		{"Application/X-WWW-Form-Urlencoded; charset=utf-8", "&password=100%&username=a%40b%c3%A9", "a@b\u00e9", "100%"},
		{"application/x-www-form-urlencoded", "username=a;b&password=%zz=%2", "a;b", "%zz=%2"},
		{"multipart/form-data; boundary=b", part + "\"username\"\r\n\r\nada\r\n" + part + "password\r\n\r\nx\r\ny\r\n--b--", "ada", "x\r\ny"},
	} {
		if username, password, err := readLoginOf(c[0], c[1]); err != nil || username != c[2] || password != c[3] {
			t.Errorf("%s %q: %q %q %v", c[0], c[1], username, password, err)
		}
	}
}

// A form that two parsers could read differently is refused.
func TestUnclearFormsAreRefused(t *testing.T) {
	for _, c := range [][2]string{
		{"", "username=ada&password=x"}, {"text/plain", "username=ada&password=x"},
		{"application/x-www-form-urlencoded", ""}, {"application/x-www-form-urlencoded", "username=ada"},
		{"application/x-www-form-urlencoded", "USERNAME=ada&password=x"},
		{"application/x-www-form-urlencoded", "username=ada&password=x&password=y"},
		{"application/x-www-form-urlencoded", "username=ada&password=%ff"},
		{"application/x-www-form-urlencoded", "username=ada&password=x" + strings.Repeat("&", 99)},
		{"multipart/form-data", part + "username\r\n\r\nada\r\n" + part + "password\r\n\r\nx\r\n--b--"},
		{"multipart/form-data; boundary=other", part + "username\r\n\r\nada\r\n" + part + "password\r\n\r\nx\r\n--b--"},
		{"multipart/form-data; boundary=b", part + "username\r\n\r\nada\r\n" + part + "password\r\n\r\nx"},
		{"multipart/form-data; boundary=b", part + "username\r\n\r\nada\r\n" + part + "password; filename=\"\"\r\n\r\nx\r\n--b--"},
		{"multipart/form-data; boundary=b", part + "username\r\n\r\nada\r\n" + part + "password\r\n\r\n\xff\r\n--b--"},
		{"application/json", "[]"}, {"application/json", ""}, {"application/json", `{"username":"ada","username":"ada","password":"x"}`},
	} {
		if username, password, err := readLoginOf(c[0], c[1]); err == nil {
			t.Errorf("%s %q: %q %q", c[0], c[1], username, password)
		}
	}
}
