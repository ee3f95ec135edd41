"""The least that does the same: verify a token, one statement in one thread hop.

Reads the database and the tokens of the generated app; knows nothing else of it.
"""

import os
import time
import uuid
from typing import Annotated, Any

import bcrypt
import jwt
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pydantic import BaseModel
from sqlalchemy import (
    MetaData,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    select,
    update,
)

KEY = bytes.fromhex(os.environ["BENCH_KEY"])
ISSUER = "fastman:app"

app = FastAPI()
bearer = OAuth2PasswordBearer(tokenUrl="login")
engine = create_engine(os.environ["DATABASE_URL"], pool_size=20)
SQLITE = engine.dialect.name == "sqlite"


@event.listens_for(engine, "connect")
def tune(connection: Any, _record: object) -> None:
    if SQLITE:
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA journal_mode = WAL")


tables = MetaData()
tables.reflect(engine, only=["users", "auth_sessions"])
users: Table = tables.tables["users"]
sessions: Table = tables.tables["auth_sessions"]
now = func.current_timestamp()

FIELDS = (
    "id",
    "email",
    "username",
    "name",
    "avatar_url",
    "is_active",
    "is_superuser",
    "email_verified_at",
    "oauth_provider",
    "created_at",
)
CURRENT_USER = (
    select(*(users.c[name] for name in FIELDS))
    .join(sessions, sessions.c.user_id == users.c.id)
    .where(
        sessions.c.id == bindparam("sid"),
        sessions.c.expires_at > now,
        users.c.id == bindparam("uid"),
        users.c.is_active,
    )
)
ROTATE = (
    update(sessions)
    .where(sessions.c.id == bindparam("sid"))
    .values(refresh_counter=sessions.c.refresh_counter + 1, last_seen_at=now)
    .returning(sessions.c.user_id, sessions.c.refresh_counter)
)
PASSWORD = select(users.c.id, users.c.hashed_password).where(
    users.c.email_key == bindparam("email")
)

readers: CapacityLimiter
writers: CapacityLimiter
hashing: CapacityLimiter


async def in_thread(call: Any, *arguments: Any, limiter: str) -> Any:
    if "readers" not in globals():
        globals()["readers"] = CapacityLimiter(4)
        globals()["writers"] = CapacityLimiter(4)
        globals()["hashing"] = CapacityLimiter(1)
    return await to_thread.run_sync(call, *arguments, limiter=globals()[limiter])


def fetch(statement: Any, parameters: dict[str, Any]) -> Any:
    if SQLITE:
        with engine.connect() as connection:
            return connection.execute(statement, parameters).one_or_none()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return connection.execute(statement, parameters).one_or_none()


def change(statement: Any, parameters: dict[str, Any]) -> Any:
    with engine.begin() as connection:
        return connection.execute(statement, parameters).one_or_none()


def issue(user_id: int, session_id: str) -> str:
    at = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": str(user_id),
        "sid": session_id,
        "jti": uuid.uuid4().hex,
        "iat": at,
        "exp": at + 1800,
    }
    return jwt.encode(claims, KEY, algorithm="HS256")


@app.get("/auth/me")
async def me(token: Annotated[str, Depends(bearer)]) -> dict[str, Any]:
    try:
        claims = jwt.decode(
            token, KEY, algorithms=["HS256"], audience=ISSUER, issuer=ISSUER
        )
    except jwt.PyJWTError:
        raise HTTPException(401) from None
    keys = {"sid": claims["sid"], "uid": int(claims["sub"])}
    row = await in_thread(fetch, CURRENT_USER, keys, limiter="readers")
    if row is None:
        raise HTTPException(401)
    user = row._asdict()
    user["is_verified"] = user.pop("email_verified_at") is not None
    return user


class Refresh(BaseModel):
    refresh_token: str


@app.post("/auth/refresh")
async def refresh(given: Refresh) -> dict[str, Any]:
    sid = given.refresh_token.partition(".")[0]
    row = await in_thread(change, ROTATE, {"sid": sid}, limiter="writers")
    if row is None:
        raise HTTPException(401)
    return {
        "access_token": issue(row.user_id, sid),
        "refresh_token": f"{sid}.{row.refresh_counter}",
    }


@app.post("/auth/login")
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str]:
    row = await in_thread(fetch, PASSWORD, {"email": form.username}, limiter="readers")
    stored = row.hashed_password.encode() if row else b""
    given = form.password.encode()
    if not await in_thread(bcrypt.checkpw, given, stored, limiter="hashing"):
        raise HTTPException(401)
    return {"access_token": issue(row.id, "0" * 22)}
