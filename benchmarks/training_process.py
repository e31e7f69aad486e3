"""Trainings in processes of their own: alone, several that share batches, or one that pretends to.

``python -m arae_toolkit.benchmarks.training_process`` is such a process; :func:`trained` starts it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from arae_toolkit.benchmarks.common import setting
from arae_toolkit.benchmarks.programs import peak_memory
from arae_toolkit.benchmarks.versions import in_order, library_training, preset_of
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import Precision
from arae_toolkit.distributed import ranks
from arae_toolkit.distributed.ranks import Ranks, joined, left
from arae_toolkit.errors import ToolkitError

WARM_UP = 20
"""Iterations before the first that is timed."""


@dataclass(frozen=True)
class Training:
    """A training that is timed.

    Attributes:
        corpus: Folder of a prepared corpus.
        preset: Its settings.
        precision: Of matrix products.
        batch_size: B, of all processes together.
        iterations: How many are timed.
        size: Processes that share the rows.
        pretends: Whether one computes what one of so many does, and is told nothing.
        messages_only: Whether as many numbers are added up, and nothing is computed.
    """

    corpus: str
    preset: str = "fast"
    precision: Precision = "fp32"
    batch_size: int = 64
    iterations: int = 100
    size: int = 1
    pretends: bool = False
    messages_only: tuple[int, ...] = ()


def trained(
    training: Training, *, threads: int, variables: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Train in new processes, and return what the first of them says.

    Args:
        training: What is trained.
        threads: Of each process.
        variables: Of their environment, beside this process's own.

    Returns:
        ``seconds`` of the timed iterations, ``peak`` memory in bytes, and ``messages``: how many
        bytes are added up over processes in each of an iteration's messages.

    Raises:
        ToolkitError: If a process fails.
    """
    processes = 1 if training.pretends else training.size
    common = {**os.environ, "OMP_NUM_THREADS": str(threads), **(variables or {})}
    common |= {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1"}
    common["MASTER_PORT"] = str(_free_port())
    command = [sys.executable, "-m", __name__, json.dumps(asdict(training))]
    running = [
        subprocess.Popen(
            command,
            env={**common, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    ends = [process.communicate() for process in running]
    for process, (_, said) in zip(running, ends, strict=True):
        if process.returncode:
            raise ToolkitError(f"training failed: {(said.strip() or 'nothing said')[-300:]}")
    found: dict[str, Any] = json.loads(ends[0][0])
    return found


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def measured(training: Training) -> dict[str, Any]:
    """Train in this process, or do its share, and return what :func:`trained` does."""
    here = setting("training_process", Path("unused"))
    own = joined(torch.device("cpu"))
    if training.messages_only:
        seconds = _timed(lambda: _exchange(training.messages_only), training.iterations)
        return {"seconds": seconds, "messages": training.messages_only}
    messages: list[int] = []
    add_up = ranks._add_up

    def counted(tensor: torch.Tensor, *, largest: bool = False) -> None:
        messages.append(tensor.numel() * tensor.element_size())
        if not training.pretends:
            add_up(tensor, largest=largest)

    ranks._add_up = counted
    if training.pretends:
        own = Ranks(training.size, 0)
    corpus = Corpus(Path(training.corpus))
    config = preset_of(corpus, training.preset, training.batch_size)
    _, algorithm = library_training(
        here, corpus, config, precision=training.precision, seed=0, ranks=own
    )
    step = in_order(algorithm)
    for _ in range(WARM_UP):
        step()
    messages.clear()
    seconds = _timed(step, training.iterations)
    each = len(messages) // training.iterations
    return {"seconds": seconds, "peak": peak_memory(os.getpid()), "messages": messages[-each:]}


def _timed(step: Any, iterations: int) -> float:
    start = time.perf_counter()
    for _ in range(iterations):
        step()
    return time.perf_counter() - start


def _exchange(sizes: tuple[int, ...]) -> None:
    """Add up messages of so many bytes over all processes."""
    for size in sizes:
        ranks._add_up(torch.zeros(size // 4))


def main() -> None:
    """Train as the first argument says, in JSON, and write what was measured."""
    asked = json.loads(sys.argv[1])
    training = replace(Training(**asked), messages_only=tuple(asked["messages_only"]))
    found = measured(training)
    left()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
