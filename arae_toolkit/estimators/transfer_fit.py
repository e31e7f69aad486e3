"""Training of a transfer model on texts that lie in no corpus: from lists to a loaded model."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from arae_toolkit.config.overrides import Sections
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.errors import DataError
from arae_toolkit.optim import schedules
from arae_toolkit.storage.atomic_files import write_json_lines
from arae_toolkit.training.experiment import RunOptions
from arae_toolkit.transfer.labelled_corpus import labelled_part
from arae_toolkit.transfer.model import TransferModel
from arae_toolkit.transfer.scorer.scorer import SCORER_FOLDER
from arae_toolkit.transfer.scorer.training import scorer_settings, train_scorer
from arae_toolkit.transfer.systems import SYSTEMS


def train_on_texts(
    texts: Sequence[str],
    labels: Sequence[str],
    config: Sections | None,
    *,
    vocab_size: int,
    max_length: int,
    seed: int,
    kind: str = "arae",
    folder: Path | None = None,
    **options: Unpack[RunOptions],
) -> TransferModel:
    """Return a transfer model of labelled texts.

    In a short training, rates and weights rise over the first tenth only.

    Args:
        texts: N of them, as users write them. A tenth is held out, to measure by.
        labels: The name of each one's label.
        config: Settings of the kind, ``None`` for one that learns nothing.
        vocab_size: Most words, taken from the texts.
        max_length: Most words of a text to learn from; longer ones are left out.
        seed: Chooses the texts that are held out.
        kind: One of :data:`~arae_toolkit.transfer.systems.SYSTEMS`.
        folder: Where the model is kept, with its scorer; ``None`` keeps it in memory alone.
        options: See :class:`~arae_toolkit.training.experiment.RunOptions`.

    Raises:
        ValueError: If a text cannot be used, or none of a label can; rows are counted from 0.
        CheckpointMismatch: If the folder holds another run.
        TrainingDiverged: If a loss is not finite, or the model has collapsed.
    """
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "texts.jsonl"
        rows = ({"text": text, "label": label} for text, label in zip(texts, labels, strict=True))
        write_json_lines(source, rows, dumps=json.dumps)
        corpus = _corpus_of(
            source,
            PrepareOptions(
                label_field="label",
                vocab_size=vocab_size,
                max_length=max_length,
                judges_share=0.0,
                test_share=0.0,
                seed=seed,
                # Whatever a label is called here, it is one: -1 as well, which means none in files.
                labels_map=tuple((label, label) for label in sorted(set(labels))),
            ),
        )
        for label, count in corpus.manifest["splits"]["train"]["labels"].items():
            if not count:
                short = f"has at most {max_length} words"
                if corpus.manifest["splits"]["dev"]["labels"].get(label):
                    problem = f"no text of label {label!r} that {short} is left to learn from"
                    raise ValueError(f"{problem}: those few are held out; give more of them")
                raise ValueError(f"no text of label {label!r} {short}")
        folder = folder or Path(temporary) / "model"
        known = labelled_part(corpus)
        # Here, since a system that has to train its scorer tells no listener of that.
        train_scorer(known, scorer_settings(known.rows("train")), folder / SCORER_FOLDER, **options)
        SYSTEMS[kind].train(
            corpus,
            None if config is None else _for_size(config, corpus.rows("train")),
            folder,
            scorer_folder=folder / SCORER_FOLDER,
            **options,
        )
        return TransferModel.from_pretrained(folder, device=options.get("device", "cpu"))


def _corpus_of(source: Path, options: PrepareOptions) -> Corpus:
    """Prepare the corpus of a file, beside it.

    Raises:
        ValueError: If a row cannot be used, or none can.
    """
    try:
        folder = prepare_corpus(
            str(source),
            out=source.parent / "corpus",
            options=options,
            report=lambda line: None,
            progress=lambda description, total=None: contextlib.nullcontext(lambda n=1: None),
        )
    except DataError as error:  # it names a file that the caller does not know
        where = "" if error.line is None else f"row {error.line - 1}: "
        raise ValueError(f"{where}{error.problem}") from error
    return Corpus(folder)


def _for_size(config: Sections, sentences: int) -> Sections:
    """Return settings whose warmups fit into the training on so many sentences."""
    training: Any = config.training
    per_epoch = max(1, sentences // max(1, training.batch_size))
    tenth = schedules.iterations(training, batches_per_epoch=per_epoch) // 10
    warmups = ("warmup", "adversarial_warmup", "attribute_warmup")
    shorter: dict[str, Any] = {
        name: min(getattr(training, name), tenth) for name in warmups if hasattr(training, name)
    }
    changed: Any = replace(config, training=replace(training, **shorter))  # type: ignore[type-var]
    return changed  # type: ignore[no-any-return]
