"""Imports what apps are made of, and then forks one for each request.

Descriptor 3 is a socket. A request is JSON (env, dir, args of `python -m`) with the
descriptors of the app's output and of a pipe that ends with the app; the answer is its
process id. The app finds its libraries imported, and nothing of its own.
"""

import array
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys

LIBRARIES = """
uvicorn.main uvicorn.protocols.http.auto uvicorn.protocols.websockets.auto uvicorn.lifespan.on uvicorn.loops.auto
fastapi.openapi.utils fastapi.responses fastapi.security fastapi.templating pydantic.v1 pydantic_settings
sqlalchemy.orm sqlalchemy.ext.asyncio sqlalchemy.ext.compiler sqlalchemy.dialects.sqlite.aiosqlite sqlalchemy.dialects.postgresql.psycopg
aiosqlite psycopg sqlite3 jwt bcrypt argon2 email_validator python_multipart smtplib email.headerregistry
httpx authlib.jose authlib.integrations.httpx_client jwcrypto.jwk fastapi_keycloak_middleware webauthn
""".split()

PR_SET_PDEATHSIG = 1


def main():
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except Exception:
            pass  # the app does without, or says why not
    prctl = ctypes.CDLL(None).prctl
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    gc.freeze()
    control = socket.socket(fileno=3)
    while True:
        request, descriptors = receive(control)
        if not request:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            become(json.loads(request), *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        control.sendall(str(pid).encode())


def receive(control):
    descriptors = array.array("i")
    data, ancillary, _, _ = control.recvmsg(1 << 20, socket.CMSG_LEN(2 * descriptors.itemsize), socket.MSG_CMSG_CLOEXEC)
    for _, _, rights in ancillary:
        descriptors.frombytes(rights)
    return data, descriptors


def become(app, output, _life):
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(app["env"])
    os.chdir(app["dir"])
    sys.path[0] = os.getcwd()
    importlib.invalidate_caches()
    sys.argv = app["args"]
    runpy.run_module(app["args"][0], run_name="__main__", alter_sys=True)


main()
