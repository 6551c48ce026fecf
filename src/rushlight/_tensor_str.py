"""How tensors print, character for character as PyTorch prints them.

All formatting works on Python lists: the elements that will be shown are read out once (`tolist`, or the corners of a
tensor that is too large to show), turned into text in one flat list, and only then laid out in rows. Python's float has
the 53 bits that PyTorch computes with here, so nothing is lost by it.
"""

from __future__ import annotations

import sys
from itertools import chain

from . import _core

# typing.TYPE_CHECKING without importing typing, which takes longer than this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any

    from . import Tensor

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


class PrintOptions:
    """The settings of `set_printoptions`."""

    __slots__ = ("edgeitems", "linewidth", "precision", "sci_mode", "threshold")

    def __init__(self) -> None:
        self.precision: int = 4
        self.threshold: float = 1000
        self.edgeitems: int = 3
        self.linewidth: float = 80
        self.sci_mode: bool | None = None

    def __repr__(self) -> str:
        return f"PrintOptions({', '.join(f'{k}={v!r}' for k, v in get_printoptions().items())})"


PRINT_OPTS = PrintOptions()

# precision, threshold, edgeitems, linewidth
_PROFILES: dict[str, tuple[int, float, int, int]] = {
    "default": (4, 1000, 3, 80),
    "short": (2, 1000, 2, 80),
    "full": (4, float("inf"), 3, 80),
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors print. What is left out stays as it is, except `sci_mode`, which goes back to automatic.

    Args:
        precision: digits after the decimal point (4 at first).
        threshold: tensors with more elements than this are summarised (1000).
        edgeitems: elements shown at each end of each dimension in a summary (3).
        linewidth: characters in a line (80); `inf` never breaks a line.
        profile: `"default"`, `"short"` (2 digits, 2 edge items) or `"full"` (no summaries); the other arguments
            are applied after it.
        sci_mode: True always writes floats as `1.0000e+00`, False never does. None decides for each tensor: when the
            largest magnitude exceeds 1e8 or 1000 times the smallest one, or the smallest is below 1e-4.

    Example:
        >>> torch.set_printoptions(precision=2)
        >>> torch.tensor([3.14159])
        tensor([3.14])
        >>> torch.set_printoptions(profile="default")
    """
    o = PRINT_OPTS
    if profile in _PROFILES:
        o.precision, o.threshold, o.edgeitems, o.linewidth = _PROFILES[profile]
    if precision is not None:
        o.precision = precision
    if threshold is not None:
        o.threshold = threshold
    if edgeitems is not None:
        o.edgeitems = edgeitems
    if linewidth is not None:
        o.linewidth = linewidth
    o.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The print options in force, as keyword arguments for `set_printoptions`."""
    o = PRINT_OPTS
    return {
        "precision": o.precision,
        "threshold": o.threshold,
        "edgeitems": o.edgeitems,
        "linewidth": o.linewidth,
        "sci_mode": o.sci_mode,
    }


class printoptions:
    """Print options for the time of a `with` block, or of a function that this decorates.

    Example:
        >>> with torch.printoptions(precision=1):
        ...     print(torch.tensor(0.25))
        tensor(0.2)
    """

    __slots__ = ("_kwargs", "_outer")

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = kwargs
        self._outer: list[dict[str, Any]] = []  # a stack: the same object may be entered again from inside

    def __enter__(self) -> None:
        before = get_printoptions()
        set_printoptions(**self._kwargs)
        self._outer.append(before)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        set_printoptions(**self._outer.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        from functools import wraps

        @wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with printoptions(**self._kwargs):
                return function(*args, **kwargs)

        return inside


# --- elements to text -------------------------------------------------------------------------------------------------


def _float_texts(values: list[float]) -> tuple[list[str], int]:
    """Each value as text, and the width that its column needs. The texts are not padded yet."""
    # Zeros and non-finite values have no say in the layout: they are narrower than the rest as a rule, and where they
    # are not, PyTorch lets them stick out.
    telling = [v for v in values if v and v - v == 0.0]
    digits = PRINT_OPTS.precision
    if not telling:
        return [_whole(v) for v in values], 1
    sizes = [abs(v) for v in telling]
    largest, smallest = max(sizes), min(sizes)
    scientific = PRINT_OPTS.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4
    if scientific:
        form = f".{digits}e"
    elif all(v.is_integer() for v in telling):
        return [_whole(v) for v in values], max(len(_whole(v)) for v in telling)
    else:
        form = f".{digits}f"
    return [format(v, form) for v in values], max(len(format(v, form)) for v in telling)


def _whole(value: float) -> str:
    """A float that is a whole number: `3.`, and `inf` or `nan` without the dot."""
    return f"{value:.0f}." if value - value == 0.0 else f"{value:.0f}"


def _texts(values: list[Any], is_float: bool, is_complex: bool) -> tuple[list[str], int]:
    """Each element as padded text, and the width on which rows are planned (texts may exceed it)."""
    if is_complex:
        real, real_width = _float_texts([v.real for v in values])
        imag, imag_width = _float_texts([v.imag for v in values])
        # The imaginary part brings its own sign if it has one; it is never padded.
        texts = [f"{r.rjust(real_width)}{'' if i[0] in '+-' else '+'}{i}j" for r, i in zip(real, imag, strict=True)]
        return texts, real_width + imag_width + 1
    if is_float:
        texts, width = _float_texts(values)
    else:
        texts = [str(v) for v in values]
        width = max(map(len, texts), default=1)
    return [t.rjust(width) for t in texts], width


# --- which elements, and where they stand -----------------------------------------------------------------------------


def _corners(t: Tensor, edge: int) -> Any:
    """The elements that a summary shows, as nested lists."""
    shape = t.shape
    if all(n <= 2 * edge for n in shape):
        return t.tolist()
    n = shape[0]
    if len(shape) == 1:
        return t[:edge].tolist() + t[n - edge :].tolist()
    rows: Iterable[int] = range(n) if n <= 2 * edge else chain(range(edge), range(n - edge, n))
    return [_corners(t[i], edge) for i in rows]


def _body(t: Tensor, indent: int) -> str:
    """The brackets and numbers of a tensor with at least one element; `indent` is the column at which they begin."""
    shape = tuple(t.shape)
    ndim = len(shape)
    edge = PRINT_OPTS.edgeitems
    summarise = ndim > 0 and t.numel() > PRINT_OPTS.threshold
    if summarise and not edge:
        return "[...]"

    data: Any = _corners(t, edge) if summarise else t.tolist()
    if ndim == 0:
        data = [data]
    for _ in range(ndim - 1):
        data = list(chain.from_iterable(data))
    texts, width = _texts(data, t.dtype.is_floating_point, t.dtype.is_complex)
    if ndim == 0:
        return texts[0]

    # From the innermost dimension outwards, each turn joins the pieces of one dimension into one piece.
    per_line = _per_line(PRINT_OPTS.linewidth - (indent + ndim - 1), width + 2)
    pieces = texts
    for dim in range(ndim - 1, -1, -1):
        cut = summarise and shape[dim] > 2 * edge
        n = 2 * edge if cut else shape[dim]
        innermost = dim == ndim - 1
        lines_between = 1 if innermost else ndim - 1 - dim
        separator = "," + "\n" * lines_between + " " * (indent + dim + 1)
        joined = []
        for start in range(0, len(pieces), n):
            row = pieces[start : start + n]
            if cut:
                row.insert(edge, " ..." if innermost else "...")
            if innermost:
                row = [", ".join(row[i : i + per_line]) for i in range(0, len(row), per_line)]
            joined.append(f"[{separator.join(row)}]")
        pieces = joined
    return pieces[0]


def _per_line(room: float, width: int) -> int:
    """How many elements go into a line; at least one."""
    return sys.maxsize if room == float("inf") else max(1, int(room // width))


# --- the whole --------------------------------------------------------------------------------------------------------


def _grad_fn_name(t: Tensor) -> str | None:
    try:
        node = t.grad_fn
    except RuntimeError:
        # A view made without recording and then changed in place has no history that could be shown.
        return "Invalid"
    if node is None:
        return None
    name = type(node).__name__
    # A node without a Python type of its own says what it is by its name.
    return node.name().rsplit("::", 1)[-1] if name in ("Node", "CppFunction") else name


def _suffixes(t: Tensor) -> list[str]:
    """What follows the numbers: size, dtype and history, each only where it is no matter of course."""
    out = []
    default = _core.get_default_dtype()
    name = str(t.dtype)
    if t.numel() == 0:
        # Without elements nothing tells the dtype or the shape, so that only the plainest of both go unsaid.
        if t.ndim != 1:
            out.append(f"size={tuple(t.shape)}")
        if t.dtype != default:
            out.append(f"dtype={name}")
    else:
        if not PRINT_OPTS.edgeitems:
            out.append(f"size={tuple(t.shape)}")
        default_complex = "torch.complex128" if str(default) == "torch.float64" else "torch.complex64"
        if t.dtype != default and name not in ("torch.int64", "torch.bool", default_complex):
            out.append(f"dtype={name}")
    node = _grad_fn_name(t)
    if node is not None:
        out.append(f"grad_fn=<{node}>")
    elif t.requires_grad:
        out.append("requires_grad=True")
    tangent = _tangent(t)
    if tangent is not None:
        out.append(f"tangent={_core.Tensor.__repr__(tangent)}")
    return out


def _tangent(t: Tensor) -> Tensor | None:
    """The tangent of a dual tensor, None of a plain one."""
    if _core._dual_level(t) < 0:
        return None
    from .autograd.forward_ad import unpack_dual

    tangent: Tensor | None = unpack_dual(t).tangent
    return tangent


def _str(t: Tensor, *, tensor_contents: str | None = None) -> str:
    """What `repr` gives for a tensor. `tensor_contents` stands in for brackets and numbers where it is given."""
    cls = type(t)
    level = _core._batch_level(t)
    if level >= 0 and hasattr(handler := _core._level_handler(level), "text"):
        return str(handler.text(t))
    plain, wrapped = cls is _core.Tensor, False
    if not plain:
        # Only a module that has been imported can have made a Parameter.
        module = sys.modules.get(f"{__package__}.nn.parameter")
        parameter = getattr(module, "Parameter", None)
        plain = cls is parameter
        wrapped = not plain and parameter is not None and isinstance(t, parameter)
    prefix = "tensor(" if plain else f"{cls.__name__}("
    indent = len(prefix)

    if tensor_contents is not None:
        body = tensor_contents
    elif t.numel() == 0:
        body = "[]"
    else:
        body = _body(t.detach() if t.requires_grad else t, indent)

    text = prefix + body
    column = len(text) - text.rfind("\n") + 1
    for suffix in _suffixes(t):
        if column + len(suffix) + 2 > PRINT_OPTS.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    text += ")"
    return f"Parameter({text})" if wrapped else text
