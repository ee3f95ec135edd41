"""Imports the user's app in a process of its own and lists its real routes.

argv: where the answer goes (JSON), the module, the attribute, "factory" or "app",
and the dotted package of the auth module. The environment points at a scratch
database and scratch keys, so that importing touches nothing of the user's.
"""

import importlib
import json
import os
import re
import sys
import traceback


def main(answer, module, attribute, kind, package):
    sys.path.insert(0, os.getcwd())
    result = {"routes": [], "error": ""}
    try:
        app = getattr(importlib.import_module(module), attribute)
        if kind == "factory":
            app = app()
        result["routes"] = list(routes(app, package))
    except BaseException:
        result["error"] = traceback.format_exc()
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(result, file)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that the app started at import must not keep this process alive.
    os._exit(0)


def routes(app, package, prefix=""):
    for path, methods, endpoint, inner in flat(app):
        if inner is not None:
            yield from routes(inner, package, prefix + path)
        else:
            module = getattr(endpoint, "__module__", "") or ""
            ours = module == package or module.startswith(package + ".")
            for method in sorted(methods):
                yield {"method": method, "path": prefix + path, "ours": ours}


def flat(app):
    """(path, methods, endpoint, mounted app) of each route, included ones resolved.

    Older FastAPI copies the routes of an included router into the app; newer ones
    keep the tree and resolve it in iter_route_contexts.
    """
    try:
        from fastapi.routing import iter_route_contexts
    except ImportError:
        entries = [(route, route) for route in getattr(app, "routes", [])]
    else:
        contexts = iter_route_contexts(getattr(app, "routes", []))
        entries = [(context, context.original_route) for context in contexts]
    for seen, route in entries:
        path = getattr(seen, "path", None) or getattr(route, "path", "")
        methods = getattr(seen, "methods", None) or getattr(route, "methods", None) or ()
        endpoint = getattr(route, "endpoint", None)
        inner = getattr(route, "app", None) if endpoint is None else None
        path = re.sub(r":\w+}", "}", path)  # what a parameter may match is no part of it
        yield path, methods, endpoint, inner if hasattr(inner, "routes") else None


main(*sys.argv[1:6])
