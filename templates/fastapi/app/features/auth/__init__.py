"""Sign-in: users, sessions and the tokens that stand for them."""
