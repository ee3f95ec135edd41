# fastman: file jwt or oauth or passkey
