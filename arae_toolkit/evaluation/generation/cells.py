"""Cells: finished parts of a measurement on disk, so that one that was killed goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.errors import DataError
from arae_toolkit.storage.atomic_files import sha256_of_bytes, write_json
from arae_toolkit.version import __version__

Made = TypeVar("Made")

FORMAT = 1
"""To be raised when a measure changes: what older programs have found is measured again then."""


class Cells:
    """Results in a folder, each in a file of its own, found again by everything that moves it.

    Args:
        folder: Made when something is kept.

    Attributes:
        seconds: That everything asked for has taken, whenever it was computed.
        spent: Those of them that were spent by this object.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = self.spent = 0.0

    def value(
        self, measure: str, key: Mapping[str, Any], compute: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return a result, computed and kept unless it is there.

        Args:
            measure: Its name, and the beginning of the file's.
            key: Everything that moves it, as JSON holds it.
            compute: Returns it, as JSON holds it.

        Raises:
            ToolkitError: If it cannot be written.
        """
        path, whole = self._place(measure, key)
        there = _read(path)
        if there.get("key") == whole and isinstance(there.get("value"), dict):
            self.seconds += float(there.get("seconds", 0.0))
            return dict(there["value"])
        value, seconds = self._timed(compute)
        write_json(path, {"key": whole, "value": value, "seconds": seconds})
        return value

    def sentences(
        self, measure: str, key: Mapping[str, Any], compute: Callable[[], PackedSentences]
    ) -> PackedSentences:
        """Return sentences, made and kept unless they are there. Labels are not kept.

        Raises:
            ToolkitError: If they cannot be written.
        """
        path, whole = self._place(measure, key)
        there = _read(path)
        if there.get("key") == whole:
            try:
                found = PackedSentences.open(self.folder, path.stem)
            except (DataError, ValueError):  # removed or damaged: made again
                pass
            else:
                self.seconds += float(there.get("seconds", 0.0))
                return found
        made, seconds = self._timed(compute)
        PackedSentences(made.tokens, made.offsets).save(self.folder, path.stem)
        # Last: without it the writing was cut off.
        write_json(path, {"key": whole, "seconds": seconds})
        return made

    def _timed(self, compute: Callable[[], Made]) -> tuple[Made, float]:
        """Return what is computed, and the seconds that it and the parts of it took in all."""
        seconds, spent, began = self.seconds, self.spent, time.monotonic()
        made = compute()
        elapsed = time.monotonic() - began
        parts, of_now = self.seconds - seconds, self.spent - spent
        total = round(elapsed - of_now + parts, 2)
        self.seconds, self.spent = seconds + total, spent + elapsed
        return made, total

    def _place(self, measure: str, key: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
        """Return where something is kept, and its whole key."""
        version = {"format": FORMAT, "toolkit": __version__}
        whole: dict[str, Any] = json.loads(json.dumps({"measure": measure, **version, **key}))
        name = sha256_of_bytes(json.dumps(whole, sort_keys=True).encode())[:16]
        return self.folder / f"{measure}-{name}.json", whole


def fingerprint(sentences: PackedSentences) -> str:
    """Return the SHA-256 of sentences: equal for equal ids in the same order."""
    parts = (sentences.tokens, sentences.offsets)
    return sha256_of_bytes("".join(sha256_of_bytes(part.tobytes()) for part in parts).encode())


def _read(path: Path) -> dict[str, Any]:
    """Return what a file holds, nothing where there is none or it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
