"""Seeds of a classifier trained one after another, those finished before left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.nli.settings import MODELS, OBJECTIVES, PairConfig
from arae_toolkit.recipes.shared.training_display import TrainingDisplay
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.nli.experiment import Measured, Task
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder


def train_seeds(
    task: Task,
    config: PairConfig,
    out: Path,
    seeds: Iterable[int],
    *,
    device: torch.device,
    precision: Precision,
    stop_signal: Callable[[], int],
) -> dict[int, Measured]:
    """Train each seed into a folder of its own in ``out``, and make ``out`` their average.

    Returns:
        The measurements by seed.

    Raises:
        CheckpointMismatch: If ``out`` holds a model of another kind, which would be lost.
    """
    from arae_toolkit.errors import CheckpointMismatch
    from arae_toolkit.models.model_folder import CONFIG
    from arae_toolkit.nli.experiment import measured, train_classifier
    from arae_toolkit.nli.model import member_names, save_ensemble

    if (out / CONFIG).exists() and member_names(out) is None:
        raise CheckpointMismatch(
            f"{out}: holds another model already; name another folder with --out"
        )
    results: dict[int, Measured] = {}
    for seed in seeds:
        seeded = replace(config, training=replace(config.training, seed=seed))
        folder = out / f"seed-{seed}"
        found = measured(task, seeded, folder, precision)
        if found is None:
            with _display(task, seeded, folder) as display:
                found = train_classifier(
                    task,
                    seeded,
                    folder,
                    device=device,
                    precision=precision,
                    listeners=[display],
                    stop_signal=stop_signal,
                )
        click.echo(
            f"seed {seed}: dev {found['dev']['accuracy']:.2f} %, "
            f"test {found['test']['accuracy']:.2f} %  ({folder})",
            err=True,
        )
        results[seed] = found
    save_ensemble(out, [f"seed-{seed}" for seed in results])
    return results


@contextmanager
def _display(task: Task, config: PairConfig, folder: Path) -> Iterator[TrainingDisplay]:
    """Yield a display that is live while the block runs, after a line on what is trained."""
    training = config.training
    pairs = len(task.labelled.rows) + (0 if task.pseudo is None else len(task.pseudo.rows))
    batch_size = min(training.batch_size, pairs)
    display = TrainingDisplay(
        iterations=training.epochs * (pairs // batch_size), batch_size=batch_size, rows="pairs"
    )
    display.note(
        f"{config.model.kind} from {task.objective} on {pairs:,} pairs of {task.corpus.name}, "
        f"{training.epochs} epochs, seed {training.seed}, to {folder}"
    )
    with display.live():
        yield display


def open_pairs(name: str) -> Corpus:
    """Return a prepared corpus with labelled pairs, preparing it where that has not been done.

    Raises:
        DataError: If it has no labelled pairs.
    """
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.preparation import find_or_prepare
    from arae_toolkit.errors import DataError
    from arae_toolkit.recipes.shared.progress import console, progress

    def report(text: str) -> None:
        console().print(text, markup=False, highlight=False)

    corpus = Corpus(find_or_prepare(name, report=report, progress=progress))
    if not corpus.manifest.get("pairs"):
        raise DataError(
            "a corpus without labelled pairs", path=corpus.folder, hint="use snli or synthetic"
        )
    return corpus


def open_encoder(given: str | None, objective: str, corpus: str) -> PretrainedEncoder | None:
    """Return the encoder to start from, ``None`` for random weights.

    Args:
        given: A run, ``random``, or ``None`` for the objective's own folder.
        objective: What the encoder was pretrained by.
        corpus: Name of the corpus, from which that folder has its name.

    Raises:
        ToolkitError: If there is none; the message names the command that makes it.
    """
    from arae_toolkit.errors import ToolkitError
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder

    if given == "random" or (given is None and objective == "supervised"):
        return None
    name = corpus if objective == "arae" else f"{corpus}-{objective}"
    folders = [run_folder(given), Path(given)] if given else [run_folder(name)]
    for folder in folders:
        if (folder / "config.json").is_file():
            return PretrainedEncoder.load(folder)
    commands = {
        "arae": f"arae-toolkit pretrain {corpus}",
        "ae": f"arae-toolkit pretrain {corpus} --model ae",
    }
    default = f"arae-toolkit nli pretrain --objective {objective}"
    raise ToolkitError(
        f"no pretrained encoder in {' or '.join(map(str, folders))}; make one with "
        f"'{commands.get(objective, default)}', or go without by --encoder random"
    )


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


def base_config(model: str, encoder: PretrainedEncoder | None) -> PairConfig:
    """Return a model's settings, its sizes those of the encoder."""
    config = MODELS[model]  # type: ignore[index]
    return config if encoder is None else replace(config, model=encoder.fitted(config.model))
