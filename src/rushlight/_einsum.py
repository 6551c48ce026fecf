"""einsum: sums of products over named dimensions."""

from __future__ import annotations

from typing import Any

from . import _core
from ._core import Tensor

__all__ = ["einsum"]


def einsum(equation: str, *operands: Any) -> Tensor:
    """The sum over all subscripts that the result lacks, as ``einsum("ij,jk->ik", a, b)``.

    Subscripts are letters; "..." stands for broadcast dimensions; without "->" the result has the subscripts that
    occur once, in alphabetical order. A subscript twice on one operand takes its diagonal.
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(
            f"einsum(): {'fewer' if len(terms) > len(operands) else 'more'} operands were provided than specified in the equation"
        )
    widths = [t.dim() - len(s.replace("...", "")) for s, t in zip(terms, operands) if "..." in s]
    width = max(widths, default=0)
    dots = [f"<{i}>" for i in range(width)]

    names: list[list[str]] = []
    for text, t in zip(terms, operands):
        head, has_dots, tail = text.partition("...")
        own = t.dim() - len(head) - len(tail)
        if own < 0 or (own > 0 and not has_dots):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(head) + len(tail)}) does not match the number of "
                f"dimensions ({t.dim()}) for operand {len(names)}{'' if has_dots else ' and no ellipsis was given'}"
            )
        names.append([*head, *(dots[width - own :] if own else []), *tail])
    if arrow:
        head, has_dots, tail = output.partition("...")
        wanted = [*head, *(dots if has_dots else []), *tail]
    else:
        letters = [n for term in names for n in term if not n.startswith("<")]
        wanted = dots + sorted(n for n in set(letters) if letters.count(n) == 1)
    for n in wanted:
        if not any(n in term for term in names):
            raise RuntimeError(f"einsum(): output subscript {n} does not appear in the equation for any input operand")

    tensors: list[Tensor] = []
    for term, t in zip(names, operands):
        while len(set(term)) < len(term):
            n = next(n for n in term if term.count(n) > 1)
            i = term.index(n)
            j = term.index(n, i + 1)
            t = t.diagonal(0, i, j)
            term[:] = [m for k, m in enumerate(term) if k not in (i, j)] + [n]
        tensors.append(t)

    while len(tensors) > 1:
        b, nb = tensors.pop(1), names.pop(1)
        a, na = tensors[0], names[0]
        later = set(wanted).union(*names[1:])
        tensors[0], names[0] = _pair(a, na, b, nb, later)
    t, term = tensors[0], names[0]
    gone = [i for i, n in enumerate(term) if n not in wanted]
    if gone:
        t = t.sum(gone)
        term = [n for n in term if n in wanted]
    return t.permute([term.index(n) for n in wanted])


def _pair(a: Tensor, na: list[str], b: Tensor, nb: list[str], keep: set[str]) -> tuple[Tensor, list[str]]:
    """The product of two operands, summed over what nobody needs later: one batched matrix product."""

    def drop(t: Tensor, names: list[str], other: list[str]) -> tuple[Tensor, list[str]]:
        gone = [i for i, n in enumerate(names) if n not in other and n not in keep]
        return (t.sum(gone), [n for n in names if n in other or n in keep]) if gone else (t, names)

    a, na = drop(a, na, nb)
    b, nb = drop(b, nb, na)
    size = {n: max(a.size(na.index(n)) if n in na else 1, b.size(nb.index(n)) if n in nb else 1) for n in {*na, *nb}}
    batch = [n for n in na if n in nb and n in keep]
    summed = [n for n in na if n in nb and n not in keep]
    left = [n for n in na if n not in nb]
    right = [n for n in nb if n not in na]

    def arrange(t: Tensor, names: list[str], order: list[str], shape: list[int]) -> Tensor:
        t = t.permute([names.index(n) for n in order])
        return t.expand([size[n] for n in order]).reshape(shape)

    def count(group: list[str]) -> int:
        n = 1
        for g in group:
            n *= size[g]
        return n

    x = arrange(a, na, batch + left + summed, [count(batch), count(left), count(summed)])
    y = arrange(b, nb, batch + summed + right, [count(batch), count(summed), count(right)])
    order = batch + left + right
    return x.bmm(y).reshape([size[n] for n in order]), order


_core._internal(globals())
