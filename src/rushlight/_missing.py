"""The one sentence that says what rushlight lacks, for attributes and modules alike."""

from __future__ import annotations

__all__ = ["missing"]


def missing(name: str) -> str:
    """The message for ``torch.<name>`` that rushlight does not have; `name` may carry the prefix or not.

    >>> missing("fft")
    'rushlight has no torch.fft; docs/differences.md in its sources says what is missing and what to use instead'
    """
    if name != "torch" and not name.startswith("torch."):
        name = f"torch.{name}"
    return f"rushlight has no {name}; docs/differences.md in its sources says what is missing and what to use instead"
