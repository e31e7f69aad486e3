"""The queue of requests: one thread answers them in order of arrival, like ones together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from arae_toolkit.errors import ToolkitError

Compute = Callable[[list[Any]], Sequence[Any]]
"""Returns one answer for each request that it is given."""


class QueueFull(ToolkitError):
    """So many requests wait that no other is taken."""


@dataclass(frozen=True)
class _Request:
    kind: Hashable
    compute: Compute
    content: Any
    size: int
    answer: Future[Any]


class RequestQueue:
    """Requests from any number of threads, answered by one.

    Requests of one kind that follow each other are computed together; none is answered before one
    that came earlier has been.

    Args:
        most_waiting: Requests that wait at most; another one is refused.
        most_together: The sum of the sizes of requests that are computed together; a larger one is
            computed alone.
    """

    def __init__(self, *, most_waiting: int = 64, most_together: int = 256) -> None:
        self.most_waiting, self.most_together = most_waiting, most_together
        self._waiting: deque[_Request] = deque()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="requests")

    def submit(
        self, kind: Hashable, compute: Compute, content: Any, *, size: int = 1
    ) -> Future[Any]:
        """Put a request behind all others, and return what will hold its answer.

        Args:
            kind: Requests of equal kind may be computed together, by the function of the first.
            compute: Called with the contents of some requests of this kind, in order of arrival.
            content: What is asked.
            size: How much it is.

        Raises:
            QueueFull: If too many wait.
        """
        request = _Request(kind, compute, content, size, Future())
        batch: list[_Request] = []
        with self._lock:
            if len(self._waiting) >= self.most_waiting:
                raise QueueFull(f"{self.most_waiting} requests are waiting; ask again in a moment")
            self._waiting.append(request)
            # One turn for each request; those that an earlier turn took along find nothing to do.
            turn = self._thread.submit(self._compute, batch)
        turn.add_done_callback(partial(_hand_out, batch))
        return request.answer

    def close(self) -> None:
        """Let what is being computed end, and refuse what waits."""
        with self._lock:
            left = list(self._waiting)
            self._waiting.clear()
        for request in left:
            request.answer.cancel()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _compute(self, batch: list[_Request]) -> Sequence[Any]:
        """Move the first requests of one kind from the queue to ``batch``; return their answers."""
        with self._lock:
            while self._waiting and self._fits(batch, self._waiting[0]):
                request = self._waiting.popleft()
                if request.answer.set_running_or_notify_cancel():
                    batch.append(request)
        if not batch:
            return ()
        answers = batch[0].compute([request.content for request in batch])
        if len(answers) != len(batch):
            raise RuntimeError(f"{len(answers)} answers to {len(batch)} requests")
        return answers

    def _fits(self, batch: Sequence[_Request], request: _Request) -> bool:
        total = sum(one.size for one in batch) + request.size
        return not batch or (request.kind == batch[0].kind and total <= self.most_together)


def _hand_out(batch: Sequence[_Request], turn: Future[Sequence[Any]]) -> None:
    """Give each request its answer, or what kept it from having one."""
    if turn.cancelled():
        return
    problem = turn.exception()
    if problem is not None:
        for request in batch:
            request.answer.set_exception(problem)
        return
    for request, answer in zip(batch, turn.result(), strict=True):
        request.answer.set_result(answer)
