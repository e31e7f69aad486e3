"""What lies in a run's folder is not lost, and not mixed with what belongs elsewhere."""

import json
import shutil
import threading
from pathlib import Path

import pytest
import small
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_runs import KillAt, Killed, assert_same_end

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.model_folder import CONFIG, TOKENIZER, WEIGHTS
from arae_toolkit.pretraining.experiment import pretrain
from arae_toolkit.storage.locks import locked
from arae_toolkit.training.checkpoint import STATE
from arae_toolkit.training.experiment import set_aside

OFTEN = ("batch_size=32", "iterations=10", "evaluation_sentences=40", "log_every=3", "save_every=4")


class Notes:
    """A listener that keeps what it is told."""

    def __init__(self):
        self.notes = []

    def row(self, row):
        pass

    def tick(self, iteration):
        pass

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def corpus(synthetic: Path) -> Corpus:
    return Corpus(synthetic)


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    train(corpus, folder)
    return folder


@pytest.fixture
def run(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def train(corpus, folder, *listeners, **options):
    config = with_overrides(small.SMALL, OFTEN)
    pretrain(corpus, config, folder, kind="ae", listeners=listeners, **options)


def killed(corpus, folder, at=6):
    with pytest.raises(Killed):
        train(corpus, folder, KillAt(at))


@pytest.mark.parametrize("lost", [STATE, CONFIG], ids=["state", "config"])
@pytest.mark.parametrize("resume", ["auto", "never"])
def test_a_finished_model_is_never_written_over(corpus, run, lost, resume):
    (run / lost).unlink()
    before = (run / WEIGHTS).read_bytes()
    with pytest.raises(ToolkitError, match="another folder with --out"):
        train(corpus, run, resume=resume)
    assert (run / WEIGHTS).read_bytes() == before


def test_another_runs_state_does_not_take_a_models_place(corpus, run, tmp_path):
    killed(corpus, tmp_path / "elsewhere")
    before = (run / WEIGHTS).read_bytes()
    with pytest.raises(ToolkitError, match="holds a trained model"):
        train(corpus, run, resume=tmp_path / "elsewhere")
    assert (run / WEIGHTS).read_bytes() == before


def test_a_run_killed_before_its_first_state_goes_on(corpus, finished, tmp_path):
    killed(corpus, tmp_path / "run", at=1)
    assert not (tmp_path / "run" / STATE).exists()
    train(corpus, tmp_path / "run")
    assert_same_end(finished, tmp_path / "run")


def test_a_folder_is_set_aside_under_the_day(run):
    notes = []
    for _ in range(2):
        set_aside(run, note=notes.append)
        run.mkdir()
        (run / CONFIG).write_text("{}")
    kept = sorted(path.name for path in run.parent.glob("run.before-*"))
    assert len(kept) == 2 and kept[1] == kept[0] + "-2"
    assert kept[0] in notes[0]
    assert ARAE.from_pretrained(run.parent / kept[0])


def test_nothing_is_set_aside_where_no_model_lies(tmp_path):
    set_aside(tmp_path / "none", note=pytest.fail)
    (tmp_path / "texts").mkdir()
    set_aside(tmp_path / "texts", note=pytest.fail)
    assert (tmp_path / "texts").is_dir()


@pytest.mark.parametrize("content", ["older", "damaged", "missing"])
def test_a_complete_run_has_the_weights_of_its_end(corpus, finished, tmp_path, content):
    """As after a kill between the last state and the last model file."""
    folder = tmp_path / "run"
    killed(corpus, folder, at=9)
    older = (folder / WEIGHTS).read_bytes(), (folder / CONFIG).read_bytes()
    shutil.copy(finished / STATE, folder / STATE)
    if content == "damaged":
        (folder / WEIGHTS).write_bytes(older[0][:-3])
    elif content == "missing":
        (folder / WEIGHTS).unlink()
    listener = Notes()
    train(corpus, folder, listener)
    assert any("written again" in note for note in listener.notes)
    there, here = (load_file(path / WEIGHTS) for path in (finished, folder))
    assert all(torch.equal(tensor, here[name]) for name, tensor in there.items())
    assert ARAE.from_pretrained(folder)


def _edit_config(folder):
    config = json.loads((folder / CONFIG).read_text())
    config["model"]["max_length"] = 3
    (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def _edit_tokenizer(folder):
    text = (folder / TOKENIZER).read_text()
    (folder / TOKENIZER).write_text(text.replace('"man"', '"nam"', 1))


@pytest.mark.parametrize("edit", [_edit_config, _edit_tokenizer], ids=["config", "tokenizer"])
@pytest.mark.parametrize("weights", ["there", "gone"])
def test_altered_parts_are_not_gone_on_with(corpus, tmp_path, edit, weights):
    folder = tmp_path / "run"
    killed(corpus, folder)
    edit(folder)
    if weights == "gone":
        (folder / WEIGHTS).unlink()
    before = (folder / STATE).read_bytes()
    with pytest.raises(CheckpointMismatch, match="was saved with another"):
        train(corpus, folder)
    assert (folder / STATE).read_bytes() == before


def _altered(path, change):
    with safe_open(path, framework="pt") as source:
        metadata = source.metadata()
    change(metadata)
    save_file(load_file(path), path, metadata=metadata)


def test_every_part_of_the_states_header_is_hashed(corpus, tmp_path):
    folder = tmp_path / "run"
    killed(corpus, folder, at=9)
    state = (folder / STATE).read_bytes()
    start = state.index(b'\\"iteration\\": 8')
    flipped = bytearray(state)
    flipped[start + len(b'\\"iteration\\": ')] ^= 1  # 8 becomes 9
    (folder / STATE).write_bytes(flipped)
    with pytest.raises(CheckpointMismatch, match="does not match its fingerprint"):
        train(corpus, folder)


@pytest.mark.parametrize(
    "change", [{"iteration": 99}, {"iteration": -1}, {"window": "x"}, {"seconds": None}]
)
def test_a_forged_progress_is_refused(corpus, tmp_path, change):
    folder = tmp_path / "run"
    killed(corpus, folder)

    def forge(metadata):
        progress = json.loads(metadata["progress"]) | change
        metadata.pop("header_sha256", None)
        metadata["progress"] = json.dumps(progress)

    _altered(folder / STATE, forge)
    with pytest.raises(CheckpointMismatch, match="not a training state"):
        train(corpus, folder)


def test_states_of_earlier_versions_without_the_new_fingerprints_go_on(corpus, finished, tmp_path):
    folder = tmp_path / "run"
    killed(corpus, folder, at=9)

    def older(metadata):
        progress = json.loads(metadata["progress"])
        progress.pop("parts", None)
        metadata["progress"] = json.dumps(progress)
        metadata.pop("header_sha256", None)

    _altered(folder / STATE, older)
    _altered(folder / WEIGHTS, lambda metadata: metadata.pop("header_sha256", None))
    config = json.loads((folder / CONFIG).read_text())
    config.pop("weights_sha256", None)
    (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    train(corpus, folder)
    assert_same_end(finished, folder)


def test_two_trainings_of_one_folder(corpus, finished, tmp_path):
    folder, inside, done = tmp_path / "run", threading.Event(), threading.Event()

    class Wait(Notes):
        def tick(self, iteration):
            inside.set()
            done.wait(60)

    first = threading.Thread(target=train, args=(corpus, folder, Wait()))
    first.start()
    try:
        assert inside.wait(60)
        told = r"a training is going on there \(process \d+, since"
        with pytest.raises(ToolkitError, match=told):
            train(corpus, folder)
    finally:
        done.set()
        first.join()
    assert_same_end(finished, folder)
    with locked(folder, "a test"):  # given up at its end
        pass


def test_temporary_files_of_a_killed_run_are_removed(corpus, tmp_path):
    folder = tmp_path / "run"
    killed(corpus, folder)
    (folder / f".{WEIGHTS}.0123456789ab.part").write_bytes(b"half")
    train(corpus, folder)
    assert not list(folder.glob("*.part")) and not list(folder.glob(".*.part"))


@pytest.mark.parametrize("name", [".", ".."])
def test_the_working_folder_is_not_set_aside(run, monkeypatch, name):
    """Its path would go on to mean the renamed folder, and the new run replace the old one."""
    (run / "deep").mkdir()
    monkeypatch.chdir(run if name == "." else run / "deep")
    with pytest.raises(ToolkitError, match=r"the working folder lies in it"):
        set_aside(Path(name), note=pytest.fail)
    assert (run / "config.json").exists()
