# fastman: file jwt or oauth or passkey
"""Puts the tables of authentication into the metadata that SQLModel fills."""

from sqlalchemy.orm import DeclarativeBase
from sqlmodel import SQLModel


class Base(DeclarativeBase):
    metadata = SQLModel.metadata
