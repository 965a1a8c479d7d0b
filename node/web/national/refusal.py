"""The sandbox's word for no."""

from __future__ import annotations


class Refusal(Exception):
    """Why an upload is not taken, in the receiver's words."""
