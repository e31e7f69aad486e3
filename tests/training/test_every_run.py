"""What every training keeps to, for one driver serves them all."""

import json
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import small
import small_transfer
import torch
from idx_files import write_mnist
from small_runs import KillAt, Killed, assert_same_end, rows_of

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.errors import CheckpointMismatch, ToolkitError
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.model_folder import CONFIG, WEIGHTS
from arae_toolkit.nli.experiment import Task, train_classifier
from arae_toolkit.nli.label_splits import choose_rows
from arae_toolkit.nli.pretraining.experiment import pretrain_pair_encoder
from arae_toolkit.nli.settings import PairConfig
from arae_toolkit.pretraining.experiment import new_model, pretrain
from arae_toolkit.priors.fitting import fit_prior
from arae_toolkit.priors.settings import FlowConfig
from arae_toolkit.recipes.shared.progress import progress
from arae_toolkit.training.metrics_log import Listener
from arae_toolkit.transfer.cross_aligned.settings import CrossAlignedConfig
from arae_toolkit.transfer.infilling.settings import InfillingConfig
from arae_toolkit.transfer.scorer.training import ScorerConfig, train_scorer
from arae_toolkit.transfer.systems import SYSTEMS

CPU = torch.device("cpu")
SGD = "autoencoder_optimizer=sgd"
OFTEN = ("log_every=3", "save_every=4")
IMAGES = ("batch_size=32", "code_size=6", "hidden_size=12", "evaluation_sentences=30")
PAIRS = ("embedding_size=8", "code_size=8", "hidden_size=9", "batch_size=32", "epochs=2")
MASKED = ("kind=bilstm-max", "epochs=4", "word_drop=0.3")
LEARNED = ("batch_size=8", "epochs=30", "rate=0.01", "warmup=5")  # else it is named as chance level
CROSS_ALIGNED = ("embedding_size=24", "code_size=24", "attribute_size=8", "filters=8", "epochs=1")
INFILLING = ("embedding_size=24", "hidden_size=20", "channels=16", "batch_size=16", "epochs=1")
FLOW = ("width=12", "blocks=1", "batch_size=64", "epochs=2")
JOINT_FLOW = ("flow_weight=0.5", "flow_warmup=5", "flow_width=12", "flow_blocks=1")
SCORER = ("embedding_size=12", "hidden_size=10", "filters=8", "batch_size=32", "epochs=2")


class Told(Listener):
    """Keeps what it is told."""

    def __init__(self):
        self.lines = []

    def row(self, row):
        pass

    def note(self, text):
        self.lines.append(text)


class DiesAtTheNote(Told):
    """Dies before the first iteration of an extended run."""

    def note(self, text):
        raise Killed


@dataclass(frozen=True)
class Kind:
    """A training: its corpus, its settings, and what starts it."""

    corpus: str
    settings: Any
    train: Any
    options: Any = None

    def __call__(self, corpora, folder, *changes, listeners=(), **others):
        config = with_overrides(self.settings, [*OFTEN, *changes])
        options = {"device": CPU, "listeners": listeners, **(self.options or {}), **others}
        self.train(corpora[self.corpus], config, folder, **options)


def transfer(corpus, config, folder, *, kind, **options):
    scorer = corpus.folder.parent / "scorer"  # trained once, by the first
    SYSTEMS[kind].train(corpus, config, folder, scorer_folder=scorer, **options)


def classifier(corpus, config, folder, **options):
    labels = corpus.pairs("train").labels
    train_classifier(
        Task(corpus, choose_rows(labels, "60", names=corpus.labels)), config, folder, **options
    )


def flow(corpus, config, folder, **options):
    run = corpus.folder.parent / "encoder"  # made once, by the first
    if not (run / "config.json").exists():
        new_model(corpus, small.SMALL, kind="ae").save_pretrained(run)
    fit_prior(ARAE.from_pretrained(run), corpus, config, run, folder=folder, **options)


def autoencoder(corpus, *changes, settings=small.SMALL, **options):
    changes = ("batch_size=32", "epochs=1", "evaluation_sentences=40", *changes)
    return Kind(corpus, with_overrides(settings, changes), pretrain, options)


def pairs(train, *changes, **options):
    return Kind("captions", with_overrides(PairConfig(), [*PAIRS, *changes]), train, options)


def rewriter(kind, settings, *changes):
    return Kind("reviews", with_overrides(settings, changes), partial(transfer, kind=kind))


KINDS = {
    "arae": autoencoder("captions"),
    "arae in bfloat16": autoencoder("captions", precision="bf16"),
    "arae, noisy prior": autoencoder("captions", "generator_noise=0.1"),
    "ae": autoencoder("captions", kind="ae"),
    "ae with a flow": autoencoder("captions", *JOINT_FLOW, kind="ae"),
    "ae, selected": autoencoder(
        "captions", "evaluate_every=8", "select=reverse-perplexity", "selection_samples=60",
        kind="ae",
    ),
    "aae": autoencoder("captions", kind="aae"),
    "aae, gaussian": autoencoder("captions", "code_norm=none", kind="aae"),
    "arae, cross-entropy": autoencoder("captions", "adversarial_loss=cross-entropy"),
    "vae": autoencoder("captions", "decoder_word_drop=0.2", "free_bits=0.05", kind="vae"),
    "wae": autoencoder("captions", "loss_unit=token", kind="wae"),
    "language-model": autoencoder("captions", kind="language-model"),
    "images": autoencoder("pictures", *IMAGES),
    "images, vae": autoencoder("pictures", *IMAGES, kind="vae"),
    "images, separate encoder": autoencoder(
        "pictures", *IMAGES, "encoder_update=separate", "encoder_steps=2", "word_drop=0.1"
    ),
    "images, clipped aae": autoencoder("pictures", *IMAGES, "critic_constraint=clip", kind="aae"),
    "transfer": rewriter(
        "arae", small_transfer.QUICK, "cycle_weight=0.5", "attribute_drop=0.5", "epochs=1"
    ),
    "cross-aligned": rewriter(
        "cross-aligned", CrossAlignedConfig(), *CROSS_ALIGNED, "batch_size=32",
        "adversarial_start=0.2", "adversarial_sentences=6", "evaluation_sentences=40",
    ),
    "infilling": rewriter("infilling", InfillingConfig(), *INFILLING, "softmax_samples=9"),
    "scorer": Kind("reviews", with_overrides(ScorerConfig(), SCORER), train_scorer),
    "flow prior": Kind("captions", with_overrides(FlowConfig(), FLOW), flow),
    "masked pairs": pairs(pretrain_pair_encoder, *MASKED, objective="masked-pairs"),
    "cross-sentence": pairs(pretrain_pair_encoder, *MASKED, objective="cross-sentence"),
    "nli paper": pairs(classifier, *LEARNED, "kind=paper"),
    "nli bilstm-max": pairs(classifier, *LEARNED, "kind=bilstm-max", "word_drop=0.1"),
    "nli attention": pairs(classifier, *LEARNED, "kind=attention"),
    "nli in bfloat16": pairs(classifier, *LEARNED, "kind=bilstm-max", precision="bf16"),
}  # fmt: skip
every_kind = pytest.mark.parametrize("name", KINDS)


@pytest.fixture(scope="module")
def corpora(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Corpus]:
    folder = tmp_path_factory.mktemp("corpora")
    write_mnist(folder, train=5_400, test=30, size=(6, 5))
    pictures = folder / "mnist"
    prepare_corpus("mnist", source=folder, out=pictures, report=str, progress=progress)
    reviews = small_transfer.small_labelled_corpus(folder)
    return {"captions": Corpus(synthetic), "pictures": Corpus(pictures), "reviews": reviews}


@pytest.fixture(scope="module")
def whole(corpora, tmp_path_factory):
    """Return the folder of a run that was never disturbed, trained when it is first asked for."""
    folders: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp("runs") / "whole"
            KINDS[name](corpora, folders[name])
        return folders[name]

    return of


@every_kind
@pytest.mark.parametrize("killed_at", [2, 9])
def test_killed_and_resumed_equals_never_killed(corpora, whole, tmp_path, name, killed_at):
    broken = tmp_path / "broken"
    with pytest.raises(Killed):
        KINDS[name](corpora, broken, listeners=[KillAt(killed_at)])
    KINDS[name](corpora, broken)
    assert_same_end(whole(name), broken)


@every_kind
def test_a_folder_of_another_run_is_refused_and_a_finished_one_left_alone(corpora, whole, name):
    folder = whole(name)
    before = (folder / WEIGHTS).read_bytes()
    with pytest.raises(CheckpointMismatch, match=r"training\.epochs \d+ there, 9 here"):
        KINDS[name](corpora, folder, "epochs=9")
    with pytest.raises(CheckpointMismatch, match="precision"):
        KINDS[name](corpora, folder, precision="tf32")
    KINDS[name](corpora, folder)
    assert (folder / WEIGHTS).read_bytes() == before


def test_a_run_whose_encoder_went_by_descent_is_not_gone_on_with_by_adam(corpora, tmp_path):
    """As until the encoder's own update followed the autoencoder's optimizer: told in one line."""
    train = KINDS["images, separate encoder"]
    train(corpora, tmp_path / "run", "epochs=1")
    config = json.loads((tmp_path / "run" / CONFIG).read_text())
    assert config["run"].pop("encoder_optimizer") == "adam"
    (tmp_path / "run" / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointMismatch, match="encoder_optimizer sgd there, adam here") as told:
        train(corpora, tmp_path / "run", "epochs=1")
    assert len(str(told.value).splitlines()) == 1


def test_runs_without_such_an_update_are_as_before(corpora, tmp_path):
    for name, changes in (("arae", ()), ("arae", ("encoder_update=separate", SGD)), ("ae", ())):
        folder = tmp_path / f"{name}-{len(changes)}"
        KINDS[name](corpora, folder, *changes, "iterations=1")
        assert "encoder_optimizer" not in json.loads((folder / CONFIG).read_text())["run"]


@pytest.mark.parametrize(
    "name",
    [
        *("arae", "ae, selected", "images", "transfer", "infilling"),
        *("flow prior", "cross-sentence", "nli paper"),
    ],
)
def test_a_finished_run_is_trained_on(corpora, whole, tmp_path, name):
    """As far as it is asked to, over the same numbers whether it is killed on the way or not."""
    train, begun, told = KINDS[name], whole(name), Told()
    ends = [tmp_path / part for part in ("straight", "killed", "killed at once")]
    for folder in ends:
        shutil.copytree(begun, folder)
    rows = rows_of(begun)
    short = int(json.loads((begun / CONFIG).read_text())["run"]["training.epochs"])
    longer = f"epochs={3 * short}"
    train(corpora, ends[0], longer, extend=True, listeners=[told])
    assert sum("the schedule is extended from" in line for line in told.lines) == 1
    assert rows_of(ends[0])[: len(rows)] == rows
    assert rows_of(ends[0])[-1]["iteration"] == 3 * rows[-1]["iteration"]
    for folder, iteration in zip(ends[1:], (9, 1), strict=True):
        with pytest.raises(Killed):
            train(
                corpora, folder, longer, extend=True,
                listeners=[KillAt(rows[-1]["iteration"] + iteration)],
            )  # fmt: skip
        train(corpora, folder, longer)  # it is the run that the folder holds now
        assert_same_end(ends[0], folder)
    config = json.loads((ends[0] / CONFIG).read_text())
    assert config["run"]["training.epochs"] == str(3 * short)
    other = rf"training\.epochs {3 * short} there, {short} here"
    with pytest.raises(CheckpointMismatch, match=other):
        train(corpora, ends[0])
    with pytest.raises(CheckpointMismatch, match="a run that is not shorter"):
        train(corpora, ends[0], f"epochs={2 * short}", extend=True)


def test_a_folder_loads_at_every_moment_of_an_extension(corpora, whole, tmp_path, monkeypatch):
    """Also between the longer schedule in its configuration and the first weights of it."""
    folder = tmp_path / "run"
    shutil.copytree(whole("arae"), folder)
    with pytest.raises(Killed):
        KINDS["arae"](corpora, folder, "epochs=2", extend=True, listeners=[DiesAtTheNote()])
    assert json.loads((folder / CONFIG).read_text())["run"]["training.epochs"] == "2"
    ARAE.from_pretrained(folder)
    KINDS["arae"](corpora, folder, "epochs=2")
    ARAE.from_pretrained(folder)


def test_a_run_that_is_not_finished_is_not_extended(corpora, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Killed):
        KINDS["arae"](corpora, folder, listeners=[KillAt(9)])
    with pytest.raises(CheckpointMismatch, match=r"not finished \(8 of 1\d iterations"):
        KINDS["arae"](corpora, folder, "epochs=2", extend=True)


def test_an_extension_changes_the_length_alone(corpora, whole):
    with pytest.raises(CheckpointMismatch, match=r"training\.warmup \d+ there, 9 here"):
        KINDS["arae"](corpora, whole("arae"), "epochs=2", "warmup=9", extend=True)


@pytest.mark.parametrize("name", ["metrics.jsonl", "tokenizer.json"])
def test_files_of_no_run_are_not_replaced(corpora, tmp_path, name):
    """A folder of somebody's own, with a file that is called as one of a run's."""
    (tmp_path / name).write_text('{"mine": 1}')
    with pytest.raises(ToolkitError, match=f"its {name} is of no run and would be lost"):
        KINDS["ae"](corpora, tmp_path)
    assert (tmp_path / name).read_text() == '{"mine": 1}'
