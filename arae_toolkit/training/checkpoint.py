"""The training state: one safetensors file from which a killed run goes on to the same numbers.

Weights, optimizer moments and running sums are tensors; everything else is JSON in the file's
header. It is one file, renamed into place, so it is never half old and half new.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.optim.update import Update
from arae_toolkit.storage.json_files import parsed_object
from arae_toolkit.storage.safetensors_file import load_tensors, read_metadata, save_tensors

STATE = "training_state.safetensors"


def save_training_state(
    path: Path,
    *,
    modules: Mapping[str, nn.Module],
    updates: Mapping[str, Update],
    tensors: Mapping[str, Tensor],
    progress: Mapping[str, Any],
) -> None:
    """Write the state, whole or not at all.

    Args:
        path: The file.
        modules: Networks by name.
        updates: Optimizers by name.
        tensors: Other tensors by name.
        progress: JSON-ready facts, such as the iteration and what identifies the run.

    Raises:
        ToolkitError: If the file cannot be written; the one before it is kept.
    """
    content = {f"tensor/{name}": tensor for name, tensor in tensors.items()}
    for name, module in modules.items():
        for key, tensor in module.state_dict().items():
            content[f"module/{name}/{key}"] = tensor
    for name, update in updates.items():
        for index, parameter in enumerate(update.parameters):
            for key, value in update.optimizer.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    content[f"optimizer/{name}/{index}/{key}"] = value
    save_tensors(path, content, metadata={"progress": json.dumps(progress)})


def read_progress(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a state file: its JSON facts and all its tensors.

    Raises:
        CheckpointMismatch: If the file is missing or damaged.
    """
    tensors, metadata = load_tensors(path)
    try:
        progress = parsed_object(metadata["progress"])
    except (KeyError, ValueError) as error:
        raise CheckpointMismatch(f"{path}: not a training state") from error
    return progress, tensors


def iterations_done(path: Path) -> int:
    """Return how many iterations a run has behind it by its state file; 0 where there is none.

    Raises:
        CheckpointMismatch: If the file is damaged.
    """
    if not path.exists():
        return 0
    try:
        return int(parsed_object(read_metadata(path)["progress"])["iteration"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointMismatch(f"{path}: not a training state") from error


@torch.no_grad()
def restore_training_state(
    content: Mapping[str, Tensor],
    *,
    path: Path,
    modules: Mapping[str, nn.Module],
    updates: Mapping[str, Update],
) -> dict[str, Tensor]:
    """Put weights and optimizer moments back in place; return the other tensors by name.

    Raises:
        CheckpointMismatch: If the networks differ in shape or name from the saved ones.
    """
    try:
        for name, module in modules.items():
            prefix = f"module/{name}/"
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in content.items() if k.startswith(prefix)}
            )
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise CheckpointMismatch(f"{path}: saved by another model ({reason})") from error
    for name, update in updates.items():
        fused = update.optimizer.defaults.get("fused")
        for index, parameter in enumerate(update.parameters):
            prefix = f"optimizer/{name}/{index}/"
            moments = {
                key.removeprefix(prefix): value
                # Adam counts its steps on the host; its moments lie beside the parameter.
                .to("cpu" if key.endswith("/step") and not fused else parameter.device)
                for key, value in content.items()
                if key.startswith(prefix)
            }
            if moments:
                update.optimizer.state[parameter] = moments
    return {k.removeprefix("tensor/"): v for k, v in content.items() if k.startswith("tensor/")}
