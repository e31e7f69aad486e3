"""New sentences of trained runs, those of their corpus told apart: samples, walks, variations."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.priors.settings import OWN
from arae_toolkit.recipes.shared.find_run import find_run, name_and_run
from arae_toolkit.recipes.shared.generation_systems import BLOCK, decodings_of, load_system
from arae_toolkit.recipes.shared.option_types import NumberRange
from arae_toolkit.recipes.shared.options import Command, in_order
from arae_toolkit.recipes.shared.walks import WalkOptions

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.latent.spaces import SpaceName
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.recipes.shared.generation_systems import System

MOST_DRAWS = 20
"""For each sentence that is wanted so many are drawn at most."""
Pair = tuple[str, str]


def novel_options(*, runs_required: bool = True) -> Callable[[Command], Command]:
    """Return the argument and options of a command that shows new sentences of runs."""
    metavar = "[NAME=]RUN[@PRIOR][@tT][@bestK]..."
    return in_order(
        click.argument("runs", nargs=-1, required=runs_required, metavar=metavar),
        click.option(
            "--corpus",
            "corpus_name",
            metavar="NAME",
            help="Whose sentences are no new ones: a name or a prepared folder.  [default: the "
            "first RUN's]",
        ),
        click.option(
            "--prior",
            default=OWN,
            metavar="NAME",
            help="Where codes come from unless a RUN says so: own, or one fitted by 'prior fit'.",
        ),
        click.option(
            "--temperature",
            type=NumberRange(0),
            help="At which words of samples are drawn unless a RUN says so; 0 takes the "
            "likeliest.  [default: 0; 1 for a language model]",
        ),
        click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Draws samples."),
    )


@dataclass(frozen=True)
class NamedRun:
    """A run, and how it is sampled.

    Attributes:
        name: In tables.
        run: Its name or folder.
        prior: Where codes come from.
        temperature: At which words are drawn; ``None`` for what suits its kind.
        best_of: Draws for each sentence, of which one is kept.
    """

    name: str
    run: str
    prior: str
    temperature: float | None
    best_of: int = 1

    def system(self, corpus: Corpus, device: str) -> System:
        """Return its model.

        Raises:
            ToolkitError: If there is no such run, prior or device.
        """
        from arae_toolkit.devices import choose_device

        place = choose_device(device)
        return load_system(self.run, corpus, place, priors=[self.prior], start_scale=None)


def named_run(word: str, *, prior: str, temperature: float | None) -> NamedRun:
    """Return the run of ``[NAME=]RUN[@PRIOR][@tT][@bestK]``.

    Example:
        >>> named_run("AE=runs/snli-ae@flow@t0.8", prior="own", temperature=None)
        NamedRun(name='AE', run='runs/snli-ae', prior='flow', temperature=0.8, best_of=1)
        >>> named_run("runs/snli@best4", prior="own", temperature=None)
        NamedRun(name='snli@best4', run='runs/snli', prior='own', temperature=None, best_of=4)
    """
    name, run = name_and_run(word)
    run, *settings = run.split("@")
    best_of = 1
    for setting in settings:
        if re.fullmatch(r"t\d+(\.\d+)?", setting):
            temperature = float(setting[1:])
        elif re.fullmatch(r"best[1-9]\d*", setting):
            best_of = int(setting[4:])
        else:
            prior = setting
    name = name or "@".join([Path(run).name, *settings])
    return NamedRun(name, run, prior, temperature, best_of)


def named_runs(
    words: Iterable[str],
    *,
    prior: str,
    temperature: float | None,
    beside: Collection[str] = (),
) -> list[NamedRun]:
    """Return the runs, each under a name of its own.

    Args:
        words: See :func:`named_run`.
        prior: Of runs that do not say.
        temperature: Of runs that do not say.
        beside: Names of other sources.

    Raises:
        click.UsageError: If two sources have the same name.
        ToolkitError: If there is no such run.
    """
    runs = [named_run(word, prior=prior, temperature=temperature) for word in words]
    if len({*beside, *(run.name for run in runs)}) < len(runs) + len(beside):
        raise click.UsageError("two runs have the same name; call them NAME=RUN")
    for run in runs:
        find_run(run.run)
    return runs


@dataclass(frozen=True)
class Samples:
    """New sentences of a run.

    Attributes:
        texts: Those that stand in no split of the corpus.
        left_out: So many before them do.
    """

    texts: list[str]
    left_out: int


class NovelTexts:
    """Sentences told apart by whether they stand in a corpus.

    Args:
        corpus: Every split of it.
    """

    def __init__(self, corpus: Corpus) -> None:
        from arae_toolkit.evaluation.generation.sample_statistics import CorpusTexts

        self.corpus = corpus
        self._known = CorpusTexts(corpus)

    def without(self, texts: Sequence[str]) -> list[str | None]:
        """Return the texts, ``None`` in place of those that stand there."""
        held = self._known.hold(texts)
        return [None if known else text for known, text in zip(held, texts, strict=True)]

    def samples(
        self, source: NamedRun, system: System, count: int, *, seed: int, distinct: bool = False
    ) -> Samples:
        """Return the first samples of a run that stand nowhere in the corpus.

        Args:
            source: Says how it is sampled.
            system: Its model.
            count: So many are wanted; fewer are returned where 20 times as many do not hold them.
            seed: Draws them.
            distinct: Leave out what has come before.
        """
        from arae_toolkit.generation.decoding import block_sizes

        temperatures = () if source.temperature is None else (source.temperature,)
        found = decodings_of(system, temperatures, most_words=self.corpus.max_length)
        (decoding,) = found.values()
        prior = system.priors[0].prior
        asked = {} if prior is None else {"prior": prior}
        chosen: list[str] = []
        left_out = 0
        sizes = block_sizes(MOST_DRAWS * count, BLOCK)
        way: dict[str, Any] = {"decoding": decoding, "expected": BLOCK, "best_of": source.best_of}
        for block in system.write(sizes, seed=seed, **way, **asked):
            for text in self.without(block):
                if len(chosen) == count:
                    return Samples(chosen, left_out)
                if text is None:
                    left_out += 1
                elif not distinct or text not in chosen:
                    chosen.append(text)
        return Samples(chosen, left_out)


def walks(
    model: ARAE,
    pairs: Sequence[Pair],
    *,
    through: SpaceName,
    steps: int,
    seed: int,
    smooth: bool = False,
) -> list[list[str]]:
    """Return the sentences on the way from the first to the second of each pair, greedy.

    Args:
        model: With codes.
        pairs: Ends of the ways.
        through: ``codes``, or ``noise``, which is searched for.
        steps: Sentences on a way, both ends included.
        seed: Of that search.
        smooth: Whether the way goes around, in small steps.

    Raises:
        ToolkitError: If noise is asked for and the model's codes are not generated from any.
    """
    from arae_toolkit.latent.walks import sentences_of

    code = model.encode([text for pair in pairs for text in pair])
    way = WalkOptions(steps=steps, through=through, smooth=smooth, seed=seed)
    return sentences_of(model, way.between(model, code[::2], code[1::2]).codes)


def variations(
    model: ARAE, texts: Sequence[str], temperatures: Sequence[float], *, seed: int
) -> list[list[str]]:
    """Return what is drawn from the code of each text, a sentence at each temperature.

    Args:
        model: With codes.
        texts: To be varied.
        temperatures: The lower, the nearer to what the code's likeliest words are.
        seed: Draws the words.
    """
    import torch

    from arae_toolkit.generation.decoding import Decoding

    generator = torch.Generator(model.device).manual_seed(seed)
    code = model.encode(texts)
    drawn = [
        model.decode(code, decoding=Decoding("sample", temperature=t), generator=generator)
        for t in temperatures
    ]
    return [list(found) for found in zip(*drawn, strict=True)]
