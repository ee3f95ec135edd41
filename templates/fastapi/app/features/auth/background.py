# fastman: file jwt or oauth or passkey
"""Work that no request waits for: threads of this process, and a bounded queue."""

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from queue import Empty, Full, Queue
from types import TracebackType

from anyio import to_thread
from fastapi import FastAPI

from .events import log_event

_THREADS = 4
_QUEUE_MAX = 1000
_STOP_PATIENCE = 5  # seconds that a stopping process spends on what is queued
_IDLE = 60  # seconds after which a thread that has nothing to do ends

Job = Callable[[], None]


class Background:
    """Runs jobs in daemon threads that come when there is work and go afterwards."""

    def __init__(self) -> None:
        self._jobs: Queue[Job] = Queue(_QUEUE_MAX)
        self._threads = 0
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        """Queue a job; past the bound it is dropped, and that is logged."""
        try:
            self._jobs.put_nowait(job)
        except Full:
            log_event("auth.background.full", level=logging.ERROR)
            return
        with self._lock:
            if self._threads < _THREADS:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=_IDLE)
            except Empty:
                with self._lock:
                    # A job that came in between found this thread counted.
                    if self._jobs.empty():
                        self._threads -= 1
                        return
                continue
            _run(job)
            self._jobs.task_done()

    def drain(self, seconds: float) -> None:
        """Wait until all jobs are done, or the time is over."""
        deadline = time.monotonic() + seconds
        while self._jobs.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)


class _LoggedFailure(AbstractContextManager[None]):
    """Logs an exception and ends it: nobody waits for the job that raised it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        # The error's text may hold what it failed on: an address, a token.
        name = type(error).__name__
        log_event("auth.background.failed", level=logging.ERROR, error=name)
        return True


def _run(job: Job) -> None:
    with _LoggedFailure():
        job()


background = Background()


@asynccontextmanager
async def finish_background(_app: FastAPI) -> AsyncIterator[None]:
    """Let a stopping server finish what is queued."""
    yield
    await to_thread.run_sync(background.drain, _STOP_PATIENCE)
