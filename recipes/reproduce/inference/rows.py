"""What the encoder starts from in each row of Table 5: how it is tuned, and its seeds trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.config.presets import preset
from arae_toolkit.errors import TrainingDiverged
from arae_toolkit.nli.settings import MODELS, PairConfig
from arae_toolkit.recipes.nli.seeds import fitted, train_seeds
from arae_toolkit.recipes.reproduce.quick_form import QUICK_CHANGES
from arae_toolkit.recipes.reproduce.side_by_side import all_free
from arae_toolkit.recipes.reproduce.tuning import Changes, Tuning, check_run, tune
from arae_toolkit.recipes.shared.find_run import CONFIG, find_run
from arae_toolkit.recipes.shared.progress import say
from arae_toolkit.recipes.shared.training_display import training_display
from arae_toolkit.training.metrics_log import seconds_trained

if TYPE_CHECKING:
    from arae_toolkit.config.schema import Config
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.nli.experiment import Measured, Task
    from arae_toolkit.nli.label_splits import LabelledRows
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder


@dataclass(frozen=True)
class EncoderRow:
    """A row of the table.

    Attributes:
        kind: Of the model whose encoder it is; none for random weights.
        choices: Settings that are tried, of the model, or of the classifier where there is none.
        changes: Of its settings, in any case.
        base: The row whose chosen settings it has as well, so that the two differ in nothing else.
    """

    kind: Literal["ae", "arae"] | None
    choices: tuple[Changes, ...] = ((),)
    changes: Changes = ()
    base: str = ""


ARAE_WORDS = 15
EPOCHS, ALL_LENGTHS_EPOCHS = 9, 7
"""About as many words are read in both."""
COMMON = ("tied_embeddings=none", "softmax_samples=512", "critic_steps=2")
"""Changes of the preset ``faithful`` that all rows share: the published tables of word vectors, and
a softmax that is estimated."""
SHORT = (f"epochs={EPOCHS}", f"longest_sentence={ARAE_WORDS}")
NOISES = (
    ("code_noise=0.05",),
    ("code_noise=0.2",),
    ("code_noise=0.05", "code_noise_factor=1"),
    ("code_noise=0.1", "code_noise_factor=1"),
)
HIDDEN = tuple((f"word_drop={share}",) for share in (0.1, 0.2, 0.3, 0.4))
WEIGHTS = tuple((f"adversarial_weight={weight}",) for weight in (1, 5, 20, 50))
CLASSIFIERS = ((), ("dropout=0.3", "embedding_dropout=0.3"), ("word_drop=0.1",), ("rate=0.003",))
ROWS = {
    "supervised": EncoderRow(None, CLASSIFIERS),
    "ae": EncoderRow("ae", changes=(f"epochs={ALL_LENGTHS_EPOCHS}",), base="ae-15"),
    "arae": EncoderRow("arae", WEIGHTS, SHORT, "ae-15"),
    "ae-15": EncoderRow("ae", NOISES, SHORT),
    "denoising-ae": EncoderRow("ae", HIDDEN, SHORT, "ae-15"),
    "denoising-arae": EncoderRow("arae", WEIGHTS, SHORT, "denoising-ae"),
    "arae-strong": EncoderRow("arae", (("adversarial_weight=200",),), SHORT, "ae-15"),
    "arae-norm": EncoderRow(
        "arae", WEIGHTS, (*SHORT, "encoder_update=separate", "encoder_gradient=norm"), "ae-15"
    ),
    "arae-critic": EncoderRow("arae", WEIGHTS, (*SHORT, "critic_steps=8"), "ae-15"),
    "arae-noise": EncoderRow("arae", WEIGHTS, (*SHORT, "code_noise=0.15", "code_noise_factor=1")),
}
"""By name. AE and ARAE are the paper's, which reads sentences of any length with the one, and short
ones with the other; ``ae-15`` reads what the ARAE reads. The last four ask how the critic could
help more."""
USUAL = ("supervised", "ae", "arae", "ae-15", "denoising-ae", "denoising-arae")
QUICK = ("supervised", "ae", "arae")
PILOT_SEED = 100
"""Of pilots' models and classifiers, which no cell of the table has."""
QUICK_EPOCHS, QUICK_SIZES = 5, ("embedding_size=96", "code_size=96", "hidden_size=96")
SIZES_OF_ENCODER = ("model.embedding_size", "model.code_size")
"""Settings of a classifier that its encoder decides."""
LABEL_EPOCHS, MORE_LABELS_EPOCHS = {"tiny": 4}, 3
"""Passes over the labels: one budget for all rows of a split."""


def cell_folder(labels: str, row: str, encoder: int) -> str:
    """Return the folder of the classifiers of a label split over a row's encoder of a seed."""
    return f"{labels}-{row}" + (f"-encoder-{encoder}" if encoder else "")


@dataclass
class Encoders:
    """Trains what rows need, each once, and says what it was trained with.

    Attributes:
        corpus: Of sentences and pairs.
        folder: Of all models.
        given: Runs that are finished, by row: such a row is neither tuned nor trained.
        quick: Small networks, one seed, no tuning.
        tuned: Whether rows are tuned; otherwise each has the first of its settings.
        pilot_labels: Pairs whose labels a pilot's classifier learns from.
        how: Device, precision and the signal to stop at.
        tunings: What was tried, by row.
        trained: Encoders by row and seed.
        diverged: Why rows have no encoders.
        runs: Folders of all trainings that the table rests on, by row.
    """

    corpus: Corpus
    folder: Path
    given: Mapping[str, str]
    quick: bool
    tuned: bool
    pilot_labels: LabelledRows
    how: Mapping[str, Any]
    tunings: dict[str, Tuning] = field(default_factory=dict)
    trained: dict[tuple[str, int], PretrainedEncoder | None] = field(default_factory=dict)
    diverged: dict[str, TrainingDiverged] = field(default_factory=dict)
    runs: dict[str, set[Path]] = field(default_factory=dict)

    def seeds(self, name: str, most: int) -> range:
        """Return the seeds of a row's model: one, where it is given or there is none."""
        return range(1 if self.quick or name in self.given or not ROWS[name].kind else most)

    def classifier(self, name: str, labels: str) -> PairConfig:
        """Return the settings of a row's classifier, but for its sizes."""
        return self._classifier(labels, () if ROWS[name].kind else self.tuning(name).chosen)

    def tuning(self, name: str) -> Tuning:
        """Return what was tried for a row, after trying it."""
        if name not in self.tunings:
            choices = ROWS[name].choices
            if self.quick or name in self.given:
                self.tunings[name] = Tuning()
            elif self.tuned:
                self.tunings[name] = tune(name, choices, partial(self._pilot, name))
            else:
                self.tunings[name] = Tuning(untried=choices[0])
        return self.tunings[name]

    def settings(self, name: str) -> Changes:
        """Return a row's changes of the preset, its own last."""
        chosen = self.tuning(name).chosen if ROWS[name].kind else ()
        return (*self._settled(name), *chosen)

    def _settled(self, name: str) -> Changes:
        """Return what a row has whatever is chosen for it: its base's settings, and its own."""
        row = ROWS[name]
        return (*(self.settings(row.base) if row.base else COMMON), *row.changes)

    def of_row(self, name: str, most: int) -> dict[int, PretrainedEncoder | None]:
        """Return the encoders of a row by seed, trained now if they are not there.

        Raises:
            TrainingDiverged: If one does, which is told once: a row is left out whole, and what
                diverged is not trained again for another label split.
            FolderInUse: If another process trains one, after the others are trained.
        """
        seeds = self.seeds(name, most)
        all_free(partial(self._train, name, seed) for seed in seeds)
        return {seed: self.trained[name, seed] for seed in seeds}

    def _train(self, name: str, seed: int) -> None:
        """Train a row's encoder, unless it is there or the row is left out."""
        if name in self.diverged:
            raise self.diverged[name]
        if (name, seed) in self.trained:
            return
        try:
            self.trained[name, seed] = self._encoder(name, seed)
        except TrainingDiverged as error:
            say(f"arae-toolkit: warning: {name}, seed {seed}: {error}; left out")
            self.diverged[name] = error
            raise

    def check(
        self, name: str, drawn: Iterable[LabelledRows], folder: Path, *, seeds: int, most: int
    ) -> None:
        """Refuse what a row would be refused for, before any is trained.

        Args:
            name: Of the row.
            drawn: Label splits.
            folder: Of the classifiers.
            seeds: Of each classifier.
            most: Seeds of the row's model.

        Raises:
            CheckpointMismatch: If a folder holds a run with other settings, or what is given as an
                encoder is none.
            NotFound: If a run that is given is not there.
        """
        row, own = ROWS[name], self.seeds(name, most)
        facts = {"corpus": self.corpus.sha256, "precision": self.how["precision"]}
        if name in self.given:
            self.of_row(name, most)
        elif row.kind is not None:
            piloted = self._choices(name) if len(self._choices(name)) > 1 else ()
            pilots = [self._pilot_place(name, number) / "encoder" for number in range(len(piloted))]
            for pilot, changes in zip(pilots, piloted, strict=True):
                if (pilot / CONFIG).exists():
                    possible = [(*settled, *changes) for settled in self._possible_settled(name)]
                    check_run(pilot, [self._half(changes) for changes in possible], facts)
            for seed in own:
                place = self._place(name, row.kind, seed)
                if (place / CONFIG).exists():
                    possible = [(*changes, f"seed={seed}") for changes in self._possible(name)]
                    check_run(place, [self._config(c) for c in possible], facts, pilots=pilots)
        choices = ((),) if row.kind else self._choices(name)
        for labelled in drawn:
            facts["labels"] = labelled.sha256
            for encoder, seed in product(own, range(seeds)):
                place = folder / cell_folder(labelled.name, name, encoder) / f"seed-{seed}"
                possible = [(*changes, f"seed={seed}") for changes in choices]
                configs = [self._classifier(labelled.name, changes) for changes in possible]
                check_run(place, configs, facts, besides=SIZES_OF_ENCODER)

    def _choices(self, name: str) -> tuple[Changes, ...]:
        """Return the settings of a row that may be chosen."""
        if name in self.tunings or self.quick or name in self.given:
            return (self.tuning(name).chosen,)
        return ROWS[name].choices if self.tuned else ROWS[name].choices[:1]

    def _possible(self, name: str) -> list[Changes]:
        """Return what :meth:`settings` may be, before tuning."""
        if self.quick:
            return [QUICK_CHANGES]
        return [(*s, *c) for s, c in product(self._possible_settled(name), self._choices(name))]

    def _possible_settled(self, name: str) -> list[Changes]:
        row = ROWS[name]
        bases = self._possible(row.base) if row.base else [COMMON]
        return [(*base, *row.changes) for base in bases]

    def _config(self, changes: Changes) -> Config:
        """Return the settings of an autoencoder."""
        start = preset("demo" if self.quick else "faithful", corpus=self.corpus.name)
        return with_overrides(start, changes)

    def _half(self, changes: Changes) -> Config:
        """Return the settings of a pilot's autoencoder, of half the epochs."""
        whole = self._config((*changes, f"seed={PILOT_SEED}"))
        return with_overrides(whole, [f"epochs={-(-whole.training.epochs // 2)}"])

    def _place(self, name: str, kind: str, seed: int) -> Path:
        """Return the folder of a row's model; quick ones are those of the other quick tables."""
        own = self.folder / kind if self.quick else self.folder / "encoders" / name
        return own / f"seed-{seed}"

    def _pilot_place(self, name: str, number: int) -> Path:
        return self.folder / "pilots" / f"{name}-{number}"

    def _encoder(self, name: str, seed: int) -> PretrainedEncoder | None:
        from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder

        row = ROWS[name]
        if row.kind is None:
            return None
        if name in self.given:
            return PretrainedEncoder.load(find_run(self.given[name]))
        changes = QUICK_CHANGES if self.quick else self.settings(name)
        config = self._config((*changes, f"seed={seed}"))
        return self._pretrained(name, row.kind, config, self._place(name, row.kind, seed))

    def _pretrained(
        self, name: str, kind: Literal["ae", "arae"], config: Config, place: Path
    ) -> PretrainedEncoder:
        from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder
        from arae_toolkit.pretraining.experiment import pretrain

        shown = training_display(self.corpus, config, title=name, place=f", to {place}")
        with shown as display:
            pretrain(self.corpus, config, place, kind=kind, listeners=[display], **self.how)
        self.runs.setdefault(name, set()).add(place)
        return PretrainedEncoder.load(place)

    def _classifier(self, labels: str, changes: Changes = ()) -> PairConfig:
        config = MODELS["paper"]
        epochs = LABEL_EPOCHS.get(labels, MORE_LABELS_EPOCHS)
        if self.quick:
            epochs = QUICK_EPOCHS
            config = with_overrides(config, QUICK_SIZES)
        config = replace(config, training=replace(config.training, epochs=epochs))
        return with_overrides(config, changes)

    def _pilot(self, name: str, number: int, changes: Changes) -> float:
        """Return what a classifier has on dev that starts from a model of half the epochs."""
        row, encoder = ROWS[name], None
        place = self._pilot_place(name, number)
        if row.kind is not None:
            half = self._half((*self._settled(name), *changes))
            try:
                encoder = self._pretrained(name, row.kind, half, place / "encoder")
            except TrainingDiverged as error:
                say(f"arae-toolkit: warning: {place / 'encoder'}: {error}; left out")
                return 0.0
        config = self._classifier(self.pilot_labels.name, () if row.kind else changes)
        epochs = -(-config.training.epochs // 2)
        config = replace(config, training=replace(config.training, epochs=epochs))
        task = self.task(name, self.pilot_labels, encoder)
        found = self.classified(
            task, config, place / f"classifier-{self.pilot_labels.sha256[:8]}", [PILOT_SEED]
        )
        if isinstance(found, TrainingDiverged):
            return 0.0
        return float(found[PILOT_SEED]["dev"]["accuracy"])

    def task(self, name: str, labelled: LabelledRows, encoder: PretrainedEncoder | None) -> Task:
        """Return what a row's classifier learns."""
        from arae_toolkit.nli.experiment import Task

        return Task(self.corpus, labelled, encoder, None, name)

    def classified(
        self, task: Task, config: PairConfig, place: Path, seeds: Iterable[int]
    ) -> dict[int, Measured] | TrainingDiverged:
        """Train a classifier's seeds, those finished left alone.

        Returns:
            What they measured, or why one of them has learned nothing.
        """
        try:
            fit = fitted(config, task.encoder)
            found = train_seeds(task, fit, place, seeds, **self.how)
        except TrainingDiverged as error:
            labels = task.labelled.name
            say(f"arae-toolkit: warning: {labels} labels, {task.objective}: {error}; left out")
            return error
        own = self.runs.setdefault(task.objective, set())
        own.update(place / f"seed-{seed}" for seed in found)
        return found

    def seconds(self) -> dict[str, float]:
        """Return how long each row's models were trained, pilots too, whenever that was."""
        return {name: sum(map(seconds_trained, places)) for name, places in self.runs.items()}

    def about(self, name: str) -> dict[str, Any]:
        """Return what a file of results says of a row."""
        row = ROWS[name]
        if name in self.given:
            settings: Changes = ()
        elif row.kind is None:
            settings = self.tuning(name).chosen
        else:
            settings = QUICK_CHANGES if self.quick else self.settings(name)
        return {
            "kind": row.kind,
            "given": self.given.get(name),
            "settings": settings,
            "tuning": self.tuning(name).as_json(),
            "encoders_sha256": {
                seed: encoder.sha256
                for (of, seed), encoder in self.trained.items()
                if of == name and encoder is not None
            },
        }
