"""Every drill by its name."""

from __future__ import annotations

from drills import (
    corpora,
    damage,
    descriptors,
    disks,
    endless,
    kills,
    sharing,
    streams,
    twins,
)

DRILLS = {
    drill.name: drill
    for drill in (
        *(damage.FLIPS, damage.FORGERIES),
        *(streams.DRILL, corpora.DRILL),
        *(kills.DRILL, disks.DRILL, twins.DRILL),
        *(descriptors.DRILL, endless.DRILL, sharing.DRILL),
    )
}
"""In the order in which they are told of."""
