# fastman: file jwt or oauth or passkey
"""Sign-in: users, sessions and the tokens that stand for them."""
