import json
from pathlib import Path
from typing import Any

import pytest
import small
import torch
from safetensors.torch import load_file
from small_runs import KillAt, Killed, assert_same_end, rows_of

from arae_toolkit.config.schema import Config
from arae_toolkit.errors import CheckpointMismatch, ToolkitError, TrainingDiverged
from arae_toolkit.models.model_folder import save_model_folder
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.training.checkpoint import STATE
from arae_toolkit.training.loop import Interrupted, Run, fit
from arae_toolkit.training.metrics_log import RunLog

SAVE_EACH_TWO = ("save_every=2", "evaluate_every=3", "epochs=4")


def _algorithm(config: Config, prior: str = "generator") -> Algorithm:
    words = small.vocabulary()
    return Algorithm(small.model(words, config, prior=prior), config, small.store(words))


def _run(folder: Path, *listeners: Any, stop: Any = lambda: 0, **identity: str) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    arae = small.model(small.vocabulary())
    save_model_folder(
        folder,
        config={"kind": "text", "model": arae.arguments},
        vocabulary=arae.vocabulary,
        tensors=arae.state_dict(),
    )

    def evaluate(algorithm: Algorithm, last: bool) -> dict[str, Any]:
        total = sum(p.detach().double().sum().item() for p in algorithm.model.parameters())
        return {"weights": total, "last": last}

    return Run(folder, identity, RunLog(folder, listeners), evaluate, stop)


SETTINGS = {
    "joint": (),
    "separate": ("encoder_update=separate", "encoder_steps=2", "encoder_gradient=norm"),
    "sgd, clipped critic": (
        *("autoencoder_optimizer=sgd", "critic_constraint=clip", "encoder_update=separate"),
        *("generator_average=0", "gan_rounds_grow_at=[2,3]", "word_drop=0.2"),
    ),
    "tied tables": ("tied_embeddings=all", "embedding_size=14"),
    "output map": ("tied_embeddings=all", "output_map=true", "embedding_size=9"),
    "spectral critic": ("critic_constraint=spectral",),
    "batch normalization": ("generator_normalization=batch", "critic_normalization=batch"),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("killed_at", [1, 4, 7])
def test_killed_and_resumed_equals_never_killed(tmp_path, name, killed_at):
    """Whatever the moment and the settings, the numbers are the same."""
    config = small.settings(*SAVE_EACH_TWO, *SETTINGS[name])
    fit(_algorithm(config), _run(tmp_path / "whole"))
    broken = tmp_path / "broken"
    with pytest.raises(Killed):
        fit(_algorithm(config), _run(broken, KillAt(killed_at)))
    state = broken / STATE
    fit(_algorithm(config), _run(broken), resume_from=state if state.exists() else None)
    assert_same_end(tmp_path / "whole", broken)


def test_a_signal_finishes_the_iteration_and_saves(tmp_path):
    """Exit code 128 + signal, a checkpoint at that iteration, and the same end after resuming."""
    config = small.settings(*SAVE_EACH_TWO)
    fit(_algorithm(config), _run(tmp_path / "whole"))
    asked = iter([0, 0, 0, 15])
    with pytest.raises(Interrupted, match="iteration 3") as caught:
        fit(_algorithm(config), _run(tmp_path / "part", stop=lambda: next(asked)))
    assert caught.value.exit_code == 143
    fit(_algorithm(config), _run(tmp_path / "part"), resume_from=tmp_path / "part" / STATE)
    assert_same_end(tmp_path / "whole", tmp_path / "part")


def test_a_complete_run_is_left_as_it_is(tmp_path):
    """Giving the command again changes no file's content."""
    config = small.settings(*SAVE_EACH_TWO)
    fit(_algorithm(config), _run(tmp_path))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != "model.safetensors"}
    fit(_algorithm(config), _run(tmp_path), resume_from=tmp_path / STATE)
    after = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != "model.safetensors"}
    assert before == after


def test_the_same_seed_twice_is_identical_and_another_is_not(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fit(_algorithm(small.settings(f"seed={seed}")), _run(tmp_path / name))
    assert_same_end(tmp_path / "a", tmp_path / "b")
    assert rows_of(tmp_path / "a") != rows_of(tmp_path / "c")


def test_another_runs_state_is_refused(tmp_path):
    """The setting that differs is named."""
    config = small.settings(*SAVE_EACH_TWO)
    fit(_algorithm(config), _run(tmp_path, corpus="abc"))
    with pytest.raises(CheckpointMismatch, match=r"corpus abc there, xyz here"):
        fit(_algorithm(config), _run(tmp_path, corpus="xyz"), resume_from=tmp_path / STATE)


def test_another_models_state_is_refused(tmp_path):
    """Shapes that do not fit are a mismatch, not a traceback."""
    fit(_algorithm(small.settings(*SAVE_EACH_TWO)), _run(tmp_path))
    wider = small.settings(*SAVE_EACH_TWO, "hidden_size=20")
    with pytest.raises(CheckpointMismatch, match="another model"):
        fit(_algorithm(wider), _run(tmp_path), resume_from=tmp_path / STATE)


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\x00" * 64])
def test_a_damaged_state_is_refused(tmp_path, content):
    """One line that names the file."""
    path = tmp_path / STATE
    path.write_bytes(content)
    with pytest.raises(CheckpointMismatch, match=STATE):
        fit(_algorithm(small.SMALL), _run(tmp_path / "run"), resume_from=path)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_state(tmp_path):
    """The scalar is named, and the checkpoint of before is still there."""
    config = small.settings("save_every=2", "log_every=2", "epochs=4")
    algorithm = _algorithm(config)

    class Poison(KillAt):
        def tick(self, iteration: int) -> None:
            if iteration == 5:
                with torch.no_grad():
                    algorithm.model.decoder.projection.bias.fill_(float("nan"))

    with pytest.raises(TrainingDiverged, match="nats_per_sentence is not finite") as caught:
        fit(algorithm, _run(tmp_path, Poison(0)))
    assert caught.value.exit_code == 5
    state = load_file(tmp_path / STATE)
    assert all(torch.isfinite(t).all() for t in state.values() if t.is_floating_point())


def test_a_full_disk_is_one_line_and_keeps_the_last_state(tmp_path, monkeypatch):
    """A checkpoint that cannot be written leaves the one before it."""
    config = small.settings("save_every=2", "epochs=4")
    run = _run(tmp_path)
    with pytest.raises(Killed):
        fit(_algorithm(config), _run(tmp_path, KillAt(3)))
    before = (tmp_path / STATE).read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("arae_toolkit.storage.safetensors_file.save_file", full)
    with pytest.raises(ToolkitError, match="No space left on device"):
        fit(_algorithm(config), run, resume_from=tmp_path / STATE)
    assert (tmp_path / STATE).read_bytes() == before
    assert not list(tmp_path.glob(".*.part"))


def test_rows_cut_short_by_a_kill_are_written_again(tmp_path):
    """A torn last line, and rows later than the checkpoint, do not stay."""
    log = RunLog(tmp_path)
    for iteration in (1, 2, 3):
        log.row({"kind": "train", "iteration": iteration})
    with log.path.open("a") as target:
        target.write('{"kind": "train", "iter')
    log.rewind(2)
    assert [json.loads(line)["iteration"] for line in log.path.read_text().splitlines()] == [1, 2]


def test_the_plain_autoencoder_learns_its_sentences(tmp_path):
    """Overfitted on eight sentences, it gives every one of them back."""
    config = small.settings(
        *("epochs=250", "batch_size=8", "code_noise=0", "autoencoder_rate=0.02"),
        *("embedding_size=24", "code_size=24", "hidden_size=32", "log_every=100"),
    )
    algorithm = _algorithm(config, prior="fitted")
    fit(algorithm, _run(tmp_path))
    assert algorithm.model.eval().reconstruct(small.SENTENCES) == list(small.SENTENCES)
