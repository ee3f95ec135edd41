// fastman: file jwt
package auth

import "fmt"

func (m *mailer) resetLink(to, baseURL, token string) {
	m.send(to, m.app+": choose a new password", fmt.Sprintf(`Somebody, probably you, asked for a new password for %s.
This link lets you choose one, within 30 minutes and once:

%s

If it was not you, do nothing: your password stays as it is.
`, m.app, baseURL+m.resetPage+token))
}

func (m *mailer) passwordChanged(user *User, from client) {
	m.notify(user, "your password was changed", from, "")
}

func (m *mailer) passwordReset(user *User, from client, takenOver bool) {
	more := ""
	if takenOver {
		more = takenOverText
	}
	m.notify(user, "your password was reset", from, more)
}

func (m *mailer) alreadyRegistered(to string) {
	m.send(to, m.app+": you have an account already", fmt.Sprintf(`Somebody, probably you, tried to open an account at %s with this
address, which has one. Sign in, or ask for a new password if you forgot yours.

If it was not you, do nothing: nobody was told that you have an account.
`, m.app))
}

func (m *mailer) usernameTaken(to string) {
	m.send(to, m.app+": please choose another user name", fmt.Sprintf(`Somebody, probably you, tried to open an account at %s with this
address. The user name belongs to somebody else, so no account was opened.
Please try again with another name, or without one.
`, m.app))
}
