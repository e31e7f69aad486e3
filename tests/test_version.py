import os

from arae_toolkit.version import cores


def test_cores_are_counted_where_the_system_binds_no_process_to_some(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert cores() == 5
