import json
import re
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import command_line
import numpy as np
import pytest
import small
import small_transfer
import torch
from small_benchmarks import PROGRAMS, call, measure_small_networks, program, tiny_corpus

from arae_toolkit.benchmarks import (
    common,
    encoding,
    iteration_profile,
    nli_prediction,
    nli_textbook,
    programs,
    quality_by_setting,
    seeds,
    time_to_quality,
    training_rate,
    transfer_throughput,
)
from arae_toolkit.benchmarks.batching import numbered_rows
from arae_toolkit.benchmarks.textbook import Textbook
from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.samplers import EpochSampler
from arae_toolkit.errors import ToolkitError
from arae_toolkit.evaluation.reconstruction import Reconstruction
from arae_toolkit.models.arae import ARAE
from arae_toolkit.nli.model import NLIModel
from arae_toolkit.nli.networks import new_network
from arae_toolkit.pretraining.experiment import new_model, pretrain
from arae_toolkit.reports.results import read_results, summarise
from arae_toolkit.reports.tables.performance import iteration_block, settings_block
from arae_toolkit.transfer.model import TransferModel

PRECISIONS = training_rate.precisions_of(torch.device("cpu"))
TINY = "embedding_size=12 code_size=10 hidden_size=12 batch_size=8"


# By the name of the result: the program and its arguments but the corpus and where to write.
RUNS: dict[str, str] = {
    "aae_rate": "aae_rate --rounds 2 --iterations 1 --batch-size 8",
    "encoding": "encoding {trained}/tiny --count 300 --rounds 2",
    "frontier": "frontier {trained}/tiny {trained}/tiny@t0.8 {trained}/tiny-ae@codes@t0.8 "
    "{trained}/tiny@best2 --count 120",
    "iteration_profile": "iteration_profile --rounds 2 --iterations 2",
    "library_settings-fp32": "library_settings --rounds 2 --iterations 3 --busy 0 --preset demo",
    "nli_prediction": "nli_prediction {pairs} --count 300 --one-by-one 20 --rounds 2 --lines 2000",
    "nli_textbook": "nli_textbook {pairs} --count 130 --one-by-one 10 --rounds 2",
    "overview-cpu-8-eager": "overview --batch-size 8 --quick --no-graphs --training-only",
    "preparation": "preparation --size 200",
    "processes-demo-fp32-8": "processes --rounds 2 --iterations 3 --batch-size 8 --preset demo",
    "projection_rate-cpu-8": "projection_rate --batch-size 8 --rounds 1",
    "quality_by_setting": "quality_by_setting --seconds 0.1 --seeds 1",
    "sampling": "sampling {trained}/tiny --count 130 --one-by-one 3 --rounds 2",
    "seeds": "seeds --rounds 1 --seeds 2 --jobs 2 --epochs 1 --set embedding_size=8 "
    "--set code_size=8 --set hidden_size=8 --set evaluation_sentences=20",
    "startup": "startup --rounds 2",
    "training_rate": "training_rate --rounds 2 --iterations 2",
    "training_rate-batch-8": "training_rate --rounds 2 --iterations 1 --batch-size 8 --threads 1",
    "transfer_throughput": "transfer_throughput {rewriter} --count 100 --one-by-one 10 --rounds 2 "
    "--lines 4000 --starts 2",
}
LONG = ("library_settings-fp32", "processes-demo-fp32-8", "seeds")
WITHOUT_CORPUS = ("preparation", "startup")
Results = dict[str, dict[str, Any]]
ResultOf = Callable[[str], Results]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return tiny_corpus(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return small_transfer.small_labelled_corpus(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def folders(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return folders of models: two short runs ``tiny`` and ``tiny-ae``, and two untrained ones."""
    folder = tmp_path_factory.mktemp("models")
    config = small.settings("epochs=2", "batch_size=16", "evaluate_every=5")
    pretrain(corpus, config, folder / "tiny")
    pretrain(corpus, config, folder / "tiny-ae", kind="ae")
    rewriter = small_transfer.save_model(folder / "rewriter", attributes=("bad", "good"))
    pairs = small.save_pair_model(folder / "pairs")
    return {"trained": folder, "pairs": pairs, "rewriter": rewriter}


@pytest.fixture(scope="module")
def result_of(
    corpus: Corpus,
    labelled: Corpus,
    folders: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> ResultOf:
    """Return a function that runs a program once and returns its results, by name."""
    known: dict[str, Results] = {}

    def result_of(name: str) -> Results:
        if name not in known:
            out = tmp_path_factory.mktemp(name)
            words = RUNS[name].format(**folders).split()
            if name not in WITHOUT_CORPUS:
                words += ["--corpus", (labelled if "transfer" in name else corpus).folder]
            if name == "quality_by_setting":
                words += ["--setting", f"demo {TINY}", "--setting", f"default {TINY}"]
            with pytest.MonkeyPatch.context() as monkeypatch:
                measure_small_networks(monkeypatch)
                done = call(*words, "--out", out)
            known[name] = read_results(out)
            if not name.startswith("overview"):
                assert done.stdout.split() == [str(out / f"{one}.json") for one in known[name]]
        return known[name]

    return result_of


def _values(result: dict[str, Any]) -> dict[str, float]:
    return {name: metric["value"] for name, metric in result["metrics"].items()}


# --- what all share ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_explains_itself(name):
    shown = call(name, "--help").stdout
    started_by = "python benchmarks/on_gpu.py" if "gpu" in name else None
    assert (started_by or f"python -m arae_toolkit.benchmarks.{name}") in shown
    for parameter in program(name).params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in RUNS],
)
def test_a_program_writes_what_it_measured(name, result_of, corpus, labelled):
    """Under its name, with corpus and seeds; every rate is the median over the rounds."""
    result = result_of(name)[name]
    if name == "startup":
        assert result["corpus"] is None
    elif name != "preparation":
        measured_on = labelled if "transfer" in name else corpus
        assert result["corpus"]["sha256"] == measured_on.sha256
    unseeded = (
        "library_settings-fp32",
        "processes-demo-fp32-8",
        "nli_prediction",
        "nli_textbook",
        "startup",
        "transfer_throughput",
    )
    seeds = {"seeds": [0, 1], "frontier": [7], **{key: [] for key in unseeded}}
    assert result["seeds"] == seeds.get(name, [0])
    assert result["device"] == "cpu"
    assert result["machine"]["threads"] == torch.get_num_threads()
    details, values = result["details"], _values(result)
    for key in ("sentences_per_second", "pairs_per_second"):
        for version, rates in details.get(key, {}).items():
            assert values[f"{version}, rate"] == pytest.approx(np.median(rates), rel=1e-4)
    for metric, value in values.items():
        if " over " in metric or ", over " in metric:
            assert value > 0


def test_a_failure_is_one_line(folders, tmp_path):
    run = folders["trained"] / "tiny"
    for words in (["sampling", run], ["seeds", "--jobs", 2]):
        done = call(*map(str, words), "--corpus", tmp_path / "nowhere", code=1)
        assert re.fullmatch(r"Error: .*no prepared corpus here.*\n", done.stderr)


def test_runs_alternate_and_ratios_are_of_the_same_round(tmp_path):
    order: list[str] = []
    values = {"a": iter([10.0, 20.0, 90.0]), "b": iter([5.0, 10.0, 30.0])}

    def work(name: str) -> Any:
        def run() -> float:
            order.append(name)
            return next(values[name])

        return run

    here = common.setting("x", tmp_path)
    numbers = here.alternate({"a": work("a"), "b": work("b")}, rounds=3)
    assert order == ["a", "b"] * 3
    assert common.ratios(numbers["a"], numbers["b"])["value"] == 2


# --- training ------------------------------------------------------------------------------------


def test_training_rate(result_of, corpus):
    result = result_of("training_rate")["training_rate"]
    details, metrics = result["details"], result["metrics"]
    names = [f"{c} {p}" for c in training_rate.PRESETS for p in PRECISIONS]
    assert list(details["binding_limit"]) == names
    for name in names:
        rates = details["sentences_per_second"][name]
        for limit, share in (
            ("arithmetic limit", "share of the arithmetic limit"),
            ("arithmetic limit, token by token", "share of the limit"),
            ("bandwidth limit", "share of the bandwidth limit"),
            ("chain limit", "share of the chain limit"),
        ):
            percent = 100 * np.median(rates) / metrics[f"{name}, {limit}"]["value"]
            assert metrics[f"{name}, {share}"]["value"] == pytest.approx(percent, rel=1e-3)
        assert metrics[f"{name}, over textbook"]["spread"] is not None
    assert details["gigabytes_per_second"] > 0
    # The lengths behind the limit are those of the rows that iterations 3 to 6 reconstruct.
    lengths = corpus.split("train").lengths
    sampler = EpochSampler(lengths, batch_size=details["batch_size"], seed=0)
    batches = [rows for epoch in range(4) for rows in sampler.epoch(epoch)][3:7]
    mean = np.mean(lengths[np.concatenate(batches)])
    assert details["tokens_per_sentence"] == pytest.approx(mean)


def test_the_overview_measures_only_what_is_asked(result_of):
    (result,) = result_of("overview-cpu-8-eager").values()
    assert result["details"]["training"]["batch_size"] == 8
    assert all(name.startswith("training, ") for name in result["metrics"])


def test_another_batch_size_is_that_of_all_settings(result_of):
    """And has a result of its own, so that the table of the usual one stays."""
    results = result_of("training_rate-batch-8")
    assert list(results) == ["training_rate-batch-8"]
    details = results["training_rate-batch-8"]["details"]
    assert details["batch_size"] == 8
    reads = details["read_by_an_iteration"].values()
    assert {read["reconstruction"]["sentences"] for read in reads} == {8}


@pytest.mark.parametrize("frozen", [False, True])
def test_time_to_quality(frozen, corpus, tmp_path, monkeypatch):
    """It ends when the library is as good, or says that it never was."""
    measure_small_networks(monkeypatch)
    off = ("autoencoder_rate=0.0", "adversarial_weight=0.0") if frozen else ()
    config = small.settings("batch_size=16", *off)
    monkeypatch.setattr(time_to_quality, "preset", lambda name, corpus: config)
    words = ["--corpus", corpus.folder, "--every", 0.1, "--out", tmp_path]
    if frozen:
        done = call("time_to_quality", *words, "--minutes", 0.5 / 60, code=1)
        assert "the textbook version was at" in done.stderr
        return
    monkeypatch.setattr(Textbook, "rate", 1e-3)  # so that it is soon overtaken
    call("time_to_quality", *words, "--minutes", 0.8 / 60)
    result = read_results(tmp_path)["time_to_quality"]
    reached, target = (result["details"][name][-1] for name in ("library", "textbook"))
    assert reached["nats_per_token"] <= target["nats_per_token"]
    nats = result["metrics"]["textbook, nats per token"]["value"]
    assert nats == pytest.approx(target["nats_per_token"], rel=1e-4)
    ratio = result["metrics"]["library over textbook"]["value"]
    assert ratio == pytest.approx(reached["seconds"] / target["seconds"], rel=1e-3)


def test_evaluations_do_not_count(tmp_path, monkeypatch):
    now = [0.0]
    clock = SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr(common, "time", clock)
    monkeypatch.setattr(time_to_quality, "time", clock)
    nats = iter([3.0, 2.0, 1.0])

    def takes(seconds: float) -> None:
        now[0] += seconds

    def evaluate() -> float:
        takes(1000)
        return next(nats)

    moments = time_to_quality.train(
        common.setting("x", tmp_path),
        lambda: takes(4),
        evaluate,
        every=10,
        stop=lambda moment: moment.nats_per_token <= 1,
    )
    assert [moment.nats_per_token for moment in moments] == [3, 2, 1]
    assert [moment.seconds for moment in moments] == [12, 24, 36]
    assert moments[-1].iterations == 9


def test_kernels(corpus, tmp_path, monkeypatch):
    measure_small_networks(monkeypatch)
    done = call("kernels", "--corpus", corpus.folder, "--batch-size", 8, "--out", tmp_path)
    paths = [Path(line) for line in done.stdout.split()]
    assert [path.name.split("-")[1] for path in paths] == ["textbook", "eager", "graphs"]
    for path in paths:
        text = path.read_text()
        assert "ms an iteration" in text
        assert "aten::mm" in text


# --- where an iteration's time goes --------------------------------------------------------------


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
def test_an_operation_belongs_to_a_part(name):
    """By the sizes it works on, by what called it, by its name."""
    event, part = EVENTS[name]
    found = iteration_profile.part_of(event, vocab_size=V, gates=GATES)
    assert found.startswith(part) and found in iteration_profile.PARTS


def test_shares_are_of_the_time_spent_in_the_operations_themselves():
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


def test_the_parts_of_an_iteration_make_up_the_whole(result_of):
    """For both versions every part of Algorithm 1 is found, and nothing is lost."""
    results = result_of("iteration_profile")
    values = _values(results["iteration_profile"])
    assert values["textbook, an iteration"] == 100
    for version in ("textbook", "default fp32"):
        parts = {part: values[f"{version}, {part}"] for part in iteration_profile.PARTS}
        assert all(part > 0 for part in parts.values()), parts
        assert sum(parts.values()) == pytest.approx(values[f"{version}, an iteration"], rel=1e-3)
    lines = iteration_block(results).splitlines()
    assert lines[0].startswith("|  | textbook | ")
    assert [line.split("|")[1].strip() for line in lines[2:9]] == [
        *iteration_profile.PARTS,
        "an iteration",
    ]


# --- settings after the same time, or as many iterations -----------------------------------------


def test_a_setting_is_a_preset_with_changes(corpus):
    words = "default batch_size=128 tied_embeddings=none"
    (config,) = quality_by_setting.configs_of([words], corpus="snli").values()
    assert (config.training.batch_size, config.model.tied_embeddings) == (128, "none")
    with pytest.raises(ValueError, match="no setting 'batch'"):
        quality_by_setting.configs_of(["default batch=3"], corpus="snli")
    call("quality_by_setting", "--setting", "best", "--corpus", corpus.folder, code=2)


@pytest.mark.parametrize("iterations", [0, 7])
def test_each_setting_trains_as_many_iterations_as_fit(iterations, corpus, tmp_path, monkeypatch):
    """By the measured rates, or as many as are told; from every seed, whose means are taken."""
    base = small.settings("batch_size=8")
    configs = {"a": base, "b": with_overrides(base, ["batch_size=16"])}
    rates = {"a": [10.0, 11.0, 12.0], "b": [4.0, 5.0, 8.0]}
    monkeypatch.setattr(quality_by_setting, "configs_of", lambda *_, **__: configs)
    monkeypatch.setattr(quality_by_setting, "iteration_rates", lambda *_, **__: rates)
    trained: list[tuple[str, int, int]] = []

    def train(*things: Any, seed: int, name: str, **_: Any) -> Reconstruction:
        trained.append((name, seed, things[2].training.iterations))
        return Reconstruction(10.0 + 2 * seed, 1.0, 90.0, 50.0, 20)

    monkeypatch.setattr(quality_by_setting, "train", train)
    words = ("--seconds", 2, "--seeds", 2, "--iterations", iterations, "--out", tmp_path)
    call("quality_by_setting", "--corpus", corpus.folder, *words)
    done = {"a": iterations or 22, "b": iterations or 10}
    assert trained == [(name, seed, done[name]) for name in "ab" for seed in (0, 1)]
    name = "quality_by_setting-iterations" if iterations else "quality_by_setting"
    results = read_results(tmp_path)
    metrics = results[name]["metrics"]
    assert metrics["a, nats per sentence"] == summarise([10.0, 12.0], "nats")
    # 2 * 5 / 11 of the sentences, round by round.
    ratio = metrics["b, sentences a second over the first"]
    assert ratio["value"] == pytest.approx(2 * 5 / 11, rel=1e-4)
    epochs = done["b"] * 16 / corpus.rows("train")
    assert metrics["b, epochs"]["value"] == pytest.approx(epochs, rel=1e-4)
    block = settings_block(results, name=name)
    assert block.splitlines()[2].startswith("| `a` | 11.00 ± 1.41 | 50.0 ± 0.0 % |")
    assert ("As many iterations each, fp32, 2 seeds, " if iterations else "2 seeds") in block
    with pytest.raises(ToolkitError, match=r"benchmarks\.quality_by_setting$"):
        settings_block({}, name=name)


# --- encoding and sampling -----------------------------------------------------------------------


def test_settings_stand_beside_real_text_with_what_their_logs_say(result_of, folders):
    rows = result_of("frontier")["frontier"]["details"]["rows"]
    assert {"real dev", "tiny", "tiny@t0.8", "tiny-ae@codes@t0.8", "tiny@best2"} < set(rows)
    assert (rows["tiny@best2"]["best_of"], "best_of" in rows["tiny"]) == (2, False)
    log = (folders["trained"] / "tiny" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    last = [row for row in map(json.loads, log) if row["kind"] == "dev"][-1]
    assert rows["tiny"]["nats_per_sentence"] == last["nats_per_sentence"]
    drawn, likeliest = (rows[name] for name in ("tiny@t0.8", "tiny"))
    assert drawn["distinct_sentences"] >= likeliest["distinct_sentences"]
    assert drawn["reverse_perplexity"] != likeliest["reverse_perplexity"]


def test_encoding_and_sampling(result_of):
    encoded, sampled = result_of("encoding")["encoding"], result_of("sampling")["sampling"]
    assert _values(encoded)["same codes"] == _values(sampled)["same sentences"] == 100
    for values in map(_values, (encoded, sampled)):
        rate, limit = (values[f"library, {name}"] for name in ("rate", "arithmetic limit"))
        share = values["library, share of the arithmetic limit"]
        assert share == pytest.approx(100 * rate / limit, rel=1e-3)
    assert _values(encoded)["library, every sentence by itself, share of the arithmetic limit"] > 0
    details = encoded["details"]
    assert details["batches"] == 1
    assert details["distinct_words"] < details["tokens_per_sentence"] * 300
    assert 0 < details["distinct_beginnings_per_token"] < 1


def test_the_textbook_encodes_with_an_encoder_wider_than_its_codes(corpus):
    model = new_model(corpus, small.settings("encoder_size=16"), kind="arae")
    assert isinstance(model, ARAE)
    texts = encoding.texts_of(corpus, 20, seed=0)
    codes = encoding.textbook_encode(model, encoding.textbook_encoder(model), texts)
    assert encoding.same_codes(model.encode(texts), codes) == 100
    parts = [product.part for product in encoding.count_batches(model, texts).products(model)]
    assert parts == ["words", "map", "states"]


# --- rows in batches and one by one --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answers", "rows"),
    [("nli_prediction", "labels", 2000), ("transfer_throughput", "texts", 4000)],
)
def test_rates_memory_and_the_first_row(name, answers, rows, result_of):
    values = _values(result_of(name)[name])
    assert values[f"same {answers}"] == 100
    assert 50 < values[f"same {answers} bf16"] <= 100
    assert values["batches over one by one"] > 0
    assert values["batches bf16 over one by one"] > 0
    assert values["stream, answers"] == values["stream, rows"] == rows
    early, peak = (values[f"stream, peak memory {at}"] for at in ("after a tenth", "at the end"))
    assert early <= peak and 20 < peak < 4000
    assert values["stream, growth"] == pytest.approx(peak - early, abs=0.01)
    if name == "transfer_throughput":
        assert 0.1 < values["first row"] <= values["first row, slowest"] < 60


def test_a_plain_classifier_finds_the_same_labels(result_of, folders):
    """With the same weights, of either kind that it is written for; others are refused."""
    values = _values(result_of("nli_textbook")["nli_textbook"])
    assert values["same labels"] == 100
    ours = small.pair_model(4)
    paper = {**small.PAIR_ARGUMENTS, "kind": "paper"}
    network = new_network(
        len(ours.vocabulary), 3, generator=torch.Generator().manual_seed(2), **paper
    )
    lstm = NLIModel([network], ours.vocabulary, small.LABELS, arguments=paper)
    for model in (ours, lstm):
        plain = nli_textbook.PlainClassifier.of(model)
        assert plain.predict(small.PAIRS) == model.predict(small.PAIRS)
    with pytest.raises(ToolkitError, match="one network"):
        nli_textbook.PlainClassifier.of(small.pair_model(1, 2))


def test_stream_and_starts_may_be_left_out(folders, corpus, labelled, tmp_path):
    few = ("--count", 10, "--one-by-one", 20, "--rounds", 2, "--lines", 0, "--out", tmp_path)
    call("nli_prediction", folders["pairs"], "--corpus", corpus.folder, *few)
    words = ("--corpus", labelled.folder, *few, "--starts", 0)
    call("transfer_throughput", folders["rewriter"], *words)
    metrics = [name for result in read_results(tmp_path).values() for name in result["metrics"]]
    assert not any("stream" in name or "first row" in name for name in metrics)


def test_batches_are_those_of_the_model(corpus):
    model = small.pair_model()
    pairs = nli_prediction.test_pairs(corpus, 700)
    np.testing.assert_allclose(
        nli_prediction.in_batches(model, pairs), model.probabilities(pairs), rtol=1e-4
    )
    distinct = len(corpus.pairs("test")) // 2
    assert pairs[distinct : 2 * distinct] == pairs[:distinct][: 700 - distinct]


def test_sentences_are_to_become_the_next_label(folders, labelled):
    model = TransferModel.from_pretrained(folders["rewriter"])
    texts, targets = transfer_throughput.test_sentences(labelled, model, 400)
    dev = labelled.split("dev")
    assert texts[len(dev) :] == texts[: 400 - len(dev)]
    for text, target in zip(texts, targets, strict=True):
        assert any(
            word in text for word in small_transfer.MARKERS[{"good": "bad"}.get(target, "good")]
        )


def test_rows_are_numbered_and_come_again(monkeypatch):
    rows = list(islice(map(json.loads, numbered_rows([{"text": "a"}, {"text": "b"}])), 3))
    assert rows == [{"id": 0, "text": "a"}, {"id": 1, "text": "b"}, {"id": 2, "text": "a"}]
    monkeypatch.setattr(nli_prediction, "DISTINCT_ROWS", 6)
    rows = [json.loads(line) for line in islice(nli_prediction.generated_rows(), 9)]
    assert [row.pop("id") for row in rows] == list(range(9))
    assert rows[6:] == rows[:3] != rows[3:6]


def test_a_command_that_fails_is_told_of(tmp_path):
    command = ["nli", "predict", str(tmp_path)]
    with pytest.raises(ToolkitError, match="exit code 2"):
        programs.measure_stream(common.setting("x", tmp_path), command, iter(["x"] * 99), lines=99)
    with pytest.raises(ToolkitError, match="has written nothing"):
        transfer_throughput.wait_for_first_row(["transfer", str(tmp_path), "--to", "x"], "a")


@pytest.mark.slow
def test_processes_that_share_a_batch_and_what_they_tell_each_other(result_of):
    result = result_of("processes-demo-fp32-8")["processes-demo-fp32-8"]
    values, messages = _values(result), result["details"]["messages"]
    assert values["model of two, over measured"] > 0
    assert values["two processes, over one process"] == pytest.approx(
        values["two processes, rate"] / values["one process, rate"], rel=0.5
    )
    assert messages["1"] == {"messages": 0, "bytes": 0}
    # What one process is told it also tells, whether it is answered or not.
    assert messages["2"]["messages"] == messages["8"]["messages"] > 0
    assert messages["2"]["bytes"] == messages["8"]["bytes"] > 1000


# --- programs started from outside ---------------------------------------------------------------


def test_startup_and_preparation(result_of):
    started = result_of("startup")["startup"]["metrics"]
    assert started["arae-toolkit"]["unit"] == "milliseconds"
    assert 0 < started["over an empty program"]["value"] < 30
    prepared = result_of("preparation")["preparation"]
    assert 0.01 < _values(prepared)["peak memory"] < 4
    assert _values(prepared)["distinct training sentences"] == prepared["corpus"]["rows"]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Replace the trainings by nothing, which takes 30 seconds a job fewer each; return them."""
    now = [0.0]
    seen: list[list[str]] = []
    code = count()

    def run(command: list[str], **_: Any) -> Any:
        words = dict(word.split("=", 1) for word in command if word.startswith("--"))
        Path(words["--out"]).mkdir(parents=True)
        now[0] += 60 / int(words["--jobs"]) + next(code)
        seen.append(command)
        return SimpleNamespace(returncode=5 * (words["--seeds"] == "9"), stderr="one\nwhy\n")

    monkeypatch.setattr(common, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(seeds, "subprocess", SimpleNamespace(run=run))
    return seen


def test_seeds_at_once_and_one_after_another_alternate(corpus, commands, tmp_path):
    """The same command but for the jobs and the folder; the ratio is taken round by round."""
    words = ["--corpus", corpus.folder, "--out", tmp_path, "--seeds", 4, "--jobs", 2, "--seed", 7]
    words += ["--preset", "paper-2018", "--set", "code_size=8", "--epochs", 2, "--rounds", 2]
    call("seeds", *words)
    jobs = [word for command in commands for word in command if word.startswith("--jobs")]
    assert jobs == ["--jobs=1", "--jobs=2", "--jobs=1", "--jobs=2"]
    assert len({command[-1] for command in commands}) == 4  # each in a folder of its own
    given = {"--seeds=4", "--seed=7", "--preset=paper-2018", "--set=code_size=8", "--set=epochs=2"}
    assert all(given <= set(command) for command in commands)
    result = read_results(tmp_path)["seeds"]
    assert result["seeds"] == [7, 8, 9, 10]
    assert result["details"]["at once"] == 2
    assert result["corpus"]["sha256"] == corpus.sha256
    # 60, 31, 62 and 33 seconds.
    values = _values(result)
    assert values["one after another"] == 61
    assert values["at once"] == 32
    ratio = values["one after another, over at once"]
    assert ratio == pytest.approx((60 / 31 + 62 / 33) / 2, rel=1e-5)
    sentences = 4 * 2 * (corpus.rows("train") // 64 * 64)  # what is left over is skipped
    rate = (sentences / 31 + sentences / 33) / 2
    assert values["at once, rate"] == pytest.approx(rate, rel=1e-5)


def test_as_many_seeds_at_once_as_pretrain_would_choose(corpus, commands, tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "default_jobs", lambda number, on_gpu: number - 1)
    call("seeds", "--corpus", corpus.folder, "--out", tmp_path, "--seeds", 3, "--rounds", 1)
    assert "--jobs=2" in commands[-1]


def test_a_training_that_fails_gives_no_result(corpus, commands, tmp_path):
    """What it said last is passed on."""
    words = ["--corpus", corpus.folder, "--out", tmp_path, "--seeds", 9, "--jobs", 2]
    done = call("seeds", *words, code=1)
    assert re.search(r"pretrain .*--seeds=9 .*failed: one; why", done.stderr.replace("\n", " "))
    assert len(commands) == 1
    assert not read_results(tmp_path)


# --- trained runs --------------------------------------------------------------------------------


def test_reports_and_the_tables(folders, corpus, tmp_path):
    for name in ("tiny", "tiny-ae"):
        command_line.call(
            *("report", folders["trained"] / name, "--corpus", corpus.folder, "--device", "cpu"),
            *("--samples", 30, "--results", tmp_path / "made", "--out", tmp_path / "page.html"),
        )
    results = read_results(tmp_path / "made")
    assert list(results) == ["pretraining-tiny", "pretraining-tiny-ae"]
    arae, plain = results.values()
    for result in (arae, plain):
        metrics, log = result["metrics"], result["details"]["curve"]
        assert len(log) >= 2
        # The last evaluation of the training was over all of dev, by the same weights.
        assert metrics["dev_nats_per_sentence"]["value"] == pytest.approx(
            log[-1]["nats_per_sentence"], rel=1e-4
        )
        # Without those too short for four swaps, which are left out of the whole curve.
        counts = result["details"]["sentences"]
        assert counts["swapped"] + counts["too_short_to_swap"] == counts["dev"]
        assert metrics["dev_nats_per_sentence_0_swaps"]["value"] == pytest.approx(
            metrics["dev_nats_per_sentence"]["value"], rel=0.05
        )
        assert result["seconds"] == log[-1]["seconds"]
        assert len(result["details"]["samples"]) == 20
        assert len(result["details"]["interpolations"]) == 5
        assert result["details"]["sentences"]["test"] == corpus.rows("test")
    assert plain["command"].startswith("arae-toolkit pretrain synthetic --model ae")

    out, readme = tmp_path / "results", tmp_path / "README.md"
    out.mkdir()
    shown = {"runs": {"ARAE": {"samples": arae["details"]["samples"]}}}
    (out / "gallery-snli.json").write_text(
        json.dumps({**arae, "name": "gallery-snli", "details": shown})
    )
    readme.write_text("# x\n")
    page = tmp_path / "docs" / "results" / "generation.md"
    page.parent.mkdir(parents=True)
    page.write_text("# x\n\n<!-- results:examples -->\n<!-- /results -->\n\nend\n")
    places = ("--results", out, "--readme", readme)
    assert "out of date" in call("tables", *places, "--check", code=1).stderr
    call("tables", *places)
    call("tables", *places, "--check")
    text = page.read_text()
    assert text.startswith("# x\n") and text.endswith("\n\nend\n")
    assert arae["details"]["samples"][0] in text
    page.write_text(text.replace(arae["details"]["samples"][0], "another .", 1))
    call("tables", *places, "--check", code=1)


def test_another_corpus_than_the_runs_own_is_refused(folders, labelled, tmp_path):
    other = tiny_corpus(tmp_path, size=100, seed=9)
    done = call("sampling", folders["trained"] / "tiny", "--corpus", other.folder, code=1)
    assert "trained on another synthetic" in done.stderr
    run = small_transfer.save_model(tmp_path / "run")
    done = call("transfer_throughput", run, "--corpus", labelled.folder, code=1)
    assert "labelled bad, good, where the model knows negative, positive, neutral" in done.output
