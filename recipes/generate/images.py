"""Pictures from an image model: what ``sample``, ``reconstruct`` and ``latent walk`` do for one."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.option_types import FILE_TO_WRITE
from arae_toolkit.recipes.shared.options import Command, chosen_prior, in_order, run_argument
from arae_toolkit.storage.json_files import read_object

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from arae_toolkit.evaluation.image_grid import Picture
    from arae_toolkit.models.image_arae import ImageARAE

Draw = Callable[..., "Picture"]

RECONSTRUCTED, COLUMNS = 48, 12
WALKS = 8

out_option = click.option(
    "--out",
    type=FILE_TO_WRITE,
    metavar="FILE.png",
    help="The picture to write, if RUN is an image model.",
)


def run_or_image_run(draw: Draw, *, uses: Sequence[str]) -> Callable[[Command], Command]:
    """Return a decorator: it gives a command RUN and ``--out``, and answers for image models.

    Args:
        draw: Returns the picture; called with the model, its folder and the options it uses.
        uses: The other options and arguments of the command that mean something for images.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def answer(run: str, out: Path | None, **options: Any) -> Any:
            folder = image_run(run)
            if folder is None:
                if out is not None:
                    find_run(run)  # that there is no such run would be the first thing to say
                    raise click.UsageError("--out is for image models; sentences go to stdout")
                return command(run=run, **options)
            _check_options(run, out, options, {*uses, "device"})
            from arae_toolkit.devices import choose_device
            from arae_toolkit.models.image_arae import ImageARAE

            model = ImageARAE.from_pretrained(folder, device=choose_device(options["device"]))
            picture = draw(model, folder, **{name: options[name] for name in uses})
            from arae_toolkit.evaluation.image_grid import save_picture

            assert out is not None
            return save_picture(out, [picture])

        return in_order(run_argument, out_option)(answer)  # type: ignore[return-value]

    return decorate


def draw_samples(
    model: ImageARAE, folder: Path, *, count: int, seed: int, prior: str, start_scale: float | None
) -> Picture:
    """Return new images, as near to a square of them as ``count`` allows."""
    from arae_toolkit.evaluation.image_grid import grid

    if count == 0:
        raise click.UsageError("--count 0: a picture of at least one image is expected")
    columns = math.ceil(math.sqrt(count))
    source = chosen_prior(folder, model, prior, start_scale)
    samples = model.sample(count, seed=seed, prior=source)
    return grid(samples, image_shape=model.image_shape, columns=columns)


def draw_reconstructions(model: ImageARAE, folder: Path, *, source: str | None) -> Picture:
    """Return rows of images, each above what came out of its code."""
    return reconstructions_of(model, images_of(model, folder, source))


def reconstructions_of(model: ImageARAE, pixels: npt.NDArray[np.uint8]) -> Picture:
    """Return the first images in rows, each above what came out of its code. Shape (N, P)."""
    import torch

    from arae_toolkit.data.image_batches import binarised
    from arae_toolkit.evaluation.image_grid import grid

    pixels = pixels[:RECONSTRUCTED]
    columns = min(COLUMNS, len(pixels))
    given, decoded = binarised(pixels).float(), model.reconstruct(pixels).cpu()
    whole = len(pixels) // columns * columns  # what would stand in a row that is not full is left
    rows = torch.stack(
        [part[:whole].unflatten(0, (-1, columns)) for part in (given, decoded)], dim=1
    )
    return grid(rows.flatten(0, 2), image_shape=model.image_shape, columns=columns)


def draw_walks(
    model: ImageARAE, folder: Path, *, inputs: tuple[str, ...], steps: int, **way: Any
) -> Picture:
    """Return rows of images, each a way from one given image to the next, or between random ones.

    Args:
        model: The model.
        folder: Its own.
        inputs: The file of images, or none.
        steps: Images on a way.
        way: The options of ``latent walk`` that say what it leads through, and how.
    """
    from arae_toolkit.evaluation.image_grid import grid
    from arae_toolkit.recipes.shared.walks import WalkOptions

    if len(inputs) > 1:
        raise click.UsageError("an image model walks between the images of one FILE")
    options = WalkOptions(steps=steps, **way)
    if options.random is not None:
        codes = options.random_codes(model)
    else:
        pixels = images_of(model, folder, next(iter(inputs), None))[: 2 * WALKS]
        if len(pixels) < 2:
            raise DataError(
                "one image, where two are needed to walk between",
                path=inputs[0] if inputs else folder,
            )
        code = model.encode(pixels[: len(pixels) // 2 * 2])
        found = options.between(model, code[::2], code[1::2])
        options.tell(found.distance)
        codes = found.codes
    return grid(model.decode(codes.flatten(0, 1)), image_shape=model.image_shape, columns=steps)


def image_run(run: str) -> Path | None:
    """Return the folder of a run if it holds an image model, ``None`` otherwise."""
    try:
        folder = find_run(run)
        config = read_object(folder / "config.json")
    except (ToolkitError, OSError, ValueError):
        return None  # whoever loads the model says what is wrong with it
    return folder if config.get("kind") == "image" else None


def images_of(model: ImageARAE, folder: Path, source: str | None) -> npt.NDArray[np.uint8]:
    """Return grey images, of an idx file or of the test split that the model has not seen.

    Raises:
        DataError: If there are none, or they are not of the model's size.
    """
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.readers.mnist import read_images
    from arae_toolkit.data_prep.readers.source_files import SourceFile
    from arae_toolkit.storage.paths import corpus_folder

    if source is None:
        config = read_object(folder / "config.json")
        name = config.get("corpus", {}).get("name", "mnist")
        try:
            corpus = Corpus(corpus_folder(name))
            shape, pixels = corpus.manifest["image_shape"], corpus.pixels("test")
        except (DataError, KeyError) as error:
            raise DataError(
                f"no images at hand: {name} is not prepared",
                hint="name an idx file of images as FILE",
            ) from error
        path = corpus.folder
    else:
        path = Path(source)
        images = read_images(SourceFile(path))
        shape, pixels = images.shape[1:], images.reshape(len(images), -1)
    if tuple(shape) != model.image_shape:
        raise DataError(
            f"images of {shape[0]} x {shape[1]} pixels, this model is for "
            f"{model.image_shape[0]} x {model.image_shape[1]}",
            path=path,
        )
    return pixels


def _check_options(run: str, out: Path | None, options: dict[str, Any], used: set[str]) -> None:
    """Refuse what an image model has no use for, and a picture without a place.

    Raises:
        click.UsageError: If there is something to refuse.
    """
    if out is None:
        raise click.UsageError(f"{run} is an image model: --out FILE.png is needed")
    if out.suffix.lower() != ".png":
        raise click.UsageError(f"--out {out}: a name that ends in .png is expected")
    context = click.get_current_context()
    given = click.core.ParameterSource.COMMANDLINE
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in options and name not in used and context.get_parameter_source(name) is given:
            spelling = parameter.opts[-1] if parameter.param_type_name == "option" else "FILE"
            raise click.UsageError(f"{spelling} is for text models; {run} is an image model")
