"""The priors of a run, with what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.model_folder import read_config
from arae_toolkit.priors.codes import Model
from arae_toolkit.priors.folder import (
    fitted_names,
    load_prior,
    own_prior_name,
    prior_folder,
)
from arae_toolkit.priors.settings import OF_CORPUS
from arae_toolkit.training.metrics_log import dev_rows


@dataclass(frozen=True)
class KnownPrior:
    """A prior that a run may be sampled from.

    Attributes:
        name: What it is called.
        kind: ``own``, ``codes``, ``neighbours``, ``gaussian``, ``mixture`` or ``flow``; empty
            where it cannot be told.
        nats_gained: Nats a code of dev over the Gaussian, where that was measured.
        problem: Why it cannot be used, if it cannot.
    """

    name: str
    kind: str
    nats_gained: float | None = None
    problem: str | None = None


def priors_of(run: Path, model: Model) -> list[KnownPrior]:
    """Return the priors of a run: its own, those in its folder, those of its training codes."""
    fitted = [_known(run, name, model) for name in fitted_names(run)]
    return [
        KnownPrior(own_prior_name(model), "own"),
        *fitted,
        *(KnownPrior(name, name) for name in OF_CORPUS),
    ]


def _known(run: Path, name: str, model: Model) -> KnownPrior:
    folder = prior_folder(run, name)
    kind, gained = "", None
    try:
        config = read_config(folder)
        kind = str(dict(config.get("prior") or {}).get("kind", ""))
        gained = dict(config.get("measures") or {}).get("nats_gained")
        if gained is None:
            gained = max((row["nats_gained"] for row in dev_rows(folder)), default=None)
        load_prior(folder, model)
    except CheckpointMismatch as error:
        return KnownPrior(name, kind, gained, str(error))
    return KnownPrior(name, kind, gained)
