# fastman: file passkey
"""The files of this folder's static/, as browsers want them."""

import functools
from pathlib import Path

from fastapi import Response

_FOLDER = Path(__file__).with_name("static")
_MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}


def serve(name: str) -> Response:
    headers = {
        "Content-Type": _MEDIA_TYPES[Path(name).suffix],
        "X-Content-Type-Options": "nosniff",
    }
    return Response(_read(name), headers=headers)


@functools.cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()
