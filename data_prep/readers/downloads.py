"""Downloads of source files, each known by its SHA-256, with a progress display."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Protocol


class Advance(Protocol):
    """Tells a progress display that some more items are done."""

    def __call__(self, n: int = 1) -> None:
        """Count ``n`` more items."""


class Progress(Protocol):
    """Opens a progress display; its context yields the function that advances it."""

    def __call__(
        self, description: str, total: int | None = None
    ) -> AbstractContextManager[Advance]:
        """Describe what is done, and how many items there are if that is known."""


# The sums are those that other projects have published for the same files: ParlAI and the Julia
# DataDeps for SNLI, mnist readers in many languages for MNIST. The texts of Yelp and Yahoo may not
# be redistributed, so there is no address for them.
_SNLI = "https://nlp.stanford.edu/projects/snli"
_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist"
DOWNLOADS: dict[str, dict[str, str]] = {
    "snli": {
        f"{_SNLI}/snli_1.0.zip": "afb3d70a5af5d8de0d9d81e2637e0fb8c22d1235c2749d83125ca43dab0dbd3e",
    },
    "mnist": {
        f"{_MNIST}/{name}-ubyte.gz": sha256
        for name, sha256 in {
            "train-images-idx3": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        }.items()
    },
}
"""The addresses of the files of each corpus that may be fetched, with their SHA-256."""


def fetch(
    downloads: Mapping[str, str],
    folder: Path,
    *,
    report: Callable[[str], None],
    progress: Progress,
) -> None:
    """Download files into a folder that appears only when all of them have come and are right.

    Args:
        downloads: Address and SHA-256 of each file.
        folder: Where to put them.
        report: Told when all is done.
        progress: Shows how far each download is.

    Raises:
        OSError: If a file cannot be fetched or written.
        ValueError: If a file is not the expected one.
    """
    import pooch  # here, because it loads an HTTP client

    # A first part of the files stays in this folder, where a second attempt finds it again.
    partial = folder.parent / f".{folder.name}.part"
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)  # our own messages say what is done
    try:
        for url, sha256 in downloads.items():
            name = url.rpartition("/")[2]
            with _DownloadBar(progress, name) as bar:
                downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=30)
                pooch.retrieve(
                    url, known_hash=f"sha256:{sha256}", fname=name, path=partial,
                    downloader=downloader,
                )  # fmt: skip
    finally:
        logger.setLevel(level)
        if partial.is_dir() and not any(partial.iterdir()):
            partial.rmdir()
    partial.replace(folder)
    report(f"downloaded and checked {', '.join(downloads)}")


class _DownloadBar:
    """Our progress display behind the names that pooch calls on one."""

    def __init__(self, progress: Progress, description: str) -> None:
        self._progress, self._description = progress, description
        self._stack = ExitStack()
        self._advance: Advance | None = None
        self._done = 0
        self.total = 0  # set by pooch when the server has told the size

    def __enter__(self) -> _DownloadBar:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def update(self, size: int) -> None:
        """Count bytes; the display opens with the first ones, when the size is known."""
        if self._advance is None:
            display = self._progress(f"{self._description} (bytes)", self.total or None)
            self._advance = self._stack.enter_context(display)
        step = min(size, self.total - self._done) if self.total else size
        self._advance(step)
        self._done += step

    def reset(self) -> None:
        """Do nothing: pooch resets a bar at its end, to fill it again at once."""

    def close(self) -> None:
        """Do nothing: the display closes with the context."""
