"""The named tuples that operators with several results give, as ``torch.return_types``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__: list[str] = []


def _make(name: str, fields: tuple[str, ...]) -> type:
    """The class of an operator's results: a tuple whose elements have names too."""

    def show(self: tuple[Any, ...]) -> str:
        parts = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self))
        return f"torch.return_types.{name}(\n{parts})"

    def getter(i: int) -> property:
        return property(lambda self: self[i])

    members: dict[str, Any] = {field: getter(i) for i, field in enumerate(fields)}
    members |= {"__slots__": (), "__repr__": show, "__module__": __name__, "_fields": fields}
    members["__reduce__"] = lambda self: (_rebuild, (name, tuple(self)))
    cls = type(name, (tuple,), members)
    globals()[name] = cls
    return cls


def _rebuild(name: str, values: tuple[Any, ...]) -> Any:
    return globals()[name](values)


def make(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    """`values` as a result of the operator `name`, whose class is made at the first call."""
    cls = globals().get(name) or _make(name, fields)
    return cls(values)
