# fastman: file jwt or oauth or passkey
"""How these endpoints read requests and answer, whatever the app around them does."""

import json
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from python_multipart.multipart import Field, create_form_parser
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

_BODY_MAX_BYTES = 64 * 1024
# A larger body is read up to here and thrown away, so that its sender gets to see the
# answer; past it the connection is closed in its face.
_DRAIN_MAX_BYTES = 1024 * 1024
# fastman: if jwt
_FORM_MAX_FIELDS = 100
# fastman: end


class AuthRequest(Request):
    """A request whose body is bounded, and whose JSON means one thing only."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            self._body = await _read_bounded(self)
        return self._body

    async def json(self) -> Any:
        return parse_json(await self.body())


class AuthRoute(APIRoute):
    """Answers its errors itself, without the rejected input, and is never cached."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_safely(request: Request) -> Response:
            try:
                response = await answer(AuthRequest(request.scope, request.receive))
            except RequestValidationError as error:
                response = _invalid(error)
            except AnyHTTPException as error:
                response = _problem(error)
            except ClientDisconnect:
                response = Response(status_code=status.HTTP_400_BAD_REQUEST)
            response.headers["Cache-Control"] = "no-store"
            return response

        return answer_safely

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope["path"].rstrip("/")
        # A pattern's `$` stands before a line break at the end of a path, too.
        if path.endswith("\n"):
            return Match.NONE, {}
        match, child_scope = super().matches(scope)
        if match is Match.NONE and path != scope["path"]:
            # Else the app redirects, to a Host that the sender may have made up, and a
            # client sends its password once more.
            match, child_scope = super().matches({**scope, "path": path})
            if match is not Match.NONE:
                return Match.FULL, child_scope
        return match, child_scope

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/"):
            await _refusal(status.HTTP_404_NOT_FOUND)(scope, receive, send)
        elif self.methods and scope["method"] not in self.methods:
            allowed = {"Allow": ", ".join(sorted(self.methods))}
            refusal = _refusal(status.HTTP_405_METHOD_NOT_ALLOWED, allowed)
            await refusal(scope, receive, send)
        else:
            await super().handle(scope, receive, send)


def _invalid(error: RequestValidationError) -> Response:
    problems = [
        {"loc": problem["loc"], "type": problem["type"], "msg": problem["msg"]}
        for problem in error.errors()
    ]
    return JSONResponse({"detail": problems}, status_code=422)


def _problem(error: AnyHTTPException) -> Response:
    return JSONResponse(
        {"detail": error.detail}, status_code=error.status_code, headers=error.headers
    )


def _refusal(status_code: int, headers: dict[str, str] | None = None) -> Response:
    not_stored = {"Cache-Control": "no-store", **(headers or {})}
    return _problem(HTTPException(status_code, headers=not_stored))


async def _read_bounded(request: Request) -> bytes:
    body = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= _BODY_MAX_BYTES:
            body += chunk
        elif size > _DRAIN_MAX_BYTES:
            break
    if size > _BODY_MAX_BYTES:
        raise HTTPException(413, "Request body is larger than 64 KiB")
    return bytes(body)


def parse_json(body: bytes) -> Any:
    """Parse JSON that no two parsers can read differently (RFC 8259, RFC 7493)."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique_fields,
            parse_constant=_refuse_constant,
        )
        # Lone surrogates pass the parser, but cannot be written as UTF-8.
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        # FastAPI turns this one, and no other error, into a 422.
        raise json.JSONDecodeError("not valid JSON", "", 0) from None
    return value


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is there twice")
    return fields


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# fastman: if jwt or passkey
def body_error(kind: str, message: str, *where: str | int) -> RequestValidationError:
    return RequestValidationError(
        [{"type": kind, "loc": ("body", *where), "msg": message}]
    )


# fastman: end
# fastman: if jwt
async def read_fields(request: Request) -> Any:
    """Return what a form or a JSON document says, or raise RequestValidationError."""
    content_type = request.headers.get("content-type", "")
    try:
        match _media_type(content_type):
            case "application/json":
                return await request.json()
            case "application/x-www-form-urlencoded":
                return _parse_urlencoded(await request.body())
            case "multipart/form-data":
                return _parse_multipart(content_type, await request.body())
    except json.JSONDecodeError:
        raise body_error("json_invalid", "JSON decode error", 0) from None
    except ValueError:
        raise body_error("value_error", "Body is not a valid form") from None
    raise body_error("value_error", "Body must be a form or JSON")


def _media_type(content_type: str) -> str:
    message = Message()
    message["content-type"] = content_type
    return message.get_content_type()


def _parse_urlencoded(body: bytes) -> dict[str, str]:
    pairs = parse_qsl(
        body.decode("utf-8"),
        keep_blank_values=True,
        errors="strict",
        max_num_fields=_FORM_MAX_FIELDS,
    )
    return _unique_fields(pairs)


def _parse_multipart(content_type: str, body: bytes) -> dict[str, str]:
    pairs: list[tuple[str, str]] = []

    def keep(field: Field) -> None:
        name, value = field.field_name or b"", field.value or b""
        pairs.append((name.decode("utf-8"), value.decode("utf-8")))

    headers = {"Content-Type": content_type.encode("latin-1")}
    parser = create_form_parser(headers, keep, None)
    parser.write(body)
    parser.finalize()
    return _unique_fields(pairs)


# fastman: end
