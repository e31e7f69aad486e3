"""The schema of a model folder: what its configuration may say, and weights that can be used.

A folder may have been written by anyone. Sizes are bounded before memory is asked for, and
arguments have the types that the constructor names, so that what is wrong is told when the model is
loaded and not by what it answers.
"""

from __future__ import annotations

import collections.abc
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

MOST_UNITS = 4096
"""No size is larger, unless some dimension of the weights is."""
MOST_WORDS_OF_A_SENTENCE = 100_000
"""No ``max_length`` is larger."""
Network = TypeVar("Network", bound=nn.Module)


def check_config(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Refuse a configuration whose model could not be made, or made only of endless memory.

    Args:
        config: ``config.json``; its entries ``kind``, ``model``, ``prior`` and ``labels``, and the
            sizes of ``settings``, are looked at.
        tensors: The weights beside it.

    Raises:
        ValueError: Naming the entry.
    """
    if not isinstance(config.get("kind", ""), str):
        raise ValueError("kind must be a text")
    labels = config.get("labels")
    if labels is not None:
        names = labels if isinstance(labels, list) else [None]
        if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
            raise ValueError("labels must be a list of distinct texts")
    largest = max((size for tensor in tensors.values() for size in tensor.shape), default=0)
    for entry in ("model", "prior", "settings"):
        arguments = config.get(entry, {})
        if not isinstance(arguments, dict):
            raise ValueError(f"{entry} must be an object")
        for name, value in arguments.items():
            if entry == "settings" and not (name.endswith("_size") and name != "batch_size"):
                continue  # of its training, which is over
            least, most = _range_of(name, largest)
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, int) and not least <= item <= most:
                    raise ValueError(f"{entry}.{name} must be from {least} to {most}, got {item}")


def _range_of(name: str, largest: int) -> tuple[int, int]:
    """Return the least and the most that an argument may be beside weights of this dimension."""
    if name == "max_length":
        return 1, MOST_WORDS_OF_A_SENTENCE
    return 0, max(MOST_UNITS, largest)


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that are not numbers: no answer could be made of them.

    Raises:
        ValueError: Naming the first.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name} holds values that are not finite")


def network_of(
    make: Callable[..., Network],
    *given: Any,
    arguments: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
) -> Network:
    """Return a network made by the arguments that a folder keeps, with its weights.

    Args:
        make: A constructor, or a function that returns one's result.
        given: Its arguments that the folder does not keep.
        arguments: Those that it keeps.
        tensors: Weights by name.

    Raises:
        ValueError: If an argument has another type than ``make`` names, or a weight another type
            than in the network.
        KeyError, TypeError, RuntimeError: As ``make`` and torch raise them.
    """
    hints = typing.get_type_hints(make.__init__ if isinstance(make, type) else make)  # type: ignore[misc]
    for name, value in arguments.items():
        if name in hints and not _fits(value, hints[name]):
            raise ValueError(f"{name} cannot be {value!r:.80}")
    return filled(make(*given, **arguments), tensors)


def filled(network: Network, tensors: Mapping[str, Tensor]) -> Network:
    """Return a network with the weights of a folder put in.

    Raises:
        ValueError: If a weight has another type than in the network.
        RuntimeError: If names or shapes differ, as torch raises it.
    """
    for name, own in network.state_dict().items():
        if name in tensors and tensors[name].dtype != own.dtype:
            raise ValueError(f"{name} is {tensors[name].dtype}, where {own.dtype} is needed")
    network.load_state_dict(dict(tensors))
    return network


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a JSON value is of a type, as far as types of arguments go.

    Example:
        >>> _fits([300, 300], collections.abc.Sequence[int]), _fits("x", int), _fits(1, float)
        (True, False, True)
    """
    origin = typing.get_origin(hint)
    if hint is Any:
        return True
    if origin is Literal:
        return value in typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(hint))
    if origin in (tuple, list, collections.abc.Sequence):
        parts = typing.get_args(hint)
        return isinstance(value, list | tuple) and all(_fits(item, parts[0]) for item in value)
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    if hint in (int, bool, str):
        return type(value) is hint
    return True
