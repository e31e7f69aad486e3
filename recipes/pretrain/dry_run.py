"""``arae-toolkit pretrain --dry-run``: the plan of a run, its time and memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.config.descriptions import differing, written
from arae_toolkit.config.model_kinds import KINDS
from arae_toolkit.recipes.shared.progress import duration, print_table, size_text

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.training.rehearsal import Rehearsal


def show_plan(
    corpus: Corpus,
    settings: Any,
    defaults: Any,
    folder: Path,
    *,
    kind: str,
    preset: str,
    transfers: bool,
    device: Any,
    precision: Precision,
    cuda_graphs: bool,
    extend: bool,
) -> None:
    """Try a few iterations and print the plan of the run on stdout; nothing is written.

    Args:
        corpus: Prepared.
        settings: Of the run.
        defaults: Those of its preset.
        folder: Of the run.
        kind: Of the model.
        preset: Its name.
        transfers: Whether the model has an attribute.
        device: Where to compute.
        precision: Of matrix products.
        cuda_graphs: Whether a CUDA device runs iterations as captured graphs.
        extend: Whether a finished run of fewer epochs or iterations would be trained on.
    """
    from arae_toolkit.training.rehearsal import Rehearsal

    rehearsal = Rehearsal()
    how: dict[str, Any] = {"device": device, "precision": precision, "rehearsal": rehearsal}
    how["extend"] = extend
    if transfers:
        from arae_toolkit.transfer.labelled_corpus import labelled_part
        from arae_toolkit.transfer.systems import SYSTEMS

        # A rehearsal asks for no scorer, wherever that is.
        SYSTEMS[kind].train(labelled_part(corpus), settings, folder, scorer_folder=folder, **how)
    else:
        from arae_toolkit.pretraining.experiment import pretrain

        pretrain(corpus, settings, folder, kind=kind, cuda_graphs=cuda_graphs, **how)  # type: ignore[arg-type]
    start = f"preset {preset}" if kind in KINDS else f"the defaults of {kind}"
    changed = ", ".join(f"{one.name}={written(one.value)}" for one in differing(settings, defaults))
    rows = [
        ["model", f"{'transfer ' * transfers}{kind}, {device}, {precision}"],
        ["corpus", f"{corpus.name}, {corpus.folder}"],
        ["folder", str(folder)],
        ["settings", f"{start}; {changed or 'nothing changed'}"],
        *_of_run(rehearsal, scorer=transfers),
    ]
    print_table(["", "plan"], rows, wide="plan")


def _of_run(found: Rehearsal, *, scorer: bool) -> list[list[str]]:
    """Return the rows that the rehearsal gives."""
    parts = ", ".join(f"{name} {count:,}" for name, count in found.parameters.items())
    steps = ", ".join(f"{name} {count:g}" for name, count in found.steps.items())
    total = sum(found.steps.values()) * found.iterations
    epochs = found.iterations / found.batches_per_epoch
    length = (
        f"{found.iterations:,} iterations, {epochs:g} epochs of {found.batches_per_epoch:,}"
        + f"; {found.done:,} are done" * (found.done > 0)
    )
    each = f"{found.seconds_per_iteration:.3g} s an iteration, a mean over {found.timed}"
    besides = "evaluations on dev" + " and the training of a scorer" * scorer
    return [
        ["parameters", f"{sum(found.parameters.values()):,}: {parts}"],
        ["length", length],
        ["steps", f"{total:,.0f} in all; in an iteration: {steps}"],
        ["time", f"about {duration(found.seconds_left)} ({each}); {besides} come on top"],
        ["memory", f"about {size_text(found.peak_bytes)}"],
    ]
