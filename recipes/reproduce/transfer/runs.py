"""Systems of transfer at work: what they are given, how they are trained, what they write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonlines
import numpy as np

from arae_toolkit.optim.schedules import iterations
from arae_toolkit.recipes.reproduce.transfer.options import TableChoices
from arae_toolkit.recipes.reproduce.transfer.systems import System
from arae_toolkit.recipes.shared.options import refused_settings
from arae_toolkit.recipes.shared.row_streams import json_line
from arae_toolkit.recipes.transfer.options import transferred
from arae_toolkit.recipes.transfer.training import per_epoch_of, settings_of, train_transfer
from arae_toolkit.storage.atomic_files import write_json_lines
from arae_toolkit.transfer.systems import AUTOENCODERS

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus, PackedSentences
    from arae_toolkit.devices import Precision

ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Sources:
    """What every system is given: sentences of a split, each with every other label in turn.

    Attributes:
        texts: N texts, as the corpus has them.
        labels: Class id of each.
        targets: Class id that each is to have.
    """

    texts: list[str]
    labels: list[int]
    targets: list[int]

    @classmethod
    def of(cls, corpus: Corpus, split: str, *, most: int = 0) -> Sources:
        """Return a split's sentences, at most so many of each label; 0 takes all."""
        return cls._of(corpus.split(split), corpus, most=most)

    @classmethod
    def _of(cls, sentences: PackedSentences, corpus: Corpus, *, most: int) -> Sources:
        labels = np.asarray(sentences.labels)
        texts, sources, targets = list[str](), list[int](), list[int]()
        for label in range(len(corpus.labels)):
            own = np.flatnonzero(labels == label)
            for row in own[:most] if most else own:
                text = corpus.vocabulary.decode(sentences[int(row)].tolist())
                for target in range(len(corpus.labels)):
                    if target != label:
                        texts.append(text)
                        sources.append(label)
                        targets.append(target)
        return cls(texts, sources, targets)

    @classmethod
    def first(cls, corpus: Corpus, split: str, count: int, *, words: tuple[int, int]) -> Sources:
        """Return the first sentences of each label that have so many words, the fewest and most."""
        sentences = corpus.split(split)
        lengths = np.asarray(sentences.lengths) - 1  # one is <eos>
        fit = sentences.at(np.flatnonzero((lengths >= words[0]) & (lengths <= words[1])))
        return cls._of(fit, corpus, most=count)

    @property
    def sha256(self) -> str:
        """Fingerprint of the sentences and of what was asked for each."""
        return sha256_of([self.texts, self.labels, self.targets])


def outputs_of(
    system: System,
    place: Path,
    sources: Sources,
    names: Sequence[str],
    *,
    precision: Precision,
    kept_as: str = "",
) -> list[str]:
    """Return what a trained system makes of the sources, from its run if it is there already.

    It is there if the same weights wrote it in the same precision, of the same sentences towards
    the same labels, and searched for it in the same way, by the same scorer where one chooses.

    Args:
        system: Which asks for candidates and strength.
        place: Of its run.
        sources: What it is given.
        names: Of the labels.
        precision: Of the matrix products of decoding.
        kept_as: Put behind the system's name in that of the file, for sources of another choice.
    """
    from arae_toolkit.transfer.infilling.rewriter import Infilling
    from arae_toolkit.transfer.model import TransferModel
    from arae_toolkit.transfer.scorer.scorer import SCORER_FOLDER

    kept = place / "outputs" / f"{system.name}{kept_as}.jsonl"
    folder = system.model_in(place)
    asked = [
        {"text": text, "label": names[label], "to": names[target]}
        for text, label, target in zip(sources.texts, sources.labels, sources.targets, strict=True)
    ]
    model = TransferModel.from_pretrained(folder, precision=precision)
    head: dict[str, Any] = {
        "weights": weights_of(folder),
        "precision": precision,
        "rows": len(asked),
    }
    if isinstance(model.rewriter, Infilling):
        head["search"] = asdict(model.rewriter.search)
    if system.candidates > 1:  # the scorer has chosen
        head["scorer"] = weights_of(folder / SCORER_FOLDER)
    if (found := _kept(kept, head, asked)) is not None:
        return found
    targets = [names[target] for target in sources.targets]
    outputs = transferred(
        model,
        sources.texts,
        targets,
        title=f"writing by {system.name}",
        batch_size=ROWS_AT_ONCE,
        candidates=system.candidates,
        strength=system.strength,
    )
    answered = [{**row, "transferred": output} for row, output in zip(asked, outputs, strict=True)]
    write_json_lines(kept, [head, *answered], dumps=json_line)
    return outputs


def _kept(path: Path, head: dict[str, Any], asked: Sequence[dict[str, str]]) -> list[str] | None:
    """Return what a file says was written, ``None`` if there is none or it is other or damaged."""
    with suppress(OSError, ValueError, RecursionError), jsonlines.open(path) as lines:
        first, *rows = lines.iter(type=dict)
        written = [row.pop("transferred", None) for row in rows]
        if first == head and rows == asked and all(isinstance(text, str) for text in written):
            return written
    return None


def sha256_of(content: list[Any]) -> str:
    """Return the fingerprint of what JSON can hold."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def weights_of(folder: Path) -> str:
    """Return the fingerprint of a model folder's weights."""
    from arae_toolkit.models.model_folder import weights_sha256  # needs torch

    return weights_sha256(folder)


def train_system(
    system: System,
    seed: int,
    place: Path,
    *,
    corpus: Corpus,
    choices: TableChoices,
    device: torch.device,
    half: bool = False,
) -> None:
    """Train a system's seed into a folder, going on with what is there.

    Args:
        system: Which.
        seed: Of everything random.
        place: Folder of the run.
        corpus: With labels.
        choices: Of the table.
        device: Where to compute.
        half: Train half of the iterations, as a pilot does.
    """
    settings = system_settings(system, seed, corpus=corpus, choices=choices, half=half)
    how: dict[str, Any] = {"device": device, "precision": choices.precision}
    train_transfer(corpus, settings, place, kind=system.kind, scorer=choices.scorer, **how)


def system_settings(
    system: System, seed: int, *, corpus: Corpus, choices: TableChoices, half: bool = False
) -> Any:
    """Return the settings that a system's seed is trained with, ``None`` if it learns nothing.

    See :func:`train_system` for the arguments.
    """
    from arae_toolkit.config.overrides import with_overrides
    from arae_toolkit.config.presets import preset
    from arae_toolkit.config.schema import check_separate

    name, changes = system.preset or choices.preset, system.changes
    config = preset(name, corpus=corpus.name, transfer=True)
    if system.kind in AUTOENCODERS:
        with refused_settings():
            config = with_overrides(config, (*changes, *choices.changes, f"seed={seed}"))
            check_separate(config)
    elif system.kind != "delete-and-replace":
        changes = (*changes, f"seed={seed}")
    settings = settings_of(system.kind, config, changes, rows=corpus.rows("train"))
    return _halved(system.kind, settings, corpus) if half and settings is not None else settings


def _halved(kind: str, settings: Any, corpus: Corpus) -> Any:
    """Return settings of half as many iterations, at rates of the shorter schedule."""
    from arae_toolkit.transfer.labelled_corpus import labelled_part

    schedule, labelled = settings.training, labelled_part(corpus)
    per_epoch = per_epoch_of(kind, settings, labelled)
    per_epoch = per_epoch or labelled.rows("train") // schedule.batch_size
    whole = iterations(schedule, batches_per_epoch=per_epoch)
    return replace(settings, training=replace(schedule, iterations=-(-whole // 2)))
