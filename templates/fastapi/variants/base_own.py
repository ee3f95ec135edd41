# fastman: file jwt or oauth or passkey
"""Puts the tables of authentication into the project's metadata, under a registry of
their own: its classes may have the same names, and its columns stay its own."""

from sqlalchemy.orm import DeclarativeBase

from app.core.database import Base as ProjectBase


class Base(DeclarativeBase):
    metadata = ProjectBase.metadata
