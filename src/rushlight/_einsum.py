"""einsum: sums of products over named dimensions."""

from __future__ import annotations

from typing import Any

from . import _core
from ._core import Tensor

__all__ = ["einsum"]

ELLIPSIS = "..."
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def einsum(*args: Any) -> Tensor:
    """The sum over all subscripts that the result lacks, as ``einsum("ij,jk->ik", a, b)``.

    Subscripts are letters; "..." stands for broadcast dimensions; without "->" the result has the subscripts that
    occur once, in alphabetical order. A subscript twice on one operand takes its diagonal. Subscripts may also be
    lists of numbers: ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], Tensor):
        equation, operands = _from_lists(args)
    else:
        equation, operands = args[0], args[1:]
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        raise TypeError(f"einsum(): argument 'equation' (position 1) must be str, not {type(equation).__name__}")
    for i, t in enumerate(operands):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(t).__name__}")
    if not operands:
        raise RuntimeError("einsum(): must provide at least one operand")
    terms, output = _parse(equation)
    if len(terms) != len(operands):
        which = "fewer" if len(terms) > len(operands) else "more"
        raise RuntimeError(f"einsum(): {which} operands were provided than specified in the equation")
    return _contract(terms, output, list(operands))


def _from_lists(args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Operands each followed by its list of subscripts, and perhaps the result's list, as an equation."""

    def text(subscripts: Any) -> str:
        found = ""
        for s in subscripts:
            if s is not Ellipsis and not 0 <= s < len(_LETTERS):
                raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
            found += ELLIPSIS if s is Ellipsis else _LETTERS[s]
        return found

    pairs = len(args) // 2
    equation = ",".join(text(args[2 * i + 1]) for i in range(pairs))
    if len(args) % 2:
        equation += "->" + text(args[-1])
    return equation, args[0 : 2 * pairs : 2]


def _parse(equation: str) -> tuple[list[list[str]], list[str] | None]:
    """The subscripts of each operand and those of the result (None: not given)."""
    terms: list[list[str]] = [[]]
    output: list[str] | None = None
    i = 0
    while i < len(equation):
        c = equation[i]
        current = terms[-1] if output is None else output
        if c == ".":
            whose = f"for operand {len(terms) - 1} " if output is None else "for the output "
            if ELLIPSIS in current:
                raise RuntimeError(f"einsum(): found '.' {whose}for which an ellipsis was already found")
            if equation[i : i + 3] != ELLIPSIS:
                raise RuntimeError(f"einsum(): found '.' {whose}that is not part of any ellipsis")
            current.append(ELLIPSIS)
            i += 2
        elif c == "," and output is None:
            terms.append([])
        elif equation[i : i + 2] == "->" and output is None:
            output = []
            i += 1
        elif c in _LETTERS:
            if output is not None and c in output:
                raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
            current.append(c)
        elif c != " ":
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {i} in the equation string, subscripts must be in [a-zA-Z]"
            )
        i += 1
    return terms, output


def _contract(terms: list[list[str]], output: list[str] | None, operands: list[Tensor]) -> Tensor:
    width = 0  # dimensions that the widest ellipsis covers
    for i, (term, t) in enumerate(zip(terms, operands)):
        named, has_dots = len(term) - (ELLIPSIS in term), ELLIPSIS in term
        if named > t.dim() or (named < t.dim() and not has_dots):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) "
                + ("is more than" if has_dots else "does not match")
                + f" the number of dimensions ({t.dim()}) for operand {i}"
                + ("" if has_dots else " and no ellipsis was given")
            )
        width = max(width, t.dim() - named)

    letters = [n for term in terms for n in term if n != ELLIPSIS]
    if output is None:
        output = [ELLIPSIS] + sorted(n for n in set(letters) if letters.count(n) == 1)
    for n in output:
        if n != ELLIPSIS and n not in letters:
            raise RuntimeError(f"einsum(): output subscript {n} does not appear in the equation for any input operand")

    # The result's dimensions come first, then those that are summed, each in a place of its own for all operands.
    place: dict[str, int] = {}
    dots = -1
    count = 0
    for n in output:
        if n == ELLIPSIS:
            dots, count = count, count + width
        else:
            place[n], count = count, count + 1
    kept = count
    if dots < 0:
        dots, count = count, count + width
    for n in sorted(set(letters)):
        if n not in place:
            place[n], count = count, count + 1

    sizes: dict[str, int] = {}
    tensors = [
        _arranged(i, term, t, place, sizes, dots, width, count) for i, (term, t) in enumerate(zip(terms, operands))
    ]
    uses = [sum(t.size(d) != 1 for t in tensors) for d in range(count)]
    result = tensors[0]
    for other in tensors[1:]:
        result = _pair(result, other, kept, uses)
    if count == kept:
        return result
    if len(tensors) == 1:
        return result.sum(list(range(kept, count)))
    return result.view(list(result.shape[:kept]))


def _arranged(
    i: int, term: list[str], t: Tensor, place: dict[str, int], sizes: dict[str, int], dots: int, width: int, count: int
) -> Tensor:
    """An operand with a dimension for every subscript, of size 1 where it has none, in the common order."""
    order = [-1] * count
    covered = t.dim() - (len(term) - 1)  # by the operand's own ellipsis
    dim = 0
    for n in term:
        if n == ELLIPSIS:
            for _ in range(width - covered):
                t = t.unsqueeze(dim)
            for k in range(width):
                order[dots + k] = dim
                dim += 1
        elif order[place[n]] < 0:
            size = t.size(dim)
            if size != 1:
                if sizes.get(n, 1) not in (1, size):
                    raise RuntimeError(
                        f"einsum(): subscript {n} has size {size} for operand {i} which does not broadcast with "
                        f"previously seen size {sizes[n]}"
                    )
                sizes[n] = size
            order[place[n]] = dim
            dim += 1
        else:
            before = order[place[n]]
            if t.size(dim) != t.size(before):
                raise RuntimeError(
                    f"einsum(): subscript {n} is repeated for operand {i} but the sizes don't match, {t.size(dim)} != "
                    f"{t.size(before)}"
                )
            t = t.diagonal(0, before, dim).movedim(-1, before)
    for k in range(count):
        if order[k] < 0:
            t = t.unsqueeze(dim)
            order[k] = dim
            dim += 1
    return t.permute(order)


def _pair(a: Tensor, b: Tensor, kept: int, uses: list[int]) -> Tensor:
    """The product of two operands, summed over what no later operand has; summed dimensions stay, of size 1."""
    over: list[int] = []
    only: tuple[list[int], list[int]] = ([], [])
    for d in range(kept, len(uses)):
        in_a, in_b = a.size(d) != 1, b.size(d) != 1
        if in_a and in_b:
            uses[d] -= 1
            if uses[d] == 1:
                over.append(d)
                uses[d] = 0
        elif uses[d] == 1 and (in_a or in_b):
            only[0 if in_a else 1].append(d)
            uses[d] = 0
    if only[0]:
        a = a.sum(only[0], True)
    if only[1]:
        b = b.sum(only[1], True)
    if not over:
        return a * b
    batch: list[int] = []
    left: list[int] = []
    right: list[int] = []
    for d in range(a.dim()):
        if d in over:
            continue
        in_a, in_b = a.size(d) != 1, b.size(d) != 1
        (batch if in_a and in_b else left if in_a else right).append(d)

    def count(t: Tensor, dims: list[int]) -> int:
        n = 1
        for d in dims:
            n *= t.size(d)
        return n

    x = a.permute(batch + left + over + right).reshape(count(a, batch), count(a, left), count(a, over))
    y = b.permute(batch + over + right + left).reshape(count(b, batch), count(b, over), count(b, right))
    shape = [a.size(d) for d in batch + left] + [1] * len(over) + [b.size(d) for d in right]
    order = batch + left + over + right
    return _core.bmm(x, y).view(shape).permute([order.index(d) for d in range(a.dim())])


_core._internal(globals())
