"""The kinds of check. Each compares what rushlight does with what PyTorch does, and raises `Differs` with the first difference."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from . import samples as inputs
from .library import Library, Missing, Outcome, Seen, name_of, tensors
from .samples import Sample
from .rows import Row

SHORT = 4  # samples where a check multiplies them
CHECKS: dict[str, Callable[[Row, Library, Library], "Parts | None"]] = {}
FORM_CHECKS = {"method": "mp", "inplace": "i", "out": "o"}


Parts = dict[str, bool]


class Differs(AssertionError):
    """rushlight and PyTorch disagree. `parts`: the dtypes that were compared, and whether each agrees."""

    parts: Parts = {}


def check(function: Callable[[Row, Library, Library], Parts | None]) -> Callable[[Row, Library, Library], Parts | None]:
    CHECKS[function.__name__] = function
    return function


def kinds(row: Row) -> list[str]:
    """The checks that apply to a row."""
    found = []
    for kind in CHECKS:
        if kind in FORM_CHECKS and not set(FORM_CHECKS[kind]) & set(row.forms):
            continue
        if kind in ("grad", "grad2", "node") and not row.grad:
            continue
        if kind in row.fatal:
            continue
        found.append(kind)
    return found


def main_form(row: Row) -> str:
    return next(form for form in "fmp" if form in row.forms)


def caller(row: Row, lib: Library, form: str) -> Callable[..., Any]:
    if form == "f":
        return lib.function(row.path)
    if form == "m":
        return lib.method(row.name)
    if form == "i":
        return lib.method(row.name + "_")
    return lib.attribute(row.name)


def main_dtype(row: Row) -> str:
    return next(d for d in ("float32", "int64", *row.dtypes) if d in row.dtypes and inputs.supports(row.source, d))


def both(row: Row, sample: Sample, ours: Library, theirs: Library, form: str) -> tuple[Outcome, Outcome, Any, Any]:
    """The outcomes of one call in both libraries, and the arguments they got."""
    found = []
    for lib in (ours, theirs):
        call = caller(row, lib, form)
        args, kwargs = lib.adopt(sample.args), lib.adopt(sample.kwargs)
        found.append((lib.attempt(call, *args, **kwargs), (args, kwargs)))
    return found[0][0], found[1][0], found[0][1], found[1][1]


# What it means to agree


def require(condition: bool, where: object, what: str, ours: object, theirs: object) -> None:
    if not condition:
        raise Differs(f"{what}: rushlight {ours}, PyTorch {theirs}; on ({where})")


def same_error(row: Row, ours: Outcome, theirs: Outcome, where: object) -> bool:
    """Whether both succeeded; differs unless both failed alike."""
    if theirs.error is None and ours.error is None:
        return True
    if theirs.error is None:
        raise Differs(f"rushlight raises {describe(ours.error)}, PyTorch does not; on ({where})")
    if ours.error is None:
        # Where PyTorch only lacks a kernel, a result is no difference.
        if "not implemented for" not in str(theirs.error) and not row.accepts:
            raise Differs(f"rushlight does not raise, PyTorch {describe(theirs.error)}; on ({where})")
        return False
    # PyTorch's functions in Python trip over an attribute of what is no tensor: the type is the better complaint.
    stumbles = isinstance(theirs.error, AttributeError) and isinstance(ours.error, TypeError)
    if not stumbles and not same_type(ours.error, theirs.error):
        raise Differs(f"rushlight raises {describe(ours.error)}, PyTorch {describe(theirs.error)}; on ({where})")
    return False


def same_type(ours: Exception, theirs: Exception) -> bool:
    """A built-in exception or one of its subclasses; for PyTorch's own, the class that has its name."""
    if isinstance(ours, type(theirs)):
        return True
    a, b = type(ours), type(theirs)
    return (a.__module__, a.__qualname__) == (b.__module__, b.__qualname__)


def describe(error: Exception | None) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def first_line(error: Exception | None) -> str:
    return (str(error).splitlines() or [""])[0]


def same_values(row: Row, ours: Seen, theirs: Seen, where: object, computed: torch.dtype | None = None) -> None:
    """Dtypes, shapes and values. `computed`: the dtype that the values were computed in, if it is another."""
    require(ours.dtype == theirs.dtype, where, "dtype", ours.dtype, theirs.dtype)
    require(ours.shape == theirs.shape, where, "shape", ours.shape, theirs.shape)
    if not row.compare:
        return
    rtol, atol = row.tolerance.get(name_of(computed) if computed else ours.dtype, (None, None))
    if computed is not None and rtol is None:
        rtol, atol = torch.testing._comparison.default_tolerances(computed)
    try:
        # Flat: the comparison itself knows no tensor of 65 dimensions.
        torch.testing.assert_close(ours.values.flatten(), theirs.values.flatten(), rtol=rtol, atol=atol, equal_nan=True)
    except AssertionError as error:
        raise Differs(f"values: {' '.join(str(error).split())}; on ({where})") from None


def same_result(
    row: Row, ours: Any, theirs: Any, our_lib: Library, their_lib: Library, where: object, computed: Any = None
) -> None:
    """Values, dtypes and shapes of tensors; other results by equality."""
    if isinstance(theirs, torch.Tensor):
        require(isinstance(ours, our_lib.module.Tensor), where, "type", type(ours).__name__, "Tensor")
        same_values(row, our_lib.see(ours), their_lib.see(theirs), where, computed)
    elif isinstance(theirs, (tuple, list)):
        require(isinstance(ours, (tuple, list)), where, "type", type(ours).__name__, type(theirs).__name__)
        require(
            isinstance(ours, tuple) == isinstance(theirs, tuple),
            where,
            "type",
            type(ours).__name__,
            type(theirs).__name__,
        )
        require(len(ours) == len(theirs), where, "length", len(ours), len(theirs))
        for field in getattr(theirs, "__match_args__", ()):
            require(hasattr(ours, field), where, "field", "missing", field)
        for our_item, their_item in zip(ours, theirs, strict=True):
            same_result(row, our_item, their_item, our_lib, their_lib, where, computed)
    elif isinstance(theirs, torch.dtype):
        require(name_of(ours) == name_of(theirs), where, "dtype", ours, theirs)
    else:
        require(type(ours) is type(theirs), where, "type", type(ours).__name__, type(theirs).__name__)
        require(ours == theirs or (ours != ours and theirs != theirs), where, "result", ours, theirs)


def compare_call(
    row: Row, sample: Sample, ours: Library, theirs: Library, form: str, note: str = "", computed: Any = None
) -> None:
    where = f"{sample}{'; ' + note if note else ''}"
    our_out, their_out, our_args, their_args = both(row, sample, ours, theirs, form)
    if same_error(row, our_out, their_out, where):
        if row.processed:
            our_out.value, their_out.value = sample.process(our_out.value), sample.process(their_out.value)
        same_result(row, our_out.value, their_out.value, ours, theirs, where, computed)
    # Arguments: what the call changed it changed alike, and a call that failed changed nothing.
    before = list(tensors((sample.args, sample.kwargs)))
    for ours_after, theirs_after, was in zip(tensors(our_args), tensors(their_args), before, strict=True):
        if our_out.error is not None:
            expected = theirs.see(was)
        elif their_out.error is not None:
            continue  # rushlight computes what PyTorch refuses
        else:
            expected = theirs.see(theirs_after)
        same_values(row, ours.see(ours_after), expected, where + "; argument afterwards", computed)


def each_dtype(dtypes: Iterable[str], compare: Callable[[str], None]) -> Parts:
    """Compares on every dtype, and fails with the first difference after the last."""
    parts: Parts = {}
    first: Differs | None = None
    for dtype in dtypes:
        try:
            compare(dtype)
            parts[dtype] = True
        except Differs as error:
            parts[dtype] = False
            first = first or error
    if first is not None:
        first.parts = parts
        raise first
    return parts


# The kinds


@check
def values(row: Row, ours: Library, theirs: Library) -> None:
    """Results of the main form on the main dtype."""
    for sample in inputs.samples(row.source, main_dtype(row)):
        compare_call(row, sample, ours, theirs, main_form(row))


@check
def dtypes(row: Row, ours: Library, theirs: Library) -> Parts:
    """A few samples on every dtype: results or errors."""

    def compare(dtype: str) -> None:
        for sample in inputs.samples(row.source, dtype, cap=SHORT):
            compare_call(row, sample, ours, theirs, main_form(row), dtype)

    return each_dtype(row.dtypes, compare)


@check
def method(row: Row, ours: Library, theirs: Library) -> None:
    for form in FORM_CHECKS["method"]:
        if form in row.forms:
            for sample in inputs.samples(row.source, main_dtype(row)):
                if sample.args and isinstance(sample.args[0], torch.Tensor):
                    compare_call(row, sample, ours, theirs, form)


@check
def inplace(row: Row, ours: Library, theirs: Library) -> None:
    """The in-place form: result, identity, version; on integers as well, where results may not fit the tensor."""
    for dtype in dict.fromkeys((main_dtype(row), "int64", "bool")):
        for sample in inputs.samples(row.source, dtype, cap=SHORT * 2):
            if not isinstance(sample.args[0], torch.Tensor):
                continue
            compare_call(row, sample, ours, theirs, "i", "in place")
            our_out, their_out, our_args, their_args = both(row, sample, ours, theirs, "i")
            if our_out.error is None and their_out.error is None:
                require(our_out.value is our_args[0][0], sample, "result is the tensor itself", False, True)
                was, now = our_args[0][0]._version, their_args[0][0]._version
                require((was > 0) == (now > 0), sample, "version after", was, now)


@check
def out(row: Row, ours: Library, theirs: Library) -> None:
    """out= of the right shape, of none, of a strided layout and of a dtype that may not fit."""
    for sample in inputs.samples(row.source, main_dtype(row), cap=SHORT):
        plain = theirs.attempt(theirs.function(row.path), *theirs.adopt(sample.args), **theirs.adopt(sample.kwargs))
        made = list(tensors(plain.value))
        if not made or "out" in sample.kwargs:
            continue
        variants = {
            "out of the right shape": [torch.zeros_like(t, memory_format=torch.contiguous_format) for t in made],
            "empty out": [torch.zeros(0, dtype=t.dtype) for t in made],
            "strided out": [torch.zeros(*t.shape, 2, dtype=t.dtype)[..., 0] for t in made],
            "out of another dtype": [torch.zeros(t.shape, dtype=torch.int32) for t in made],
            "out of a wider dtype": [torch.zeros(t.shape, dtype=torch.complex128) for t in made],
        }
        for note, outs in variants.items():
            wanted = outs[0] if isinstance(plain.value, torch.Tensor) else tuple(outs)
            asked = Sample(sample.args, {**sample.kwargs, "out": wanted})
            # What is written to a wider dtype has the precision of the operator's own.
            own = made[0].dtype
            computed = own if note == "out of a wider dtype" and (own.is_floating_point or own.is_complex) else None
            compare_call(row, asked, ours, theirs, "f", note, computed)
        our_out, their_out, our_args, _ = both(row, asked, ours, theirs, "f")
        if our_out.error is None and their_out.error is None:
            for result, given in zip(tensors(our_out.value), tensors(our_args[1]["out"]), strict=True):
                require(result is given, sample, "result is out", False, True)


@check
def strides(row: Row, ours: Library, theirs: Library) -> None:
    """Layout of results and what they share with the arguments, for contiguous and other inputs."""
    if main_form(row) == "m" and row.name.startswith("__"):
        return
    for sample in inputs.samples(row.source, main_dtype(row), cap=SHORT * 2):
        for note, change in (("contiguous", None), *inputs.LAYOUTS.items()):
            varied = inputs.varied(sample, change) if change else sample
            our_out, their_out, our_args, their_args = both(row, varied, ours, theirs, main_form(row))
            if our_out.error is not None or their_out.error is not None:
                continue
            for our_t, their_t in zip(tensors(our_out.value), tensors(their_out.value), strict=True):
                where = f"{varied}; {note}"
                require(significant(our_t) == significant(their_t), where, "stride", our_t.stride(), their_t.stride())
                for our_arg, their_arg in zip(tensors(our_args), tensors(their_args), strict=True):
                    require(
                        (our_t is our_arg) == (their_t is their_arg),
                        where,
                        "is the argument",
                        our_t is our_arg,
                        their_t is their_arg,
                    )
                    if their_t.numel() and their_arg.numel():
                        shared = their_t.untyped_storage().data_ptr() == their_arg.untyped_storage().data_ptr()
                        offset = our_t.data_ptr() - our_arg.data_ptr()
                        if shared:
                            wanted = their_t.data_ptr() - their_arg.data_ptr()
                            require(offset == wanted, where, "offset in the shared memory", offset, wanted)
                        else:
                            require(offset != 0, where, "memory shared", True, False)


def significant(t: Any) -> tuple[int, ...]:
    """The strides that say something: of dimensions above one, of tensors that are not empty."""
    return tuple(s for n, s in zip(t.shape, t.stride(), strict=True) if n > 1) if t.numel() else ()


@check
def shapes(row: Row, ours: Library, theirs: Library) -> None:
    """The samples cut down to 0-dim and to empty tensors."""
    for note, change in inputs.SHAPES.items():
        for sample in inputs.samples(row.source, main_dtype(row), cap=SHORT):
            compare_call(row, inputs.varied(sample, change), ours, theirs, main_form(row), note)


@check
def strided(row: Row, ours: Library, theirs: Library) -> None:
    """Values on inputs of other layouts."""
    for note, change in inputs.LAYOUTS.items():
        for sample in inputs.samples(row.source, main_dtype(row), cap=SHORT * 2):
            varied = inputs.varied(sample, change)
            compare_call(row, varied, ours, theirs, main_form(row), note)
            if "i" in row.forms and isinstance(varied.args[0], torch.Tensor):
                compare_call(row, varied, ours, theirs, "i", note + ", in place")


def differentiable(row: Row) -> Iterator[str]:
    for dtype in ("float64", "complex128"):
        if dtype in row.dtypes and inputs.supports(row.source, dtype):
            yield dtype


@check
def grad(row: Row, ours: Library, theirs: Library) -> Parts:
    """Gradients by a random vector, of the main form and of the one in place."""

    def compare(dtype: str) -> None:
        for form in [main_form(row), *("i" if "i" in row.forms else "")]:
            for sample in inputs.samples(row.source, dtype, grad=True, cap=SHORT * 2):
                compare_grads(row, sample, ours, theirs, form, twice=False)

    return each_dtype(differentiable(row), compare)


@check
def grad2(row: Row, ours: Library, theirs: Library) -> Parts:
    """Gradients of a random combination of the gradients."""

    def compare(dtype: str) -> None:
        for sample in inputs.samples(row.source, dtype, grad=True, cap=SHORT):
            compare_grads(row, sample, ours, theirs, main_form(row), twice=True)

    return each_dtype(differentiable(row), compare)


class Derivatives:
    """The result of a call in one library, and its vector-Jacobian products."""

    def __init__(self, row: Row, sample: Sample, lib: Library, form: str) -> None:
        self.lib = lib
        args, kwargs = lib.adopt(sample.args), lib.adopt(sample.kwargs)
        self.leaves = [t for t in tensors((args, kwargs)) if t.requires_grad]
        if form == "i":  # a leaf may not change in place, its copy may
            args = (args[0].clone(), *args[1:])
        self.outcome = lib.attempt(caller(row, lib, form), *args, **kwargs)
        if self.outcome.error is None:
            self.outcome.value = sample.process(self.outcome.value)
        self.results = [t for t in tensors(self.outcome.value) if t.requires_grad]

    def pull(self, cotangents: list[torch.Tensor], again: bool) -> Outcome:
        """The gradients of the leaves; with `again`, those of the gradients' own random combination."""
        autograd = self.lib.module.autograd
        given = self.lib.adopt(cotangents)

        def run() -> Any:
            first = autograd.grad(self.results, self.leaves, given, allow_unused=True, create_graph=again)
            if not again:
                return first
            inputs.seed(5)
            # every undefined gradient still draws, so that both libraries draw alike
            draws = self.lib.adopt([torch.randn(leaf.shape, dtype=dtype_of(leaf)) for leaf in self.leaves])
            pairs = [(g, d) for g, d in zip(first, draws, strict=True) if g is not None and g.requires_grad]
            if not pairs:
                return [None]
            grads, directions = (list(side) for side in zip(*pairs, strict=True))
            return autograd.grad(grads, [*self.leaves, *given], directions, allow_unused=True)

        return self.lib.attempt(run)


def dtype_of(t: Any) -> torch.dtype:
    return getattr(torch, name_of(t.dtype))


def compare_grads(row: Row, sample: Sample, ours: Library, theirs: Library, form: str, *, twice: bool) -> None:
    if form == "i" and not isinstance(sample.args[0], torch.Tensor):
        return
    where = f"{sample}{', in place' if form == 'i' else ''}"
    mine, oracle = Derivatives(row, sample, ours, form), Derivatives(row, sample, theirs, form)
    if not same_error(row, mine.outcome, oracle.outcome, where):
        return
    for ours_t, theirs_t in zip(tensors(mine.outcome.value), tensors(oracle.outcome.value), strict=True):
        require(
            ours_t.requires_grad == theirs_t.requires_grad,
            where,
            "requires_grad",
            ours_t.requires_grad,
            theirs_t.requires_grad,
        )
    if not oracle.results or not oracle.leaves:
        return
    inputs.seed(4)
    cotangents = [torch.randn(t.shape, dtype=t.dtype, requires_grad=twice) for t in oracle.results]
    ours_got, theirs_got = mine.pull(cotangents, twice), oracle.pull(cotangents, twice)
    if not same_error(row, ours_got, theirs_got, where):
        return
    what = "second gradient" if twice else "gradient"
    require(
        len(ours_got.value) == len(theirs_got.value),
        where,
        f"number of {what}s",
        len(ours_got.value),
        len(theirs_got.value),
    )
    for i, (our_grad, their_grad) in enumerate(zip(ours_got.value, theirs_got.value, strict=True)):
        # Zeros and undefined mean the same; which of them a formula gives is its own affair.
        if our_grad is None and their_grad is None:
            continue
        seen = [None if g is None else lib.see(g) for lib, g in ((ours, our_grad), (theirs, their_grad))]
        for k in (0, 1):
            if seen[k] is None:
                other = seen[1 - k]
                assert other is not None
                seen[k] = Seen(other.dtype, other.shape, other.stride, False, torch.zeros_like(other.values))
        assert seen[0] is not None and seen[1] is not None
        same_values(row, seen[0], seen[1], f"{where}; {what} {i}")


@check
def node(row: Row, ours: Library, theirs: Library) -> None:
    """The name of grad_fn and of what it points to."""
    for dtype in list(differentiable(row))[:1]:
        for sample in inputs.samples(row.source, dtype, grad=True, cap=SHORT * 2):
            mine, oracle = (
                Derivatives(row, sample, ours, main_form(row)),
                Derivatives(row, sample, theirs, main_form(row)),
            )
            if mine.outcome.error is None and oracle.outcome.error is None:
                require(
                    len(mine.results) == len(oracle.results),
                    sample,
                    "results with history",
                    len(mine.results),
                    len(oracle.results),
                )
                for a, b in zip(mine.results, oracle.results, strict=True):
                    if b.grad_fn is not None:
                        require(a.grad_fn is not None, sample, "grad_fn", None, b.grad_fn.name())
                        require(
                            a.grad_fn.name() == b.grad_fn.name(), sample, "grad_fn", a.grad_fn.name(), b.grad_fn.name()
                        )
                        require(
                            type(a.grad_fn).__name__ == type(b.grad_fn).__name__,
                            sample,
                            "type of grad_fn",
                            type(a.grad_fn).__name__,
                            type(b.grad_fn).__name__,
                        )


@check
def errors(row: Row, ours: Library, theirs: Library) -> None:
    """Wrong uses: PyTorch's exception type, and the arguments as they were."""
    dtype, form = main_dtype(row), main_form(row)
    wrong = list(inputs.errors(row.source))
    for sample in inputs.spread(inputs.samples(row.source, dtype), 3):
        wrong += inputs.abused(sample)
    for sample in wrong:
        if form in "mp" and not (sample.args and isinstance(sample.args[0], torch.Tensor)):
            continue
        if form == "p" and (len(sample.args) > 1 or sample.kwargs):
            continue
        compare_call(row, sample, ours, theirs, form, "wrong use")


@check
def texts(row: Row, ours: Library, theirs: Library) -> None:
    """The first line of the messages for the calls that PyTorch's own tests expect to fail."""
    for sample in inputs.errors(row.source):
        our_out, their_out, _, _ = both(row, sample, ours, theirs, main_form(row))
        if our_out.error is not None and their_out.error is not None:
            our_text, their_text = (re.sub(r"0x[0-9a-f]+", "0x", first_line(o.error)) for o in (our_out, their_out))
            require(our_text == their_text, sample, "message", our_text, their_text)


def run(row: Row, kind: str, ours: Library, theirs: Library) -> Parts:
    """One check of one operator: the dtypes it went through; raises Differs or Missing."""
    try:
        return CHECKS[kind](row, ours, theirs) or {}
    except AttributeError as error:
        raise Missing(str(error)) from error
