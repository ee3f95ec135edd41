"""Serves the user's app as it is, and beside it what the suite has to ask of its code:
which routes it has, and routes that ask for roles.

The lines above say which app, as a server is given it, and where its require_roles is.
"""

import importlib
import re

from fastapi import Depends, FastAPI

try:
    from fastapi.routing import iter_route_contexts
except ImportError:  # older ones copy the routes of a router into the app
    iter_route_contexts = iter


def load(callable, is_factory):
    module, _, names = callable.partition(":")
    found = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found() if is_factory else found


def listed(app, prefix=""):
    """Every route with the handler that answers it, those of mounted apps too."""
    while not hasattr(app, "routes") and hasattr(app, "app"):
        app = app.app  # middleware around it
    for seen in iter_route_contexts(getattr(app, "routes", None) or []):
        route = getattr(seen, "original_route", seen)
        path = prefix + (getattr(seen, "path", None) or getattr(route, "path", ""))
        endpoint = getattr(route, "endpoint", None)
        if endpoint is None:
            yield from listed(getattr(route, "app", None), path)
            continue
        for method in getattr(seen, "methods", None) or getattr(route, "methods", None) or ():
            yield {
                "method": method,
                "path": re.sub(r"{\w+(:\w+)?}", "{}", path),
                "module": getattr(endpoint, "__module__", None) or "",
                "name": getattr(endpoint, "__name__", ""),
            }


theirs = load(APP, IS_FACTORY)
ours = FastAPI()


@ours.get(BELOW + "routes")
def routes():
    return list(listed(theirs))


def guard():
    require_roles = getattr(importlib.import_module(ROLES), "require_roles")
    for name, roles in (("admins", require_roles("admin")), ("editors", require_roles("editor", client=CLIENT))):
        ours.get(BELOW + name, dependencies=[Depends(roles)])(lambda: {"ok": True})


if ROLES:
    try:
        guard()
    except Exception as error:  # then roles are not judged, and everything else is
        print("fastman: no routes that ask for roles:", repr(error))


async def app(scope, receive, send):
    asked = scope["type"] == "http" and scope["path"].startswith(BELOW)
    await (ours if asked else theirs)(scope, receive, send)
