"""Anomaly mode: every node remembers the stack of its forward, and backward stops at the first nan."""

from __future__ import annotations

import linecache
import sys
import traceback
import warnings
from typing import Any

from .. import _core
from .._core import Tensor

__all__ = ["detect_anomaly", "set_detect_anomaly"]


class detect_anomaly:
    """Inside, a backward that fails shows where its operator was called in forward, and one that gives nan raises.

    The error names the operator, its file and line, what came in, and for the operators that are known for it the reason and
    the cure. Forward and backward both belong inside; what was recorded before has its line, but not the whole stack.
    It is slow: for debugging only.

    check_nan: look for nan in what backward computes.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self.prev = _core._get_anomaly()
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.prev = _core._get_anomaly()
        _core._set_anomaly(True, self.check_nan)

    def __exit__(self, *error: object) -> None:
        _core._set_anomaly(*self.prev)


class set_detect_anomaly:
    """Anomaly mode on or off, at once; as a context manager, what held before is restored at its end."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev = _core._get_anomaly()
        _core._set_anomaly(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        _core._set_anomaly(*self.prev)


# --- what the core calls ------------------------------------------------------------------------------------------------


def _stack() -> list[str]:
    """The stack of the operator that is being recorded, as lines of text."""
    return traceback.format_stack(sys._getframe(1))


def _called(node: Any) -> str:
    """Where the node was made: its stack if that is known, else its line."""
    stack = node.metadata.get("traceback_")
    if stack:
        return "".join(stack)
    file, _, line = node.line.rpartition(":")
    text = linecache.getline(file, int(line)).strip() if line.isdigit() else ""
    return f"  File {node.line}\n" + (f"    {text}\n" if text else "")


def _failed(node: Any) -> None:
    """A node's backward has raised: warns where its forward was called."""
    if node.metadata.get("traceback_"):
        warnings.warn(
            f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{_called(node)}",
            stacklevel=2,
        )
    else:
        warnings.warn(
            f"Error detected in {node.name()}. No forward pass information available. Enable detect anomaly during forward pass "
            f"for more information. The operator was called here:\n{_called(node)}",
            stacklevel=2,
        )
    parent, depth = node.metadata.get("parent_"), 0
    while parent is not None and depth < 100:
        warnings.warn(
            f"\n\nPrevious calculation was induced by {parent.name()}. Traceback of forward call that induced the previous "
            f"calculation:\n{_called(parent)}",
            stacklevel=2,
        )
        parent, depth = parent.metadata.get("parent_"), depth + 1


def _check(node: Any, given: tuple[Tensor | None, ...], made: tuple[Tensor | None, ...]) -> None:
    """Raises if a gradient that the node has computed holds a nan."""
    for i, g in enumerate(made):
        if g is not None and (g.dtype.is_floating_point or g.dtype.is_complex) and bool(g.isnan().any()):
            _failed(node)
            raise RuntimeError(
                f"Function '{node.name()}' returned nan values in its {i}th output.{_explain(node, given)}"
            )


# --- known traps ----------------------------------------------------------------------------------------------------------


def _saved(node: Any) -> dict[str, Tensor]:
    """The tensors that the node has saved and that are still there."""
    values = {}
    for name, raw, _, _ in _core._saved(node):
        try:
            value = raw.unpack()
        except RuntimeError:
            continue
        if isinstance(value, Tensor):
            values[name] = value.detach()
    return values


def _holds(t: Tensor | None, what: str) -> bool:
    if t is None or not (t.dtype.is_floating_point or t.dtype.is_complex):
        return t is not None and what == "zero" and bool((t == 0).any())
    if what == "nan":
        found = t.isnan()
    elif what == "inf":
        found = t.isinf()
    elif what == "zero":
        found = t == 0
    else:
        return not t.dtype.is_complex and bool((t < 0).any())
    return bool(found.any())


def _explain(node: Any, given: tuple[Tensor | None, ...]) -> str:
    """What is known of the cause, each fact in a line of its own."""
    operator = node.name().partition("Backward")[0]
    facts = [f"{operator} was called in forward at {node.line}."]
    saved = _saved(node)
    forward = [name for name, value in saved.items() if _holds(value, "nan")]
    if forward:
        facts.append(
            f"The nan comes from forward: what {operator} had there ({', '.join(forward)}) already holds nan. Look for the "
            "operator before it that made it."
        )
    elif any(_holds(g, "nan") for g in given):
        facts.append("The gradient that came in already holds nan: the loss or the gradient that backward began with.")
    else:
        facts.append("Forward was free of nan there: it arose in backward.")
        trap = _trap(operator, saved, given)
        if trap:
            facts.append(trap)
        elif any(_holds(g, "inf") for g in given):
            facts.append("The gradient that came in is infinite, and infinity times zero is nan.")
    return "\n" + "\n".join(facts)


def _trap(operator: str, saved: dict[str, Tensor], given: tuple[Tensor | None, ...]) -> str:
    x, result = saved.get("self"), saved.get("result")
    infinite = any(_holds(g, "inf") for g in given)
    if operator == "Sqrt" and _holds(result, "zero"):
        return (
            "The derivative of sqrt at 0 is infinite, and infinity times a gradient of 0 is nan. Cure: sqrt(x + eps), or "
            "sqrt(where(x > 0, x, 1)) under the same where."
        )
    if operator in ("LinalgVectorNorm", "Norm") and _holds(result, "zero"):
        return (
            "A norm has no derivative at 0, where it divides 0 by 0. Cure: (x * x).sum().add(eps).sqrt(), or leave out the rows "
            "that are 0 before the norm."
        )
    if operator == "Pow":
        if _holds(x, "zero"):
            return (
                "The derivative of x ** p at x = 0 is infinite for p < 1, and infinity times 0 is nan; that by p is log(0). "
                "Cure: (x + eps) ** p, or where(x > 0, x, 1) ** p under the same where."
            )
        if _holds(x, "negative"):
            return "x ** p of a negative x has no real derivative by p, nor one by x for a broken p. Cure: clamp x, or abs(x)."
    if operator in ("Log", "Log2", "Log10", "Log1P"):
        return (
            f"The derivative of {operator.lower()} is infinite where its argument of the logarithm is 0, and infinity times a "
            "gradient of 0 is nan. Cure: log(x + eps), log(x.clamp(min=eps)), xlogy for x log x, or log_softmax for the "
            "logarithm of a softmax."
        )
    if operator == "Div" and _holds(saved.get("other"), "zero"):
        return "Division by 0: its derivative is infinite. Cure: x / (y + eps), or where(y != 0, y, 1) as the divisor."
    if operator in ("Mul", "Where", "S") and infinite or operator == "Where":
        return (
            "The gradient that came in is infinite and meets a factor of 0. This is the trap of where: the branch that is not "
            "taken gets a gradient of 0, which an infinite derivative turns into nan. Cure: make the argument of that branch safe "
            "by a where of its own before the operator, as in log(where(x > 0, x, 1))."
        )
    if operator in ("Acos", "Asin") and x is not None:
        return f"The derivative of {operator.lower()} at 1 and -1 is infinite. Cure: clamp x to (-1 + eps, 1 - eps)."
    if operator in ("Exp", "Expm1", "Sinh", "Cosh") and _holds(result, "inf"):
        return "The result has overflowed to infinity, and infinity times a gradient of 0 is nan. Cure: clamp x from above."
    return ""


_core._internal(globals())
