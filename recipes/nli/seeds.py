"""Seeds of a classifier trained one after another, those finished before left alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import CheckpointMismatch, NotFound, ToolkitError
from arae_toolkit.nli.settings import OBJECTIVES, PairConfig
from arae_toolkit.recipes.shared.find_run import refuse_folders_of_models
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.training_display import training_display
from arae_toolkit.storage.paths import is_plain_name, run_folder

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.nli.experiment import Measured, Task
    from arae_toolkit.nli.label_splits import LabelledRows
    from arae_toolkit.nli.outside_encoder import OutsideWeights
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder


def draw_labels(corpus: Corpus, name: str, *, draw: str, seed: int, first: int) -> LabelledRows:
    """Return the pairs of a corpus whose labels may be used.

    Args:
        corpus: With labelled pairs.
        name: ``tiny``, ``small``, ``medium``, ``full`` or a number of them.
        draw: How they are drawn.
        seed: Draws them.
        first: Draw from the first so many pairs only; 0 for all.

    Raises:
        UsageError: If the pairs are known ones, and a seed or a number of first pairs is given.
        DataError: If the corpus has too few labels, or not the pairs that are known ones.
    """
    from arae_toolkit.nli.label_splits import CROSS_SENTENCE, choose_rows, cross_sentence_rows

    labels, names = corpus.pair_labels("train"), corpus.labels
    if draw == CROSS_SENTENCE:
        if seed or first:
            raise click.UsageError(f"--draw {draw} has a seed of its own, and draws from all pairs")
        return cross_sentence_rows(labels, name, path=corpus.folder)
    return choose_rows(labels, name, names=names, seed=seed, first=first, path=corpus.folder)


def identity_of(labelled: LabelledRows) -> dict[str, Any]:
    """Return what a file of results says of the labels that were used."""
    return {"count": len(labelled.rows), "seed": labelled.seed, "sha256": labelled.sha256}


def train_seeds(
    task: Task,
    config: PairConfig,
    out: Path,
    seeds: Iterable[int],
    *,
    precision: Precision,
    **how: Any,
) -> dict[int, Measured]:
    """Train each seed into a folder of its own in ``out``, and make ``out`` their average.

    How they are trained goes on to :func:`~arae_toolkit.nli.experiment.train_classifier`.

    With several processes, the first one alone looks for what is finished, and writes.

    Returns:
        The measurements by seed.

    Raises:
        CheckpointMismatch: If ``out`` holds a model of another kind, which would be lost.
    """
    from arae_toolkit.distributed.ranks import ALONE
    from arae_toolkit.models.model_folder import CONFIG
    from arae_toolkit.nli.experiment import measured, train_classifier
    from arae_toolkit.nli.model import is_ensemble, save_ensemble

    if (out / CONFIG).exists() and not is_ensemble(out):
        raise CheckpointMismatch(
            f"{out}: holds another model already; name another folder with --out"
        )
    pairs = len(task.labelled.rows) + (0 if task.pseudo is None else len(task.pseudo.rows))
    results: dict[int, Measured] = {}
    ranks = how.get("ranks", ALONE)
    for seed in seeds:
        seeded = replace(config, training=replace(config.training, seed=seed))
        folder = out / f"seed-{seed}"
        extend = bool(how.get("extend"))
        found = None
        if ranks.leads:
            given = how.get("word_vectors")
            found = measured(task, seeded, folder, precision, given, extend=extend)
        found = ranks.of_first(found)
        if found is None:
            weights = "word vectors" if how.get("word_vectors") else "random weights"
            start = weights if task.objective == "supervised" else task.objective
            title = f"{config.model.kind} from {start}"
            place = f", seed {seed}, to {folder}"
            shown = training_display(task.corpus, seeded, title=title, place=place, pairs=pairs)
            with shown as display:
                found = train_classifier(
                    task, seeded, folder, precision=precision, listeners=[display], **how
                )
        say(
            f"seed {seed}: dev {found['dev']['accuracy']:.2f} %, "
            f"test {found['test']['accuracy']:.2f} %  ({folder})"
        )
        results[seed] = found
    if ranks.leads:
        save_ensemble(out, [f"seed-{seed}" for seed in results])
    return results


def open_encoder(
    given: str | None, objective: str, runs_name: str, *, corpus: str
) -> PretrainedEncoder | None:
    """Return the encoder to start from, ``None`` for random weights.

    Args:
        given: A run, ``random``, or ``None`` for the objective's own folder.
        objective: What the encoder was pretrained by.
        runs_name: What runs of the corpus are called, and so that folder.
        corpus: The corpus as it was asked for, for the command that the message names.

    Raises:
        ToolkitError: If there is none; the message names the command that makes it.
    """
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder

    if given == "random" or (given is None and objective == "supervised"):
        return None
    name = runs_name if objective == "arae" else f"{runs_name}-{objective}"
    named = [run_folder(given)] if given and is_plain_name(given) else []
    folders = [*named, Path(given)] if given else [run_folder(name)]
    for folder in folders:
        if (folder / "config.json").is_file():
            return PretrainedEncoder.load(folder)
    refuse_folders_of_models(folders)
    commands = {
        "arae": f"arae-toolkit pretrain {corpus}",
        "ae": f"arae-toolkit pretrain {corpus} --model ae",
    }
    default = f"arae-toolkit nli pretrain --corpus {corpus} --objective {objective}"
    there = f" --out {folders[0]}" if given else ""
    missing = NotFound if given else ToolkitError
    raise missing(
        f"no pretrained encoder in {' or '.join(map(str, folders))}; make one with "
        f"'{commands.get(objective, default)}{there}', or go without by --encoder random"
    )


def open_outside(name: str, corpus: Corpus, *, device: Any, tuned: bool) -> OutsideWeights:
    """Return weights of another library to start from, and tell what they have seen.

    Args:
        name: As ``--encoder`` was given it.
        corpus: Its words are those that the model reads.
        device: Where the model is put.
        tuned: Whether it is trained with the classifier.

    Raises:
        ToolkitError: If the library is not installed, or there is no such model.
    """
    from arae_toolkit.nli.outside_encoder import OutsideWeights

    weights = OutsideWeights.load(name, corpus.vocabulary, device=device, tuned=tuned)
    say(f"with outside weights: {weights.about['name']}, {weights.about['seen']}")
    return weights


def objective_for(model: str, given: str | None) -> str:
    """Return the objective chosen, or the usual one of a model.

    Raises:
        click.UsageError: If an encoder of one direction is asked to start one of two.
    """
    objective = given or ("arae" if model == "paper" else "masked-pairs")
    assert objective in OBJECTIVES
    if model == "paper" and objective not in ("supervised", "ae", "arae"):
        raise click.UsageError(
            f"--objective {objective} trains two directions; use it with --model bilstm-max or "
            "--model attention"
        )
    return objective


def fitted(config: PairConfig, encoder: PretrainedEncoder | OutsideWeights | None) -> PairConfig:
    """Return settings whose sizes are those of the encoder, where there is one."""
    return config if encoder is None else replace(config, model=encoder.fitted(config.model))
