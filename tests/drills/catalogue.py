"""Every drill by its name."""

from __future__ import annotations

from drills import damage

DRILLS = {drill.name: drill for drill in (damage.FLIPS, damage.FORGERIES)}
