"""What a run has the time to wait for: knowledge that only its length gives."""

from __future__ import annotations

from mcpfuzz.campaign.settings import Settings
from mcpfuzz.model import Surface, replace

__all__ = ["with_patience"]

PATIENT_S = 600.0
"""Of a run that can wait for what every sound server ends within a minute."""
WITHIN_S = 60.0
"""Seconds for a first message, where nobody said how many there are: sound servers give from 5 to 30."""


def with_patience(surface: Surface, settings: Settings) -> Surface:
    """The surface with how long first messages are waited for, where nobody said and the run is a long one."""
    if surface.within is not None or "first-message" not in surface.places or settings.max_time < PATIENT_S:
        return surface
    return replace(surface, within=WITHIN_S, places=surface.places | {"within"})
