// fastman: file passkey
// A stub until the script is there.
