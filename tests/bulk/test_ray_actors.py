import os
import signal
import sys

import pytest
from small_bulk import content_of, here, parts, reconstructing, workers_of

from arae_toolkit.bulk.ray_actors import by_ray
from arae_toolkit.errors import ToolkitError


def test_without_the_extra_one_line_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ToolkitError, match=r"needs the extra ray: pip install 'arae-.*ray\]'$"):
        list(by_ray(reconstructing(tmp_path / "model"), str(tmp_path / "out"), parts(1), 1))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Ray's own
def test_a_killed_actor_loses_nothing_and_doubles_nothing(tmp_path):
    pytest.importorskip("ray")
    task, given = reconstructing(tmp_path / "model"), parts(30)
    expected = list(here(task, str(tmp_path / "expected"), given, 1))
    found = []
    for record in by_ray(task, str(tmp_path / "found"), given, 2):
        if not found:
            victim, _ = workers_of(os.getpid())
            os.kill(victim, signal.SIGKILL)
        found.append(record)
    assert sorted(found, key=lambda record: record.index) == expected
    assert content_of(tmp_path / "found") == content_of(tmp_path / "expected")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_an_actor_cannot_do_is_raised_as_it_would_be_here(tmp_path):
    pytest.importorskip("ray")
    task = reconstructing(tmp_path / "model")
    (tmp_path / "model" / "config.json").unlink()
    with pytest.raises(ToolkitError, match=r"^[^\n]*the model has changed since this work began$"):
        list(by_ray(task, str(tmp_path / "out"), parts(3), 1))
