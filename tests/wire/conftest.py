"""How long an example takes says nothing about a format, and a busy machine must not fail it."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
