"""Every drill by its name."""

from __future__ import annotations

from drills import corpora, damage, streams

DRILLS = {
    drill.name: drill for drill in (damage.FLIPS, damage.FORGERIES, streams.DRILL, corpora.DRILL)
}
