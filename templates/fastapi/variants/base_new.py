# fastman: file jwt or oauth or passkey
"""The class that the tables of authentication hang on."""

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """A base class of the project's own is welcome in its place."""
