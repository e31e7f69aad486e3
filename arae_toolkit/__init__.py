"""Adversarially regularized autoencoders for text: pretraining, sampling, reconstruction.

Importing this package is cheap: torch is loaded when a name below is first used.

    model = ARAE.from_pretrained("runs/snli")      # a trained model folder
    code = model.encode(["a man is sleeping ."])   # (B, Z), on the unit sphere
    model.decode(code)                             # back to sentences
    model.sample(10, seed=0)                       # new sentences
    model.interpolate("a man sleeps .", "two dogs run .", steps=5)

Dimension letters used in every docstring: B batch, T time, V vocabulary, E embedding, H hidden,
Z code, S noise, A attributes, P pixels. Tensors are batch first.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from arae_toolkit.version import __version__

if TYPE_CHECKING:
    from arae_toolkit.estimators import NLIClassifier, SentenceEncoder, TextTransfer
    from arae_toolkit.models.arae import ARAE

__all__ = ["ARAE", "NLIClassifier", "SentenceEncoder", "TextTransfer", "__version__"]

_LAZY = {
    "ARAE": "arae_toolkit.models.arae",
    "NLIClassifier": "arae_toolkit.estimators",
    "SentenceEncoder": "arae_toolkit.estimators",
    "TextTransfer": "arae_toolkit.estimators",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that ``import arae_toolkit`` does not import torch."""
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
