"""``arae-toolkit serve`` as a process that is asked and stopped, and its mistakes."""

import importlib.util
import json
import shutil
import signal
import socket
import urllib.request

import pytest
import small
import small_benchmarks
from command_line import call, start

from arae_toolkit.storage.paths import CACHE_VARIABLE

pytest.importorskip("starlette", reason="the extra web is not installed")
pytest.importorskip("uvicorn", reason="the extra web is not installed")

PAIR = {"premise": "a man runs .", "hypothesis": "a man sleeps ."}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return small.save_model(tmp_path_factory.mktemp("runs") / "tiny")


class Served:
    """A service in a process of its own."""

    def __init__(self, *words, **settings):
        self.process = start("serve", *words, "--port", 0, **settings)
        self.address = self.process.stdout.readline().strip()
        assert "token=" in self.address, self.process.communicate()[1]
        self.root, _, self.token = self.address.partition("?token=")

    def ask(self, path, content=None):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.root + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def stop(self, number=signal.SIGTERM):
        """Return what else it wrote to stdout, and its stderr."""
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)


@pytest.fixture
def served():
    """Start a service that ends with the test."""
    started = []

    def serve(*words, **settings):
        started.append(Served(*words, **settings))
        return started[-1]

    yield serve
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def content_of(*folders):
    """Return the name, size, change and content of everything in some folders."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for folder in folders
        for path in [folder, *sorted(folder.rglob("*"))]
    }


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_runs_are_served_until_a_signal_and_nothing_is_written(
    served, run_folder, pair_model, tmp_path, number, code
):
    work = tmp_path / "work"  # not the cache, which may learn what the processor is quickest at
    work.mkdir()
    there = (run_folder, pair_model, work)
    for folder in (run_folder, pair_model):
        folder.chmod(0o500)
    before = content_of(*there)
    service = served(run_folder, pair_model, cwd=work)
    assert service.root.startswith("http://127.0.0.1:")
    assert [run["name"] for run in service.ask("api/runs")["runs"]] == ["tiny", "pairs"]
    labelled = service.ask("api/pairs", {"run": "pairs", "pairs": [PAIR]})["answers"]
    assert labelled[0]["label"] in small.LABELS
    assert len(service.ask("api/samples", {"run": "tiny", "count": 3})["samples"]) == 3
    assert service.ask("api/map", {"run": "tiny"})["kinds"] == ["generated"]
    output, errors = service.stop(number)
    assert service.process.returncode == code, errors
    assert output == ""
    assert errors.splitlines()[-1] == "stopped"
    assert "Traceback" not in errors
    assert "does not name its corpus" in errors
    assert content_of(*there) == before


def test_sentences_come_from_the_corpus_that_is_named(served, run_folder, synthetic):
    service = served(run_folder, "--corpus", synthetic, "--split", "dev", "--limit", 7)
    (run,) = service.ask("api/runs")["runs"]
    assert run["searched"] == {"split": "dev", "sentences": 7}
    asked = {"run": "tiny", "texts": [run["examples"][0]], "count": 50}
    (answer,) = service.ask("api/neighbours", asked)["answers"]
    assert len(answer["neighbours"]) == 7
    assert service.ask("api/map", {"run": "tiny"})["kinds"] == ["generated", "dev"]


def test_a_corpus_that_is_not_prepared_is_not_prepared_now(tmp_path, monkeypatch):
    """A page writes nothing; it works without, and says how to have one."""
    from arae_toolkit.recipes.shared import corpora

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(corpora.DataError, match="run 'arae-toolkit prepare synthetic'"):
        corpora.corpus_of_run(None, "synthetic", prepare=False)
    assert not (tmp_path / "cache").exists()


def test_a_corpus_that_was_prepared_under_a_name_of_its_own_is_found(tmp_path, monkeypatch):
    """As one of another library's rows is, which is no corpus that the toolkit knows."""
    from arae_toolkit.recipes.shared import corpora
    from arae_toolkit.storage.paths import corpus_folder

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    corpus = small_benchmarks.tiny_corpus(tmp_path)
    shutil.copytree(corpus.folder, corpus_folder("polarity"))
    assert corpora.corpus_of_run(None, "polarity", prepare=False).sha256 == corpus.sha256


def test_a_port_in_use_is_one_line(run_folder):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = call("serve", run_folder, "--port", port, code=1)
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"arae-toolkit: error: port {port} is in use by another program; name another with "
        "--port, or --port 0 for a free one"
    ]


def test_a_run_given_twice_is_a_usage_error(run_folder):
    assert "is given twice" in call("serve", run_folder, run_folder, code=2).stderr


def test_a_run_that_there_is_not_is_one_line():
    assert "no trained model 'nothing'" in call("serve", "nothing", code=2).stderr


def test_a_model_without_a_page_is_named(tmp_path):
    small.save_model(tmp_path / "tiny")
    config = tmp_path / "tiny" / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps({**content, "kind": "prior"}))
    result = call("serve", tmp_path / "tiny", "--port", 0, code=4)
    assert "a model of the kind 'prior' has no page" in result.stderr


def test_without_the_extra_it_is_named(run_folder, monkeypatch):
    found = importlib.util.find_spec
    missing = ("starlette", "uvicorn")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else found(name)
    )
    result = call("serve", run_folder, code=1)
    assert result.stderr.count("\n") == 1
    assert "starlette and uvicorn not installed" in result.stderr
    assert "pip install 'arae-toolkit[web]'" in result.stderr
