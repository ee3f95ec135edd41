// fastman: file jwt or oauth or passkey
package auth

import "fmt"

// What the mails of authentication say.

func (m *mailer) verifyLink(to, baseURL, token string) {
	m.send(to, m.app+": confirm your e-mail address", fmt.Sprintf(`Somebody, probably you, uses this address for an account at %s.
This link confirms that it is yours, within 24 hours and once:

%s

If it was not you, do nothing, and never give this link to anybody.
`, m.app, baseURL+m.verifyPage+token))
}

func (m *mailer) sessionsEnded(user *User, from client) {
	m.notify(user, "a session was ended", from, "")
}

func (m *mailer) refreshReused(user *User, from client) {
	m.notify(user, "a session was ended", from, `A refresh token was used twice, as happens when somebody has a copy of it.
The session was ended to be safe; please sign in again.
`)
}

func (m *mailer) takenOver(user *User, from client) {
	m.notify(user, "your address was confirmed", from, takenOverText)
}

const takenOverText = `The account was made before its address was confirmed, so that every other
session and way of signing in was removed from it.
`

// notify tells a user what happened, with more about it where there is more.
func (m *mailer) notify(user *User, what string, from client, more string) {
	address := from.ip
	if address == "" {
		address = "unknown"
	}
	m.send(user.Email, m.app+": "+what, fmt.Sprintf(`At %s, %s, from the address %s.
%s
If it was not you, `+
		// fastman: if jwt
		`choose a new password now, and `+
		// fastman: end
		`end the sessions you do not know.
`, m.app, what, address, more))
}
