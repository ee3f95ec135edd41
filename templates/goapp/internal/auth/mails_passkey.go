// fastman: file passkey
package auth

import "fmt"

func (m *mailer) passkeyAdded(user *User, from client) {
	m.notify(user, "a passkey was added", from, "")
}

func (m *mailer) passkeyRemoved(user *User, from client) {
	m.notify(user, "a passkey was removed", from, "")
}

func (m *mailer) recoveryCodesMade(user *User, from client) {
	m.notify(user, "recovery codes were made", from, "Those made before are of no use any more.\n")
}

func (m *mailer) accountRecovered(user *User, from client) {
	m.notify(user, "your account was recovered", from, "Every other session was ended.\n")
}

func (m *mailer) passkeyRefused(to string) {
	m.send(to, m.app+": somebody tried to add a passkey", fmt.Sprintf(`Somebody, probably you, tried to open an account at %s with a passkey and
this address, which has one. Sign in first, then add the passkey.

If it was not you, do nothing: the passkey was not added.
`, m.app))
}

func (m *mailer) recoveryLink(to, baseURL, token string) {
	m.send(to, m.app+": recover your account", fmt.Sprintf(`Somebody, probably you, asked to get back into an account at %s.
This link lets you in, within 30 minutes and once, to make a new passkey:

%s

If it was not you, do nothing, and never give this link to anybody.
`, m.app, baseURL+m.recoveryPage+token))
}
