// fastman: file oauth
package auth

func (m *mailer) providerLinked(user *User, title string, from client) {
	m.notify(user, "sign-in with "+title+" was added", from, "")
}

func (m *mailer) providerUnlinked(user *User, title string, from client) {
	m.notify(user, "sign-in with "+title+" was removed", from, "")
}
