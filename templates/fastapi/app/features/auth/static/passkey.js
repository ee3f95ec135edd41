// Passkeys in the browser.
