"""Tables and figures of plain models: each row a model, trained once for all that show it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.presets import preset
from arae_toolkit.recipes.reproduce.quick_form import (
    QUICK_CHANGES,
    QUICK_CORPUS,
    QUICK_FLOW,
    QUICK_IMAGE_CHANGES,
    quick_folder,
    quick_text,
    refuse_beside_quick,
)
from arae_toolkit.recipes.reproduce.tuning import check_run
from arae_toolkit.recipes.shared.child_processes import command_line, signals_noted, threads_of
from arae_toolkit.recipes.shared.corpora import open_corpus
from arae_toolkit.recipes.shared.options import (
    Command,
    in_order,
    preset_option,
    refused_settings,
    results_option,
    run_options,
)
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.training_display import training_display
from arae_toolkit.reports.results import Metric, corpus_identity, read_result, write_result
from arae_toolkit.storage.paths import run_folder
from arae_toolkit.training.metrics_log import seconds_trained

if TYPE_CHECKING:
    from arae_toolkit.config.schema import Config
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.evaluation.generation.cells import Cells
    from arae_toolkit.reports.markdown import Result


@dataclass(frozen=True)
class PlainSystem:
    """One row: a model, and what its codes are sampled from.

    Attributes:
        title: In the table.
        model: One of :data:`~arae_toolkit.config.model_kinds.KINDS`.
        changes: Of the preset's settings, ``key=value``.
        prior: ``own``, the model's; a kind of fitted prior; ``codes``, those of
            train with noise; ``neighbours``, what lies between two of them.
        temperatures: At which words are drawn; 0 takes the likeliest. Those behind the first are
            for one seed.
        preset: Where its settings start from, whatever those of the others do.
        best_of: Draws for each sentence, of which one is kept.
        start_scale: Deviation of the noise that a flow starts from; 1 unless given.
    """

    title: str
    model: str
    changes: tuple[str, ...] = ()
    prior: str = "own"
    temperatures: tuple[float, ...] = (0.0,)
    preset: str = ""
    best_of: int = 1
    start_scale: float | None = None

    @property
    def run(self) -> str:
        """Name of the folders of its model, which systems of the same settings share."""
        parts = (self.model, self.preset, *self.changes)
        return "-".join(part for part in parts if part).replace("=", "")


NOISE_STAYS = ("code_noise=0.07", "code_noise_factor=1")
CRITIC_ALONE = ("flow_weight=0",)
PRESSED = ("code_noise=0.1", "generator_noise=0.1", "flow_weight=0.5")
"""The best learned prior of four epochs, on dev; see docs/training.md."""
WORDS_HIDDEN = ("word_drop=0.2",)
EQUAL_BUDGET = ("softmax_samples=512", "critic_steps=1")
"""Changes that give a preset of its own the steps that the preset ``fast`` takes."""
DRAWN = (0.6, 0.8, 1.0)
LANGUAGE_MODEL_DRAWN = (1.0, 1.1, 0.95, 0.9, 0.85, 0.8, 0.7)
SYSTEMS = {
    "lm": PlainSystem("language model", "language-model", temperatures=LANGUAGE_MODEL_DRAWN),
    "ae": PlainSystem("AE, fitted Gaussian", "ae"),
    "arae": PlainSystem("ARAE", "arae"),
    "arae-tanh": PlainSystem("ARAE, tanh generator", "arae", ("generator_output=tanh",)),
    "aae": PlainSystem("AAE, N(0, I)", "aae", ("code_norm=none",)),
    "vae": PlainSystem("VAE", "vae", ("decoder_word_drop=0.3", "free_bits=0.02")),
    "wae": PlainSystem("WAE, N(0, I)", "wae"),
    "ae-drawn": PlainSystem("AE, words drawn", "ae", temperatures=DRAWN),
    "ae-flow": PlainSystem("AE, flow", "ae", prior="flow", temperatures=(0.0, *DRAWN)),
    "ae-hidden": PlainSystem("AE, words hidden", "ae", WORDS_HIDDEN),
    "ae-noise": PlainSystem("AE, noise stays", "ae", NOISE_STAYS),
    "ae-noise-flow": PlainSystem("AE, noise stays, flow", "ae", NOISE_STAYS, "flow", (0.0, *DRAWN)),
    "arae-drawn": PlainSystem("ARAE, words drawn", "arae", temperatures=DRAWN),
    "arae-best": PlainSystem("ARAE, best of 4", "arae", best_of=4),
    "arae-flow": PlainSystem("ARAE, flow", "arae", prior="flow", temperatures=(0.0, *DRAWN)),
    "arae-codes": PlainSystem("ARAE, ideal prior", "arae", prior="codes", temperatures=(0.0, 0.8)),
    "arae-neighbours": PlainSystem(
        "ARAE, neighbours", "arae", prior="neighbours", temperatures=(0.0, 0.8)
    ),
    "arae-hidden": PlainSystem("ARAE, words hidden", "arae", WORDS_HIDDEN),
    "arae-pressed": PlainSystem(
        "ARAE, noise 0.1 and flow 0.5", "arae", PRESSED, temperatures=(0.0, 0.8, 1.0)
    ),
    "arae-pressed-flow": PlainSystem(
        "ARAE, noise 0.1 and flow 0.5, fitted flow",
        "arae",
        PRESSED,
        prior="flow",
        temperatures=(0.8, 0.0, 0.6, 0.7, 1.0),
    ),
    "arae-pressed-near": PlainSystem(
        "ARAE, noise 0.1 and flow 0.5, fitted flow from 0.9 of its noise",
        "arae",
        PRESSED,
        prior="flow",
        temperatures=(0.0, 0.6, 0.8),
        start_scale=0.9,
    ),
    "arae-critic": PlainSystem("ARAE, critic alone", "arae", CRITIC_ALONE),
    "arae-clip": PlainSystem(
        "ARAE, critic alone, clipped", "arae", (*CRITIC_ALONE, "critic_constraint=clip")
    ),
    "arae-spectral": PlainSystem(
        "ARAE, critic alone, spectral", "arae", (*CRITIC_ALONE, "critic_constraint=spectral")
    ),
    "arae-gan": PlainSystem(
        "ARAE, critic alone, cross-entropy",
        "arae",
        (*CRITIC_ALONE, "adversarial_loss=cross-entropy"),
    ),
    "arae-faithful": PlainSystem("ARAE, faithful", "arae", EQUAL_BUDGET, preset="faithful"),
    "paper-2018": PlainSystem("ARAE, paper-2018", "arae", preset="paper-2018"),
    "paper-2017": PlainSystem("ARAE, paper-2017", "arae", preset="paper-2017"),
}
"""By the name that ``--system`` takes."""
CODES = tuple(name for name, system in SYSTEMS.items() if system.model != "language-model")
"""Those that have a code space."""


@dataclass(frozen=True)
class PlainChoices:
    """What the options of a table of plain models say.

    Attributes:
        names: Of its rows; none for the usual ones.
        once: Names of further rows, whose models have the first seed alone.
        seeds: Of each model.
        corpus: Name or prepared folder.
        preset: Where the settings of all models start from.
        changes: Of the settings of all models, ``key=value``, or of a row's, ``row:key=value``.
        quick: Whether it is made on an embedded corpus, with small networks and one seed.
        device: Where to compute.
        precision: Of matrix products.
        out: Folder of all runs.
        results: Folder of the file of results.
    """

    names: tuple[str, ...]
    once: tuple[str, ...]
    seeds: int
    corpus: str
    preset: str
    changes: tuple[str, ...]
    quick: bool
    device: str
    precision: Precision
    out: Path | None
    results: Path


def table_options(
    *, systems: Sequence[str], default: Sequence[str], corpus: str, quick: str
) -> Callable[[Command], Command]:
    """Return a decorator: the options of every table of plain models, given as ``choices``.

    Args:
        systems: Names of the rows that there can be.
        default: Those measured unless some are named.
        corpus: Trained on unless another is named.
        quick: Help of ``--quick``.
    """
    options = in_order(
        click.option(
            "--system",
            "names",
            type=click.Choice(tuple(systems)),
            multiple=True,
            help=f"A row; may be given again.  [default: {', '.join(default)}]",
        ),
        click.option(
            "--once",
            type=click.Choice(tuple(systems)),
            multiple=True,
            help="A further row, of one seed; may be given again.",
        ),
        click.option("--seeds", type=click.IntRange(1), default=3, help="Of each model."),
        click.option("--corpus", default=corpus, help="Name or prepared folder."),
        preset_option("Where the settings of all models start from."),
        click.option(
            *("--set", "changes"),
            multiple=True,
            metavar="[ROW:]KEY=VALUE",
            help="A setting of all models, or of a row's alone (lm:epochs=4).",
        ),
        click.option("--quick", is_flag=True, help=quick),
        run_options(
            "Folder of trained models and pictures, which tables and figures share.",
            default="runs/reproduce/CORPUS",
        ),
        results_option,
    )

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_choices(**parameters: Any) -> Any:
            fields = {name: parameters.pop(name) for name in PlainChoices.__dataclass_fields__}
            if fields["quick"]:
                refuse_beside_quick("seeds", "corpus", "preset")
            return command(choices=PlainChoices(**fields), **parameters)

        return options(with_choices)  # type: ignore[return-value]

    return decorate


class PlainTable:
    """A table or figure of plain models in the making: its corpus, its models, its results.

    Args:
        name: Of the file of results; ``-quick`` is put behind it.
        choices: What was asked for.
        rows: Shown unless others were asked for.
        quick_corpus: Of the quick form.
    """

    def __init__(
        self,
        name: str,
        choices: PlainChoices,
        rows: Sequence[str],
        *,
        quick_corpus: str = QUICK_CORPUS,
    ) -> None:
        from arae_toolkit.devices import choose_device

        self.began, self.training, self.runs = time.monotonic(), 0.0, set[Path]()
        self.quick, self.precision, self.results = choices.quick, choices.precision, choices.results
        self.name = f"{name}-quick" if choices.quick else name
        self.device = choose_device(choices.device)
        names = choices.names or tuple(rows)
        self.rows = [SYSTEMS[row] for row in (*names, *choices.once)]
        self._once = len(names)
        if choices.quick and (own := [row.title for row in self.rows if row.preset]):
            raise click.UsageError(f"--quick has no row {own[0]}: its models share one preset")
        self.corpus, self.folder = _opened(choices, quick_corpus)
        self.seeds = range(1 if choices.quick else choices.seeds)
        self.preset = "demo" if choices.quick else choices.preset
        self.changes, self._own = _apart(choices.changes)
        if choices.quick:
            images = self.corpus.kind == "image"
            self.changes = (*(QUICK_IMAGE_CHANGES if images else QUICK_CHANGES), *self.changes)

    def trained(self) -> Iterator[tuple[PlainSystem, int, Path]]:
        """Yield each row and seed with the folder of its model, trained when it is asked for.

        Raises:
            CheckpointMismatch: Before any is trained, if a folder holds a run with other settings.
        """
        models = [
            (row, seed, self.folder / row.run / f"seed-{seed}")
            for number, row in enumerate(self.rows)
            for seed in (self.seeds if number < self._once else self.seeds[:1])
        ]
        for row, seed, run in models:
            facts = {"model": row.model, "corpus": self.corpus.sha256, "precision": self.precision}
            check_run(run, [self.config(row, seed)], facts)
        for row, seed, run in models:
            began = time.monotonic()
            self._train(row, run, seed)
            self.training += time.monotonic() - began
            self.runs.add(run)
            yield row, seed, run

    def config(self, row: PlainSystem, seed: int = 0) -> Config:
        """Return the settings of a row's model; its own come after those of all."""
        name = row.preset or self.preset
        config = preset(name, corpus=self.corpus.name, kind=row.model)
        with refused_settings():
            own = self._own.get(row.run, [])
            return with_overrides(config, [*self.changes, *row.changes, *own, f"seed={seed}"])

    def _train(self, row: PlainSystem, folder: Path, seed: int) -> None:
        """Train a row's model and its prior, going on with what is there."""
        from arae_toolkit.pretraining.experiment import pretrain
        from arae_toolkit.priors.fitting import fit_prior
        from arae_toolkit.priors.models import load_autoencoder
        from arae_toolkit.priors.settings import FlowConfig

        corpus, config = self.corpus, self.config(row, seed)
        place = f", {self.device}, {self.precision}, to {folder}"
        with (
            signals_noted() as stop_signal,
            training_display(corpus, config, title=row.model, place=place) as display,
        ):
            pretrain(
                corpus,
                config,
                folder,
                kind=row.model,  # type: ignore[arg-type]
                listeners=[display],
                stop_signal=stop_signal,
                device=self.device,
                precision=self.precision,
            )
        if row.prior != "flow":
            return
        own = QUICK_FLOW if self.quick else ()
        settings = with_overrides(FlowConfig(), [*own, f"seed={seed}"])
        model = load_autoencoder(folder, device=self.device)
        with (
            signals_noted() as stop_signal,
            training_display(corpus, settings, title=row.prior, place=place) as display,
        ):
            how: dict[str, Any] = {"listeners": [display], "stop_signal": stop_signal}
            fit_prior(model, corpus, settings, folder, **how)

    def key_of(self, run: Path) -> dict[str, str]:
        """Return what moves every measure of a trained model, by which it is found again."""
        from arae_toolkit.models.model_folder import weights_sha256

        weights = weights_sha256(run)
        return {"weights": weights, "corpus": self.corpus.sha256, "device": self.device.type}

    def write(
        self, metrics: Mapping[str, Metric], details: Mapping[str, Any], cells: Cells | None = None
    ) -> Result:
        """Write the file of results and return what it says.

        Its seconds are those of all trainings and measurements, whenever they ran.

        Args:
            metrics: The numbers.
            details: What else the file is to hold.
            cells: Where parts of the measurement are kept, if any are.
        """
        now = time.monotonic() - self.began - self.training
        seconds = now if cells is None else now - cells.spent + cells.seconds
        path = write_result(
            self.results,
            self.name,
            command=command_line(),
            corpus=corpus_identity(self.corpus),
            seeds=self.seeds,
            device=self.device.type,
            seconds=seconds + sum(map(seconds_trained, self.runs)),
            metrics=metrics,
            threads=threads_of(),
            details={
                "preset": self.preset,
                "changes": list(self.changes),
                "own_changes": self._own,
                "rows": {row.title: asdict(row) for row in self.rows},
                "once": [row.title for row in self.rows[self._once :]],
                "budget": self.budget(),
                **details,
            },
        )
        say(str(path))
        return read_result(self.results, self.name)

    def budget(self) -> dict[str, Any]:
        """Return how long models learn, and how large they are."""
        usual_rows = [row for row in self.rows if row.run not in self._own] or self.rows
        shared = self.config(usual_rows[0])
        epochs = {row.title: self._epochs(self.config(row)) for row in self.rows}
        usual = self._epochs(shared)
        return {
            "kind": self.corpus.kind,
            "epochs": usual,
            "other_epochs": {title: own for title, own in epochs.items() if own != usual},
            "hidden_size": shared.model.hidden_size,
            "code_size": shared.model.code_size,
        }

    def _epochs(self, config: Config) -> float:
        """Return how often a model sees the corpus."""
        training = config.training
        if not training.iterations:
            return float(training.epochs)
        return round(training.iterations * training.batch_size / self.corpus.rows("train"), 1)


def _apart(changes: Sequence[str]) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """Return the settings of all models, and those of a row's by the name of its run.

    Raises:
        click.UsageError: There is no such row.
    """
    shared, own = [], dict[str, list[str]]()
    for change in changes:
        name, colon, setting = change.partition(":")
        if not colon or "=" in name:
            shared.append(change)
        elif name in SYSTEMS:
            own.setdefault(SYSTEMS[name].run, []).append(setting)
        else:
            raise click.UsageError(f"--set {change}: no row {name} (rows: {', '.join(SYSTEMS)})")
    return tuple(shared), own


def _opened(choices: PlainChoices, quick_corpus: str) -> tuple[Corpus, Path]:
    """Return the corpus, prepared first where it is embedded, and the folder of its models."""
    if not choices.quick:
        corpus = open_corpus(choices.corpus)
        return corpus, choices.out or run_folder("reproduce") / corpus.name
    folder = quick_folder(choices.out, quick_corpus)
    return quick_text(folder) if quick_corpus == QUICK_CORPUS else open_corpus(quick_corpus), folder
