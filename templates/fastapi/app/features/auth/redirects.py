# fastman: file oauth
"""Where a browser may be sent after a sign-in: never to where a stranger says."""

import re
from urllib.parse import unquote, urlencode

_PATH_MAX_LENGTH = 2048
_DECODINGS_MAX = 5

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def is_own_path(text: str) -> bool:
    """Tell whether browsers take it for a path of this app, however often decoded."""
    if len(text) > _PATH_MAX_LENGTH or not _PRINTABLE.fullmatch(text):
        return False
    if _BROKEN_ESCAPE.search(text):
        return False
    for _ in range(_DECODINGS_MAX + 1):
        if not _looks_own(text):
            return False
        decoded = unquote(text)
        if decoded == text:
            return True
        text = decoded
    return False


def _looks_own(text: str) -> bool:
    # Browsers read `\` as `/`, and `//` begins with a host (WHATWG URL, 4.4).
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    is_path = path.startswith("/") and "//" not in path and "\\" not in path
    return is_path and not _CONTROL.search(text)


def with_query(url: str, **values: str | None) -> str:
    """Add what there is of the values to the query of an address."""
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{url}{'&' if '?' in url else '?'}{query}"
