import threading
import time
from concurrent.futures import CancelledError

import pytest

from arae_toolkit.serving.request_queue import QueueFull, RequestQueue


class Held:
    """A computation that waits until it is let go, and one that notes what it was given."""

    def __init__(self):
        self.started, self.go, self.seen = threading.Event(), threading.Event(), []

    def wait(self, contents):
        self.started.set()
        assert self.go.wait(30)
        return contents

    def note(self, contents):
        self.seen.append(contents)
        return [content * 10 for content in contents]


@pytest.fixture
def held():
    return Held()


@pytest.fixture
def queue():
    queue = RequestQueue(most_waiting=8, most_together=3)
    yield queue
    queue.close()


def hold(queue, held):
    """Occupy the queue's thread, such that all else waits."""
    first = queue.submit("first", held.wait, 0)
    assert held.started.wait(30)
    return first


def test_like_requests_that_follow_each_other_are_computed_together_in_order(queue, held):
    hold(queue, held)
    kinds = ["a", "a", "b", "a", "a", "a", "a"]
    answers = [queue.submit(kind, held.note, number) for number, kind in enumerate(kinds, start=1)]
    held.go.set()
    assert [answer.result(30) for answer in answers] == [10, 20, 30, 40, 50, 60, 70]
    assert held.seen == [[1, 2], [3], [4, 5, 6], [7]]


def test_a_larger_request_is_computed_alone(queue, held):
    hold(queue, held)
    answers = [queue.submit("a", held.note, size, size=size) for size in (1, 5, 2, 1)]
    held.go.set()
    assert [answer.result(30) for answer in answers] == [10, 50, 20, 10]
    assert held.seen == [[1], [5], [2, 1]]


def test_no_more_than_so_many_wait(queue, held):
    first = hold(queue, held)
    waiting = [queue.submit("a", held.note, number) for number in range(8)]
    with pytest.raises(QueueFull, match="8 requests are waiting"):
        queue.submit("a", held.note, 8)
    held.go.set()
    assert first.result(30) == 0
    assert [answer.result(30) for answer in waiting] == [10 * number for number in range(8)]
    assert queue.submit("a", held.note, 8).result(30) == 80


def test_a_request_that_was_given_up_is_not_computed(queue, held):
    hold(queue, held)
    one, other = (queue.submit("a", held.note, number) for number in (1, 2))
    assert one.cancel()
    held.go.set()
    assert other.result(30) == 20
    assert held.seen == [[2]]


def test_a_failure_reaches_those_who_asked_and_no_others(queue):
    def fail(contents):
        raise ZeroDivisionError(str(contents))

    failed = queue.submit("bad", fail, 1)
    after = queue.submit("good", lambda contents: contents, 2)
    with pytest.raises(ZeroDivisionError):
        failed.result(30)
    assert after.result(30) == 2


def test_a_missing_answer_is_a_failure(queue):
    with pytest.raises(RuntimeError, match="0 answers to 1 requests"):
        queue.submit("a", lambda contents: [], 1).result(30)


def test_each_of_many_threads_gets_its_own_answers_in_order():
    queue = RequestQueue(most_waiting=10_000, most_together=16)
    order, wrong = [], []

    def compute(contents):
        order.extend(contents)
        return [(thread, number, thread * number) for thread, number in contents]

    def ask(thread):
        pending = [queue.submit("a", compute, (thread, number)) for number in range(50)]
        for number, answer in enumerate(pending):
            if answer.result(60) != (thread, number, thread * number):
                wrong.append((thread, number))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    queue.close()
    assert not wrong
    assert len(order) == 600
    for thread in range(12):  # each thread's requests were answered as they came
        assert [number for own, number in order if own == thread] == list(range(50))


def test_what_waits_when_the_queue_is_closed_is_refused(held):
    queue = RequestQueue()
    first = hold(queue, held)
    waiting = queue.submit("a", held.note, 1)
    closing = threading.Thread(target=queue.close)
    closing.start()
    deadline = time.monotonic() + 30
    while not waiting.cancelled() and time.monotonic() < deadline:
        time.sleep(0.01)
    held.go.set()
    closing.join(30)
    assert first.result(30) == 0
    with pytest.raises(CancelledError):
        waiting.result(30)
    assert held.seen == []
