"""The modules that stand in for a project's own engine and base class."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.core.database import PROJECT_ROOT, from_project_root, sync_url

from .conftest import ROOT

ASYNC_DATABASE = '''
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlmodel import SQLModel


class Base(DeclarativeBase):
    """The base class of a project with an async engine."""


async_engine = create_async_engine("sqlite+aiosqlite:///./app.db")
__all__ = ["Base", "SQLModel", "async_engine"]
'''


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("postgres://u:p%40@h/d", "postgresql+psycopg://u:p%40@h/d"),
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg2://u@h/d", "postgresql+psycopg://u@h/d"),
        (
            "postgresql+asyncpg://u@h/d?ssl=require&prepared_statement_cache_size=0",
            "postgresql+psycopg://u@h/d?sslmode=require",
        ),
        ("sqlite+aiosqlite:////srv/app.db", "sqlite:////srv/app.db"),
        ("sqlite://", "sqlite://"),
        ("mysql+pymysql://u@h/d", "mysql+pymysql://u@h/d"),
    ],
)
def test_urls_of_any_driver_are_understood(given: str, wanted: str) -> None:
    assert sync_url(given).render_as_string(hide_password=False) == wanted


def test_a_relative_path_starts_at_the_project_root() -> None:
    rooted = from_project_root(make_url("sqlite:///./app.db"))
    assert rooted.database == str(PROJECT_ROOT / "app.db")
    for kept in ("sqlite://", "sqlite:////srv/app.db", "sqlite:///file:x?uri=true"):
        assert from_project_root(make_url(kept)) == make_url(kept)


def test_the_translation_is_the_same_everywhere() -> None:
    places = ("app/core/database", "variants/engine_url", "variants/engine_async")
    trees = [ast.parse((ROOT / f"{place}.py").read_text()) for place in places]
    functions = [
        ast.dump(node)
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "sync_url"
    ]
    assert len(functions) == 3
    assert len(set(functions)) == 1


@pytest.mark.parametrize("base", ["base_new", "base_own", "base_sqlmodel"])
@pytest.mark.parametrize("engine", ["engine_async", "engine_url"])
def test_every_combination_is_typed_and_runs(
    tmp_path: Path, base: str, engine: str
) -> None:
    shutil.copytree(ROOT / "app", tmp_path / "app")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "app/core/database.py").write_text(ASYNC_DATABASE)
    auth = tmp_path / "app/features/auth"
    shutil.copy(ROOT / f"variants/{base}.py", auth / "base.py")
    shutil.copy(ROOT / f"variants/{engine}.py", auth / "engine.py")
    for module, name in (("models", "Base"), ("database", "engine")):
        source = (auth / f"{module}.py").read_text()
        host = f"from app.core.database import {name}\n"
        assert source.count(host) == 1
        own = f"from .{name.lower()} import {name}\n"
        (auth / f"{module}.py").write_text(source.replace(host, own))
    checks = (
        ["-m", "mypy", "--cache-dir", str(tmp_path.parent / "mypy"), "app"],
        ["-W", "error", "-c", "import app.main"],
    )
    for check in checks:
        result = subprocess.run(
            [sys.executable, *check], cwd=tmp_path, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
