"""Where an iteration's time goes, settings compared after the same time, and their tables."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import small
import torch
from click.testing import CliRunner
from small_benchmarks import SIZES, tiny_corpus

from arae_toolkit.benchmarks import common, iteration_profile, quality_by_setting, training_rate
from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import ToolkitError
from arae_toolkit.evaluation.reconstruction import Reconstruction
from arae_toolkit.reports.performance_tables import (
    gpu_block,
    iteration_block,
    limits_block,
    seeds_block,
    settings_block,
)
from arae_toolkit.reports.results import read_results, summarise, write_result

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return tiny_corpus(tmp_path_factory.mktemp("corpora"))


# --- where an iteration's time goes -------------------------------------------------------------


def _event(name: str, *shape: int, caller: Any = None, microseconds: float = 1.0) -> Any:
    return SimpleNamespace(
        name=name,
        input_shapes=[list(shape)] if shape else [],
        cpu_parent=caller,
        self_cpu_time_total=microseconds,
    )


V, GATES = 1000, {1200}
BACKWARD = _event("autograd::engine::evaluate_function: MmBackward0")
EVENTS = {
    "aten::addmm of states and the vocabulary": (_event("aten::addmm", 170, V), "projection"),
    "a fill below it, which has no sizes": (
        _event("aten::fill_", caller=_event("aten::zeros", 170, V)),
        "projection",
    ),
    "the chunked loss": (_event("aten::sum", 7, caller=_event("_ChunkedCrossEntropy")), "proj"),
    "an LSTM's product": (_event("aten::mm", 300, 1200), "LSTMs forward"),
    "an LSTM's product, back": (_event("aten::mm", 300, 1200, caller=BACKWARD), "LSTMs backward"),
    "oneDNN's layer": (_event("aten::mkldnn_rnn_layer", 64, 10, 300), "LSTMs forward"),
    "oneDNN's layer, back": (_event("aten::mkldnn_rnn_layer_backward"), "LSTMs backward"),
    "a word looked up": (_event("aten::index_select", caller=_event("aten::embedding", V)), "word"),
    "Adam": (_event("aten::_fused_adam_", V, caller=_event("Optimizer.step#Adam.step")), "optim"),
    "clipping": (_event("aten::linalg_vector_norm", V, 300), "optimizers"),
    "a critic's layer": (_event("aten::addmm", 64, 300), "critic"),
}


@pytest.mark.parametrize("name", EVENTS)
def test_an_operation_belongs_to_a_part(name: str) -> None:
    """By the sizes it works on, by what called it, by its name."""
    event, part = EVENTS[name]
    found = iteration_profile.part_of(event, vocab_size=V, gates=GATES)
    assert found.startswith(part) and found in iteration_profile.PARTS


def test_shares_are_of_the_time_spent_in_the_operations_themselves() -> None:
    """Two thirds in the softmax, a third in the critic, none elsewhere."""
    events = [
        _event("aten::addmm", 170, V, microseconds=6),
        _event("aten::addmm", 64, 300, microseconds=3),
        _event("outer", microseconds=0),
    ]
    shares = iteration_profile.shares_of(events, vocab_size=V, gates=GATES)
    assert shares[iteration_profile.PROJECTION] == pytest.approx(2 / 3)
    assert shares[iteration_profile.REST] == pytest.approx(1 / 3)
    assert sum(shares.values()) == pytest.approx(1)


def test_the_parts_of_an_iteration_make_up_the_whole(corpus: Corpus, tmp_path: Path) -> None:
    """For both versions every part of Algorithm 1 is found, and nothing is lost."""
    here = common.setting("iteration_profile", tmp_path)
    configs = {"default": small.settings("batch_size=8")}
    metrics, _ = iteration_profile.measure(
        here, corpus, configs, rounds=2, iterations=2, seed=0, sizes=SIZES
    )
    assert metrics["textbook, an iteration"]["value"] == 100
    for version in ("textbook", "default fp32"):
        parts = [metrics[f"{version}, {part}"]["value"] for part in iteration_profile.PARTS]
        assert all(part > 0 for part in parts), dict(
            zip(iteration_profile.PARTS, parts, strict=True)
        )
        whole = metrics[f"{version}, an iteration"]["value"]
        assert sum(parts) == pytest.approx(whole, rel=1e-3)
    here.save(metrics)
    lines = iteration_block(read_results(tmp_path)).splitlines()
    assert lines[0].startswith("|  | textbook | default fp32 |")
    assert [line.split("|")[1].strip() for line in lines[2:9]] == [
        *iteration_profile.PARTS,
        "an iteration",
    ]


# --- settings after the same time ---------------------------------------------------------------


def test_a_setting_is_a_preset_with_changes() -> None:
    """In the words of ``--preset`` and ``--set``."""
    words = "default batch_size=128 tied_embeddings=none"
    (config,) = quality_by_setting.configs_of([words], corpus="snli").values()
    assert (config.training.batch_size, config.model.tied_embeddings) == (128, "none")
    with pytest.raises(ValueError, match="no setting 'batch'"):
        quality_by_setting.configs_of(["default batch=3"], corpus="snli")


def test_each_setting_trains_as_many_iterations_as_fit(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the measured rates, from every seed; the means are over the seeds."""
    base = small.settings("batch_size=8")
    configs = {"a": base, "b": with_overrides(base, ["batch_size=16"])}
    rates = {"a": [10.0, 11.0, 12.0], "b": [4.0, 5.0, 8.0]}
    monkeypatch.setattr(quality_by_setting, "iteration_rates", lambda *_, **__: rates)
    trained: list[tuple[str, int, int]] = []

    def train(*things: Any, seed: int, name: str, **_: Any) -> Reconstruction:
        trained.append((name, seed, things[2].training.iterations))
        return Reconstruction(10.0 + seed, 1.0, 90.0, 50.0, 20)

    monkeypatch.setattr(quality_by_setting, "train", train)
    here = common.setting("quality_by_setting", tmp_path)
    metrics, details = quality_by_setting.measure(
        here, corpus, configs, seconds=2, seeds=[0, 2], precision="fp32"
    )
    assert trained == [("a", 0, 22), ("a", 2, 22), ("b", 0, 10), ("b", 2, 10)]
    assert metrics["a, nats per sentence"] == summarise([10.0, 12.0], "nats")
    # 2 * 5 / 11 of the sentences, round by round.
    ratio = metrics["b, sentences a second over the first"]
    assert ratio["value"] == pytest.approx(2 * 5 / 11, rel=1e-4)
    epochs = 10 * 16 / corpus.rows("train")
    assert metrics["b, epochs"]["value"] == pytest.approx(epochs, rel=1e-4)
    here.save(metrics, seeds=[0, 2], details=details)
    lines = settings_block(read_results(tmp_path)).splitlines()
    assert lines[2].startswith("| `a` | 11.00 ± 1.41 | 50.0 ± 0.0 % |")
    assert "2 seeds" in "".join(lines)


def test_each_setting_may_train_as_many_iterations(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their rates are; the result has a name of its own and says so."""
    tiny = "embedding_size=12 code_size=10 hidden_size=12 batch_size=8"
    trained: list[int] = []

    def train(*things: Any, **_: Any) -> Reconstruction:
        trained.append(things[2].training.iterations)
        return Reconstruction(10.0, 1.0, 90.0, 50.0, 20)

    monkeypatch.setattr(quality_by_setting, "train", train)
    words = ["--corpus", str(corpus.folder), "--seeds", "1", "--iterations", "7"]
    words += ["--setting", f"demo {tiny}", "--setting", f"fast {tiny}", "--out", str(tmp_path)]
    done = CliRunner().invoke(quality_by_setting.main, words)
    assert done.exit_code == 0, done.output
    assert trained == [7, 7]
    results = read_results(tmp_path)
    assert list(results) == ["quality_by_setting-iterations"]
    block = settings_block(results, name="quality_by_setting-iterations")
    assert "As many iterations each, fp32, 1 seed, " in block
    with pytest.raises(ToolkitError, match=r"benchmarks\.quality_by_setting$"):
        settings_block({}, name="quality_by_setting-iterations")


def test_settings_are_compared_from_the_command_line(corpus: Corpus, tmp_path: Path) -> None:
    """Two small ones, trained for a moment."""
    tiny = "embedding_size=12 code_size=10 hidden_size=12 batch_size=8"
    done = CliRunner().invoke(
        quality_by_setting.main,
        [
            *("--corpus", str(corpus.folder), "--seconds", "0.1", "--seeds", "1"),
            *("--setting", f"demo {tiny}", "--setting", f"default {tiny}"),
            *("--threads", str(torch.get_num_threads()), "--out", str(tmp_path)),
        ],
    )
    assert done.exit_code == 0, done.output
    (result,) = read_results(tmp_path).values()
    assert result["metrics"][f"default {tiny}, nats per sentence"]["value"] > 0
    refused = CliRunner().invoke(quality_by_setting.main, ["--setting", "best", "--corpus", "x"])
    assert refused.exit_code != 0


# --- limits by batch size -----------------------------------------------------------------------


def test_limits_by_batch_size(tmp_path: Path) -> None:
    """A row for each version at each batch size, the smallest batch first."""
    for name, batch, binding in (
        ("training_rate-batch-1024", 1024, "arithmetic"),
        ("training_rate", 64, "chain"),
    ):
        metrics = {
            "default fp32, rate": summarise([batch + 0.0], "sentences/s"),
            "default fp32, over textbook": summarise([2.0], "ratio"),
            "default fp32, share of the chain limit": summarise([40.0], "percent"),
            "default fp32, share of the arithmetic limit": summarise([70.0], "percent"),
            **{
                f"default fp32, {kind} limit": summarise([5000.0], "sentences/s")
                for kind in ("arithmetic", "bandwidth", "chain")
            },
        }
        write_result(
            tmp_path,
            name,
            command=f"measure {batch}",
            corpus=None,
            seeds=[0],
            device="cpu",
            seconds=1,
            metrics=metrics,
            details={"batch_size": batch, "binding_limit": {"default fp32": binding}},
        )
    lines = limits_block(read_results(tmp_path)).splitlines()
    assert [line.split("|")[2].strip() for line in lines[2:4]] == ["64", "1,024"]
    assert "| chain | 40.0 % | 2.00 |" in lines[2]
    assert "| arithmetic | 70.0 % | 2.00 |" in lines[3]


def test_another_batch_size_has_a_result_of_its_own(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the table of the usual one stays."""
    seen: list[int] = []

    def measure(*things: Any, **_: Any) -> Any:
        seen.extend(config.training.batch_size for config in things[2].values())
        return {"x": summarise([1.0], "ratio")}, {}

    monkeypatch.setattr(training_rate, "measure", measure)
    words = ["--corpus", str(corpus.folder), "--out", str(tmp_path), "--batch-size", "256"]
    done = CliRunner().invoke(training_rate.main, words)
    assert done.exit_code == 0, done.output
    assert list(read_results(tmp_path)) == ["training_rate-batch-256"]
    assert seen == [256, 256]


def test_a_gpu_has_a_table_by_batch_size(tmp_path: Path) -> None:
    """With the projection's share where that was measured."""
    common = {"corpus": None, "seeds": [0], "device": "cuda (A)", "seconds": 1}
    for size in (1024, 64):
        metrics = {
            "training, default bf16, rate": summarise([10.0 * size], "sentences/s"),
            "training, default bf16, over textbook": summarise([8.5], "ratio"),
            "training, default bf16, share of the arithmetic limit": summarise([40], "percent"),
            "training, default bf16, share of the chain limit": summarise([20], "percent"),
        }
        details = {"training": {"batch_size": size, "binding_limit": {"default bf16": "chain"}}}
        write_result(
            tmp_path,
            f"overview-cuda-{size}",
            command=f"see {size}",
            metrics=metrics,
            details=details,
            **common,
        )
    write_result(
        tmp_path,
        "projection_rate-cuda-1024",
        command="project",
        metrics={"bf16, share of the matrix rate": summarise([46.0], "percent")},
        **common,
    )
    lines = gpu_block(read_results(tmp_path)).splitlines()
    start = "| default bf16 | 64 | 640 sentences/s | 8.50 | 40.0 % | 20.0 % | chain |"
    assert lines[2] == f"{start}  |"
    assert lines[3].endswith("| chain | 46.0 % |")
    assert [line.split("`")[1] for line in lines[5:]] == ["see 64", "see 1024", "project"]


def test_seeds_at_once_have_a_table(tmp_path: Path) -> None:
    """A GPU's below the CPU's, where that was measured."""
    metrics = {
        "one after another, rate": summarise([100.0], "sentences/s"),
        "at once, rate": summarise([150.0], "sentences/s"),
        "one after another, over at once": summarise([1.5], "ratio"),
    }
    for name, device in (("seeds", "cpu"), ("seeds-cuda", "cuda (A)")):
        write_result(
            tmp_path,
            name,
            command=f"train on {device}",
            corpus=None,
            seeds=[0, 1, 2],
            device=device,
            seconds=1,
            metrics=metrics,
            details={"at once": 2},
        )
    results = read_results(tmp_path)
    lines = seeds_block(results).splitlines()
    rates = "2 | 100 sentences/s | 150 sentences/s | 1.50 |"
    assert lines[2:4] == [f"| 3 seeds, cpu | {rates}", f"| 3 seeds, cuda (A) | {rates}"]
    assert [line.split("`")[1] for line in lines[5:]] == ["train on cpu", "train on cuda (A)"]
    assert len(seeds_block({"seeds": results["seeds"]}).splitlines()) == 5


BLOCKS = [limits_block, gpu_block, iteration_block, settings_block, seeds_block]


@pytest.mark.parametrize("block", BLOCKS)
def test_nothing_measured_is_said_in_one_line(block: Any) -> None:
    """With the program that measures it."""
    with pytest.raises(ToolkitError, match="nothing measured; see python -m"):
        block({})
