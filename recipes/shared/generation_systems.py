"""What ``evaluate`` measures and what in: models of runs, files of anyone's, a sentence encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from arae_toolkit.errors import CheckpointMismatch, DataError
from arae_toolkit.priors.settings import OWN
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.options import Command
from arae_toolkit.recipes.shared.progress import progress, say
from arae_toolkit.recipes.shared.row_streams import JSONL_SUFFIXES, STDIN, open_stdin
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.storage.paths import run_folder
from arae_toolkit.storage.rows import problem_of_text
from arae_toolkit.storage.text_lines import open_binary, read_json, read_lines

if TYPE_CHECKING:
    import torch

    from arae_toolkit.data.corpus import Corpus, PackedSentences
    from arae_toolkit.devices import Precision
    from arae_toolkit.evaluation.generation.cells import Cells
    from arae_toolkit.evaluation.generation.feature_distances import Encoder
    from arae_toolkit.evaluation.generation.measurement import (
        GenerationMeasurement,
        GenerationSettings,
    )
    from arae_toolkit.evaluation.language_model import LanguageModelSettings
    from arae_toolkit.generation.decoding import Decoding
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.nn.priors import Prior

BLOCK = 512
EXAMPLES = 20
"""So many samples are shown in a file of results."""
AUTOENCODER, LANGUAGE_MODEL = "text", "language-model"
"""Kinds of model folders that new sentences can be asked of."""
DEFAULT_TEMPERATURE = {AUTOENCODER: 0.0, LANGUAGE_MODEL: 1.0}
"""The paper decodes greedily; the likeliest words of a model without a code are one sentence."""


Write = Callable[..., Iterator[list[str]]]
"""Yields new sentences in blocks, as ``ARAE.sample_blocks`` does; only that takes a ``prior``."""


@dataclass(frozen=True)
class ChosenPrior:
    """Where the codes of an autoencoder come from.

    Attributes:
        name: As ``--prior`` calls it.
        prior: The prior, ``None`` for the model's own or a model without codes.
        sha256: Fingerprint of its weights, or of the corpus whose codes it draws.
        parameters: How many numbers it has learned, less those of the model's own.
    """

    name: str
    prior: Prior | None = None
    sha256: str | None = None
    parameters: int = 0


@dataclass(frozen=True)
class System:
    """A model that is to be measured.

    Attributes:
        name: In tables.
        kind: Of the model folder.
        write: Writes the sentences.
        priors: From which codes, one or more.
        parameters: How many numbers it has learned, its own prior's included.
        sha256: Fingerprint of its weights.
        device: Where it is.
        model: The model, if it has codes.
    """

    name: str
    kind: str
    write: Write
    priors: Sequence[ChosenPrior]
    parameters: int
    sha256: str
    device: torch.device
    model: ARAE | None = None


def load_system(
    run: str,
    corpus: Corpus,
    device: torch.device,
    *,
    priors: Sequence[str],
    start_scale: float | None,
) -> System:
    """Return the model of a run, which is a name or a model folder.

    Args:
        run: Its name or folder.
        corpus: On which systems are measured.
        device: Where to compute.
        priors: Names; a language model has no codes, and leaves them alone.
        start_scale: Of flows.

    Raises:
        ToolkitError: If there is no such run or prior.
        CheckpointMismatch: If it is damaged, or writes no new sentences.
    """
    folder = find_run(run)
    from arae_toolkit.models.model_folder import CONFIG, load_model_folder, weights_sha256

    try:
        config = read_object(folder / CONFIG)
        kind, trained_on = config.get("kind"), dict(config.get("corpus") or {}).get("sha256")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointMismatch(f"{folder / CONFIG}: not the configuration of a run") from error
    if trained_on not in (None, corpus.sha256):
        say(
            f"arae-toolkit: warning: {run} was trained on another corpus than {corpus.folder}; its "
            "judges may have learned from the same rows"
        )
    with_codes: ARAE | None = None
    if kind == AUTOENCODER:
        from arae_toolkit.models.arae import ARAE

        model = ARAE.from_pretrained(folder, device=device)
        write: Write = model.sample_blocks
        parameters = _parameters(model)
        if dict(config.get("model") or {}).get("prior") == "none":
            kind = LANGUAGE_MODEL  # a decoder without a code, whatever its folder is like
        else:
            with_codes = model
        names = [OWN] if kind == LANGUAGE_MODEL else priors
        found = [_prior(name, folder, model, corpus, start_scale) for name in names]
        chosen = list({prior.name: prior for prior in found}.values())  # its own has two names
    elif kind == LANGUAGE_MODEL:
        from arae_toolkit.evaluation.language_model import LanguageModel

        reader = LanguageModel.of(load_model_folder(folder, device=device))
        reader.network.to(device)
        write = reader.sample_blocks
        parameters, chosen = _parameters(reader.network), [ChosenPrior(OWN)]
    else:
        raise _no_writer(folder, kind)
    name = folder.resolve().name
    weights = weights_sha256(folder)
    return System(name, kind, write, chosen, parameters, weights, device, with_codes)


def check_writers(folders: Iterable[Path]) -> None:
    """Refuse models that write no new sentences, before anything is trained to measure them.

    Raises:
        CheckpointMismatch: If there is one, or it is damaged.
    """
    from arae_toolkit.models.model_folder import read_config

    for folder in folders:
        kind = read_config(folder).get("kind", AUTOENCODER)
        if kind not in (AUTOENCODER, LANGUAGE_MODEL):
            raise _no_writer(folder, kind)


def _no_writer(folder: Path, kind: object) -> CheckpointMismatch:
    """Return the refusal of a model that writes no new sentences."""
    return CheckpointMismatch(
        f"{folder}: a model of kind {kind}, which writes no new sentences; name the run of an "
        "autoencoder or a language model of text"
    )


def measurement_of(
    corpus: Corpus,
    split: str,
    encoder: str | None,
    device: str,
    precision: Precision,
    *,
    settings: GenerationSettings,
) -> GenerationMeasurement:
    """Return what measures every system alike: the judge trained or found, cells, the encoder.

    Raises:
        DataError: If the corpus is not of text, or its split is empty.
    """
    from arae_toolkit.devices import choose_device, dtype_of, keep_freed_memory
    from arae_toolkit.evaluation.generation.cells import Cells
    from arae_toolkit.evaluation.generation.measurement import GenerationMeasurement
    from arae_toolkit.evaluation.kept_judges import kept_language_model

    keep_freed_memory()
    if corpus.kind != "text":
        raise DataError("a corpus of images, where text is needed", path=corpus.folder)
    if not corpus.rows(split):
        raise DataError(f"the {split} split is empty", path=corpus.folder, hint="see --split")
    place, dtype = choose_device(device), dtype_of(precision)
    space = None if encoder is None else encoder_of_run(encoder, place)
    judge = kept_language_model(
        corpus, settings=settings.judge, device=place, dtype=dtype, note=say, progress=progress
    )
    folder = run_folder("evaluations") / f"generation-{corpus.name}-{corpus.sha256[:8]}"
    say(f"finished parts are kept in {folder}, where later calls find them")
    return GenerationMeasurement(
        corpus,
        split,
        judge=judge,
        cells=Cells(folder),
        settings=settings,
        encoder=space,
        device=place,
        dtype=dtype,
        progress=progress,
    )


def encoder_option(measured: str) -> Callable[[Command], Command]:
    """Return the option that names an encoder, by what is measured in its vectors."""
    return click.option(
        "--encoder",
        metavar="RUN",
        help=f"A classifier of 'nli' in whose vectors {measured} measured.",
    )


def encoder_of_run(run: str, device: torch.device) -> Encoder:
    """Return the space of vectors of a pair classifier.

    Raises:
        ToolkitError: If there is none.
    """
    folder = find_run(run, prefixes=("nli-", ""), advice="arae-toolkit nli")
    from arae_toolkit.evaluation.generation.feature_distances import Encoder
    from arae_toolkit.models.model_folder import weights_sha256
    from arae_toolkit.nli.model import NLIModel, member_names

    first = next(iter(member_names(folder) or ()), "")  # of several seeds, the first one's
    model = NLIModel.from_pretrained(folder / first, device=device)
    return Encoder(model.vectors, weights_sha256(folder / first), folder.name)


def _prior(
    name: str, run: Path, model: ARAE, corpus: Corpus, start_scale: float | None
) -> ChosenPrior:
    """Return a prior of a run, which is scaled if it is a flow."""
    from torch import nn

    from arae_toolkit.nn.priors import FlowPrior
    from arae_toolkit.priors.folder import prior_named
    from arae_toolkit.storage.safetensors_file import tensors_sha256

    if name == OWN:
        return ChosenPrior(OWN)
    prior = prior_named(name, run, model, corpus)
    if isinstance(prior, FlowPrior) and start_scale is not None:
        prior = prior_named(name, run, model, corpus, start_scale=start_scale)
    if prior is model.prior:
        return ChosenPrior(OWN)
    more = -_parameters(model.prior)
    if not isinstance(prior, nn.Module):  # the codes of the corpus itself
        return ChosenPrior(name, prior, corpus.sha256, more)
    tensors = {key: value.detach().cpu() for key, value in prior.state_dict().items()}
    return ChosenPrior(name, prior, tensors_sha256(tensors), more + _parameters(prior))


def language_model_system(
    corpus: Corpus,
    settings: LanguageModelSettings,
    device: torch.device,
    dtype: torch.dtype,
) -> System:
    """Return a language model of train, of the judges' sizes, trained where it is not kept."""
    from arae_toolkit.evaluation.kept_judges import default_folder, kept_language_model
    from arae_toolkit.models.model_folder import weights_sha256

    model = kept_language_model(
        corpus,
        split="train",
        settings=settings,
        device=device,
        dtype=dtype,
        note=say,
        progress=progress,
    )
    own = corpus.judges_split == "train"
    weights = default_folder(corpus) / ("language-model" if own else "language-model-train")
    return System(
        "language model",
        LANGUAGE_MODEL,
        model.sample_blocks,
        [ChosenPrior(OWN)],
        _parameters(model.network),
        weights_sha256(weights),
        device,
    )


def decodings_of(
    system: System,
    temperatures: Sequence[float],
    *,
    most_words: int,
    top_k: int | None = None,
    top_p: float | None = None,
    beam_size: int | None = None,
) -> dict[float, Decoding]:
    """Return how a system's words are chosen, by temperature; 0 takes the likeliest.

    Temperature 0 is left out for a language model, which would write one sentence.
    """
    from arae_toolkit.generation.decoding import Decoding

    lone = system.kind == LANGUAGE_MODEL
    asked = [t for t in temperatures if t or not lone] or [DEFAULT_TEMPERATURE[system.kind]]
    limit = most_words if lone else None  # an autoencoder knows its own
    found = {}
    for temperature in asked:
        if temperature:
            found[temperature] = Decoding(
                method="sample",
                temperature=temperature,
                top_k=top_k or 0,
                top_p=top_p or 1.0,
                max_length=limit,
            )
        elif beam_size:
            found[temperature] = Decoding(method="beam", beam_size=beam_size, max_length=limit)
        else:
            found[temperature] = Decoding(max_length=limit)
    return found


def best_of_key(best_of: int) -> dict[str, int]:
    """Return what names such samples; what is drawn once is named as it always was."""
    return {"best_of": best_of} if best_of > 1 else {}


def samples_of(
    system: System,
    chosen: ChosenPrior,
    decoding: Decoding,
    count: int,
    *,
    start_scale: float | None,
    seed: int,
    corpus: Corpus,
    cells: Cells,
    best_of: int = 1,
) -> PackedSentences:
    """Return new sentences of a system in the corpus's vocabulary, drawn unless they are kept."""
    from arae_toolkit.data.corpus import pack
    from arae_toolkit.generation.decoding import block_sizes

    words = corpus.vocabulary
    search = {name: value for name, value in asdict(decoding).items() if name != "dtype"}
    key = {
        "model": system.sha256,
        "prior": [chosen.name, chosen.sha256, start_scale if chosen.prior else None],
        "vocabulary": words.sha256,
        "decoding": search,
        "count": count,
        "seed": seed,
        "device": system.device.type,  # which draws other random numbers
        **best_of_key(best_of),
    }

    def draw() -> PackedSentences:
        with progress(f"{system.name}: writing sentences", count) as advance:

            def blocks() -> Iterator[list[list[int]]]:
                asked = {} if chosen.prior is None else {"prior": chosen.prior}
                for block in system.write(
                    block_sizes(count, BLOCK),
                    seed=seed,
                    decoding=decoding,
                    expected=count,
                    best_of=best_of,
                    **asked,
                ):
                    yield words.encode_batch(block)
                    advance(len(block))

            return pack(chain.from_iterable(blocks()), vocab_size=len(words))

    return cells.sentences("samples", key, draw)


def examples_of(measurement: GenerationMeasurement, sentences: PackedSentences) -> dict[str, Any]:
    """Return the first samples that stand nowhere in the corpus, and how many were passed over."""
    from arae_toolkit.data.corpus import texts_of
    from arae_toolkit.evaluation.generation.sample_statistics import novel_texts

    texts = texts_of(sentences, measurement.corpus.vocabulary)
    examples, left_out = novel_texts(sentences, texts, measurement.known, EXAMPLES)
    return {"examples": examples, "examples_left_out": left_out}


def read_texts(source: str, field: str, count: int, corpus: Corpus) -> PackedSentences:
    """Return a file's first sentences in the corpus's vocabulary; see :func:`texts_of_file`."""
    from arae_toolkit.data.corpus import pack

    words = corpus.vocabulary
    texts = texts_of_file(source, field, count)
    return pack(words.encode_batch(texts), vocab_size=len(words))


def texts_of_file(source: str, field: str, count: int) -> list[str]:
    """Return a file's first sentences. An empty one is one, and counts.

    Args:
        source: Lines, or JSONL by its suffix; plain or compressed; ``-`` for lines on stdin.
        field: Of JSONL, that holds the text.
        count: At most so many.

    Raises:
        DataError: At the first row that cannot be used, or if there is none.
    """
    path = STDIN if source == "-" else source
    is_jsonl = source.lower().endswith(JSONL_SUFFIXES)
    texts: list[str] = []
    with ExitStack() as stack:
        given = open_stdin() if source == "-" else None
        stream = given or stack.enter_context(open_binary(Path(source)))
        for number, text in _texts_in(stream, path, field if is_jsonl else None):
            problem = problem_of_text(field, text, "output")
            if problem is not None:
                raise DataError(problem, path=path, line=number)
            texts.append(text)
            if len(texts) == count:
                break
    if not texts:
        raise DataError("no sentences", path=path)
    return texts


def _texts_in(stream: BinaryIO, path: str, field: str | None) -> Iterator[tuple[int, Any]]:
    """Yield number and text of each row: a line, or what a field of a JSON object holds.

    Raises:
        DataError: If a row is no JSON object, or has no such field.
    """
    lines = read_lines(stream, path=path)
    if field is None:
        yield from lines
        return
    for number, value, error in read_json(lines):
        if error is not None or not isinstance(value, dict):
            raise DataError("not a JSON object", path=path, line=number)
        if field not in value:
            raise DataError(f"no field {field!r}", path=path, line=number)
        yield number, value[field]


def _parameters(model: Any) -> int:
    """Return how many numbers a model has learned or fitted, shared ones counted once."""
    return sum(part.numel() for parts in (model.parameters(), model.buffers()) for part in parts)
