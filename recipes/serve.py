"""``arae-toolkit serve``: trained runs on a page in the browser, and as an HTTP API.

The page and its API are in :mod:`arae_toolkit.serving`; here runs are loaded for them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arae_toolkit.errors import CheckpointMismatch, DataError, ToolkitError
from arae_toolkit.recipes.shared.child_processes import signals_noted
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.corpora import corpus_of_run
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.options import device_option
from arae_toolkit.recipes.shared.progress import progress, say
from arae_toolkit.recipes.shared.row_streams import write_lines

if TYPE_CHECKING:
    import torch

    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.nn.priors import Prior
    from arae_toolkit.serving.runs import ServedRun
    from arae_toolkit.serving.text_run import KnownSentences


@click.command(
    cls=ExamplesCommand,
    examples=[
        "arae-toolkit serve snli",
        "arae-toolkit serve snli yelp nli-tiny --port 0",
        "arae-toolkit serve runs/own-text --corpus prepared/own-text --split dev",
    ],
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    help="Of this machine; 0 takes a free one.",
)
@click.option(
    "--corpus",
    "corpus_name",
    metavar="NAME",
    help="For neighbours and the map: a prepared corpus or its folder.  [default: each RUN's]",
)
@click.option(
    "--split",
    type=click.Choice(["train", "dev", "test"]),
    default="train",
    help="The sentences that neighbours are searched in and the map shows.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=5000,
    help="At most so many of them, evenly spread over the split.",
)
@device_option
def serve(
    runs: Sequence[str],
    port: int,
    corpus_name: str | None,
    split: str,
    limit: int,
    device: str,
) -> None:
    """Serve trained runs on a page in the browser, and as an HTTP API, on this machine alone.

    The page shows what the runs can do: models of text sample, reconstruct, walk between two
    sentences, find neighbours and show a map of their codes; transfer models rewrite a sentence
    towards each label; pair classifiers label a pair. Its address, with a token that keeps others
    out, goes to stdout once the models are loaded; /docs describes the API. Nothing is written, and
    no outside address is asked. It ends with Ctrl-C.

    RUN is a name (snli means runs/snli, tiny also runs/nli-tiny) or a model folder. Needs the extra
    web: pip install 'arae-toolkit[web]'.
    """
    check_installed()
    folders = named_folders(runs)
    from arae_toolkit.devices import choose_device
    from arae_toolkit.serving.access import new_token
    from arae_toolkit.serving.application import application
    from arae_toolkit.serving.request_queue import RequestQueue
    from arae_toolkit.serving.server import HOST, listening_socket
    from arae_toolkit.serving.server import serve as answer

    chosen = choose_device(device)
    with listening_socket(port) as listening:  # first, since loading may take a while
        port = listening.getsockname()[1]
        served = {
            name: load_run(folder, chosen, corpus_name=corpus_name, split=split, limit=limit)
            for name, folder in folders.items()
        }
        queue, token = RequestQueue(), new_token()
        app = application(served, queue, token=token, port=port)
        with signals_noted() as stop_signal:
            write_lines([f"http://{HOST}:{port}/?token={token}"])
            say("serving; Ctrl-C ends it")
            try:
                answer(app, listening)
            finally:
                queue.close()
    if stop_signal():
        say("stopped")
        raise SystemExit(128 + stop_signal())


def check_installed() -> None:
    """Refuse to go on without the libraries of the extra.

    Raises:
        ToolkitError: Naming the extra.
    """
    missing = [name for name in ("starlette", "uvicorn") if not importlib.util.find_spec(name)]
    if missing:
        raise ToolkitError(
            f"{' and '.join(missing)} not installed; install the extra: pip install "
            "'arae-toolkit[web]'"
        )


def named_folders(runs: Sequence[str]) -> dict[str, Path]:
    """Return the folders of runs by their names: the last part of the path, or all of it.

    Raises:
        ToolkitError: If there is no such run.
        click.UsageError: If one is given twice.
    """
    folders: dict[str, Path] = {}
    for run in runs:
        folder = find_run(run, prefixes=("", "nli-"))
        if folder.resolve() in {other.resolve() for other in folders.values()}:
            raise click.UsageError(f"{run} is given twice")
        name = folder.resolve().name
        folders[name if name not in folders else str(folder)] = folder
    return folders


def load_run(
    folder: Path, device: torch.device, *, corpus_name: str | None, split: str, limit: int
) -> ServedRun:
    """Return the run of a folder, whatever its kind.

    Raises:
        CheckpointMismatch: If it holds no model that can be served.
    """
    from arae_toolkit.models.model_folder import read_config
    from arae_toolkit.nli.model import ENSEMBLE, PAIRS, NLIModel
    from arae_toolkit.serving.runs import PairRun, TransferRun
    from arae_toolkit.transfer.model import TransferModel
    from arae_toolkit.transfer.systems import BY_FOLDER_KIND

    kind = read_config(folder).get("kind")
    if kind in BY_FOLDER_KIND:
        return TransferRun(TransferModel.from_pretrained(folder, device=device))
    if kind in (PAIRS, ENSEMBLE):
        return PairRun(NLIModel.from_pretrained(folder, device=device))
    if kind == "text":
        return _text_run(folder, device, corpus_name=corpus_name, split=split, limit=limit)
    raise CheckpointMismatch(
        f"{folder}: a model of the kind {kind!r} has no page; serve models of text, transfer "
        "models and pair classifiers"
    )


def _text_run(
    folder: Path, device: torch.device, *, corpus_name: str | None, split: str, limit: int
) -> ServedRun:
    from arae_toolkit.models.arae import ARAE
    from arae_toolkit.nn.code_head import NoCodeEncoder
    from arae_toolkit.serving.text_run import TextRun

    model = ARAE.from_pretrained(folder, device=device)
    if isinstance(model.encoder, NoCodeEncoder):
        return TextRun(model)
    sentences = _sentences(folder, model, corpus_name=corpus_name, split=split, limit=limit)
    return TextRun(model, sentences=sentences, priors=_priors(folder, model))


def _sentences(
    folder: Path, model: ARAE, *, corpus_name: str | None, split: str, limit: int
) -> KnownSentences | None:
    """Return sentences of the corpus, or tell why there are none."""
    from arae_toolkit.serving.text_run import known_sentences

    try:
        corpus = corpus_of_run(str(folder), corpus_name, prepare=False)
        count = min(limit, corpus.rows(split))
        with progress(f"encoding {split}", count) as advance:
            return known_sentences(model, corpus, split, most=limit, advance=advance)
    except DataError as error:
        if corpus_name is not None:
            raise
        say(f"{folder.name}: no neighbours, and a map of generated sentences alone: {error}")
        return None


def _priors(folder: Path, model: ARAE) -> dict[str, Prior]:
    """Return the priors that were fitted to a run, those of other weights left out."""
    from arae_toolkit.priors.folder import fitted_names, load_prior, prior_folder

    found: dict[str, Prior] = {}
    for name in fitted_names(folder):
        try:
            found[name] = load_prior(prior_folder(folder, name), model)
        except CheckpointMismatch as error:
            say(f"arae-toolkit: warning: {error}")
    return found
