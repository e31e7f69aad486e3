"""One training of a pair classifier into a model folder, with its scores on dev and test."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.word_vectors import WordVectors
from arae_toolkit.devices import Precision, dtype_of
from arae_toolkit.errors import CheckpointMismatch, TrainingDiverged
from arae_toolkit.evaluation.classification import Classification, measure_classification
from arae_toolkit.models.model_folder import CONFIG, load_model_folder, read_config
from arae_toolkit.nli.classifier_training import ClassifierTraining, probabilities_of
from arae_toolkit.nli.label_splits import LabelledRows
from arae_toolkit.nli.model import PAIRS
from arae_toolkit.nli.networks import PairNetwork, new_network, new_outside_network
from arae_toolkit.nli.outside_encoder import FOLDER, OutsideWeights
from arae_toolkit.nli.pair_batches import PairStore, in_vocabulary
from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder
from arae_toolkit.nli.settings import PairConfig
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.training.experiment import Experiment, RunOptions
from arae_toolkit.training.loop import Evaluate
from arae_toolkit.training.metrics_log import RunLog

MEASURED = "evaluation.json"
SPLITS = ("dev", "test")
Measured = dict[str, dict[str, Any]]
"""Measurements of one seed by split."""
CHANCE_DEVIATIONS = 3.0
"""An accuracy so many standard deviations above the most frequent label's is no chance."""
BY_ONE_PROCESS = (
    "outside weights are tuned by one process: their dropout follows the rows that a process sees"
)


@dataclass(frozen=True)
class PseudoLabels:
    """Labels that a model gave to pairs whose own are not used.

    Attributes:
        rows: Numbers of the pairs. Shape (N,).
        labels: Class ids, shape (N,), or the probabilities of the classes, shape (N, A).
        origin: What names them in the run's identity: model and confidence.
    """

    rows: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    origin: str


@dataclass(frozen=True)
class Task:
    """What a classifier is trained on and from: the same for all seeds.

    Attributes:
        corpus: With labelled pairs.
        labelled: Those whose labels may be used.
        encoder: Where the encoder starts from: ours, or weights of another library; ``None`` starts
            it from random weights.
        pseudo: Further pairs with a model's labels.
        objective: What the encoder was pretrained by, for the record.
    """

    corpus: Corpus
    labelled: LabelledRows
    encoder: PretrainedEncoder | OutsideWeights | None = None
    pseudo: PseudoLabels | None = None
    objective: str = "supervised"

    def store(self, split: str, device: torch.device) -> PairStore:
        """Return the pairs of a split in the words of the encoder."""
        pairs = self.corpus.pairs(split)
        if self.encoder is not None:
            pairs = in_vocabulary(pairs, self.corpus.vocabulary, self.encoder.vocabulary)
        return PairStore(pairs, device=device)

    @property
    def facts(self) -> dict[str, str]:
        """What two runs must share, beside settings, for one to go on from the other, by name."""
        return {
            "corpus": self.corpus.sha256,
            "labels": self.labelled.sha256,
            "encoder": "random" if self.encoder is None else self.encoder.sha256,
            "pseudo_labels": "none" if self.pseudo is None else self.pseudo.origin,
        }


def train_classifier(
    task: Task,
    config: PairConfig,
    folder: Path,
    **options: Unpack[RunOptions],
) -> Measured:
    """Train one seed, resuming what the folder holds, and measure the epoch that is best on dev.

    Returns:
        The measurements on ``dev`` and ``test``, as :func:`measured` finds them again.

    With several processes it is the first one that measures, and the others wait for it.

    Raises:
        CheckpointMismatch: If the folder holds another run, or one that cannot be extended.
        DataError: If the corpus has no pairs in a split.
        ValueError: If outside weights cannot be trained by these settings, or not by several
            processes.
        TrainingDiverged: If the classifier has learned nothing: it is at chance on dev, and its
            loss has not fallen below that of guessing.
        Interrupted: See :func:`~arae_toolkit.training.loop.fit`.
    """
    for split in ("train", *SPLITS):
        task.corpus.pairs(split)  # refuses a corpus without it before anything is trained
    experiment = Experiment(folder, config, task.facts, **options)
    ranks = experiment.ranks
    if ranks.leads and _epochs_there(experiment) < config.training.epochs:
        (folder / MEASURED).unlink(missing_ok=True)  # of the shorter run, which is trained on
    device, log = experiment.device, experiment.log
    vocabulary, labels = (task.encoder or task.corpus).vocabulary, task.corpus.labels
    generator = torch.Generator().manual_seed(config.training.seed)
    arguments = asdict(config.model)
    network: PairNetwork
    if isinstance(task.encoder, OutsideWeights):
        task.encoder.check(config)
        if task.encoder.tuned and ranks.size > 1:
            raise ValueError(BY_ONE_PROCESS)
        encoder = task.encoder.for_training()
        network = new_outside_network(encoder, len(labels), generator=generator, **arguments)
        if ranks.leads:
            encoder.save(folder / FOLDER)
    else:
        network = new_network(len(vocabulary), len(labels), generator=generator, **arguments)
        if task.encoder is not None and not task.encoder.put_into(network):
            log.note(f"{task.encoder.folder}: an encoder of another kind; its embeddings are taken")

    def make() -> tuple[ClassifierTraining, Evaluate[ClassifierTraining]]:
        train, dev = task.store("train", device), task.store("dev", device)
        rows, classes = task.labelled.rows, None
        if task.pseudo is not None:
            classes = _with_pseudo(train, rows, task.pseudo)
            rows = np.sort(np.concatenate([rows, task.pseudo.rows]))

        if isinstance(task.encoder, OutsideWeights) and not task.encoder.tuned:
            _read_once(task, task.encoder, train, rows, experiment)

        def evaluate(training: ClassifierTraining, last: bool) -> Mapping[str, Any]:
            result = _scores(network, dev, labels, training.dtype)
            kept = training.consider(result.accuracy)
            if last:
                _check_chance(training, result, log)
            return {"accuracy": result.accuracy, "nats_per_pair": result.nats, "best": kept}

        training = ClassifierTraining(
            *(network, config.training, train, rows),
            precision=experiment.precision,
            labels=classes,
            ranks=ranks,
        )
        return training, evaluate

    record = {"kind": PAIRS, "model": arguments, "labels": labels, "objective": task.objective}
    record["corpus"] = task.corpus.record
    if isinstance(task.encoder, OutsideWeights):
        record["outside"] = task.encoder.about
    experiment.train(network, make, record=record, vocabulary=vocabulary)
    if not ranks.leads:
        return ranks.of_first(Measured())
    network.load_state_dict(load_model_folder(folder, device=device).tensors)
    found: Measured = {}
    for split in SPLITS:
        store = task.store(split, device)
        result = _scores(network, store, labels, dtype_of(experiment.precision))
        found[split] = {
            "accuracy": result.accuracy,
            "calibration_error": result.calibration_error,
            "nats_per_pair": result.nats,
            "majority": result.majority,
            "pairs": int(result.confusion.sum()),
            "confusion": result.confusion.tolist(),
        }
    write_json(folder / MEASURED, found)
    return ranks.of_first(found)


def _with_pseudo(
    train: PairStore, known: npt.NDArray[np.int64], pseudo: PseudoLabels
) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
    """Return what is learned of every pair: its own label where it may be used, else a model's."""
    if pseudo.labels.ndim == 1:
        classes = train.labels.copy()
        classes[pseudo.rows] = pseudo.labels
        return classes
    probabilities = np.zeros((len(train), pseudo.labels.shape[1]), dtype=np.float32)
    probabilities[known, train.labels[known]] = 1.0
    probabilities[pseudo.rows] = pseudo.labels
    return probabilities


def measured(
    task: Task,
    config: PairConfig,
    folder: Path,
    precision: Precision,
    word_vectors: WordVectors | None = None,
    *,
    extend: bool = False,
) -> Measured | None:
    """Return what a finished run has measured, ``None`` if there is none.

    Where a run may be extended, that of another length has measured nothing.

    Raises:
        CheckpointMismatch: If the folder holds another run.
    """
    experiment = Experiment(
        *(folder, config, task.facts),
        precision=precision,
        word_vectors=word_vectors,
        extend=extend,
    )
    path = folder / MEASURED
    if not path.exists() or _epochs_there(experiment) != config.training.epochs:
        return None
    try:
        content: Measured = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointMismatch(f"{path}: damaged; remove it to measure again") from error
    return content


def _epochs_there(experiment: Experiment) -> int:
    """Return the epochs of the run that lies in the folder, those asked for if there is none."""
    asked: int = experiment.config.training.epochs
    if not (experiment.folder / CONFIG).exists():
        return asked
    return int(read_config(experiment.folder)["run"].get("training.epochs", asked))


def _read_once(
    task: Task,
    weights: OutsideWeights,
    train: PairStore,
    rows: npt.NDArray[np.int64],
    experiment: Experiment,
) -> None:
    """Have a frozen encoder read all sentences that are trained or measured on."""
    sentences = set(train.sentences_of(rows))
    for split in SPLITS:
        store = task.store(split, experiment.device)
        sentences.update(store.sentences_of(np.arange(len(store))))
    if unread := weights.encoder.unread(sentences):
        experiment.log.note(f"{weights.about['name']} reads {len(unread):,} sentences, each once")
    weights.encoder.remember(sentences, dtype=dtype_of(experiment.precision))


def _scores(
    network: PairNetwork, store: PairStore, labels: Sequence[str], dtype: torch.dtype
) -> Classification:
    """Return how well a network classifies the labelled pairs of a store."""
    rows = np.flatnonzero(store.labels >= 0)
    probabilities = probabilities_of(network, store, rows, dtype=dtype)
    return measure_classification(probabilities, store.labels[rows], labels=labels)


def _check_chance(training: ClassifierTraining, result: Classification, log: RunLog) -> None:
    """Name a training that is no better than guessing; stop if it has not even memorised."""
    share, pairs = result.majority / 100, int(result.confusion.sum())
    deviation = 100 * math.sqrt(share * (1 - share) / pairs)
    highest = result.majority + CHANCE_DEVIATIONS * deviation
    if highest >= 100:
        log.note(f"dev has {pairs:,} labelled pairs: too few to tell learning from guessing")
        return
    if training.best_accuracy > highest:
        return
    chance = (
        f"{training.best_accuracy:.1f} % on dev is chance level (the most frequent label alone "
        f"gives {result.majority:.1f} %)"
    )
    if training.recent_nats >= 0.95 * math.log(len(result.confusion)):
        raise TrainingDiverged(
            f"{chance}, and the training loss is that of guessing; try a lower rate, more "
            "epochs or more labels"
        )
    log.note(f"{chance}: what was learned does not carry over; try more labels")
