// fastman: file oauth or keycloak and jwt or oauth or passkey
package auth

func (m *mailer) providerLinked(user *User, title string, from client) {
	m.notify(user, "a way to sign in was added", from, "It is "+title+".\n")
}

func (m *mailer) providerUnlinked(user *User, title string, from client) {
	m.notify(user, "a way to sign in was removed", from, "It was "+title+".\n")
}
