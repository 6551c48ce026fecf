"""Derivatives of functions. Reverse mode is the ordinary tape on fresh arguments, forward mode a level of duals."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import _core
from .._core import Tensor
from ..autograd._levels import forward_level, make_dual, own, reaches_others, tracked, unpack
from ..utils._pytree import TreeSpec, tree_flatten, tree_map, tree_unflatten
from ._batch import Batch
from ._rules.common import NeedsSamples

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]

_backward = _core._autograd_grad


# --- arguments ----------------------------------------------------------------------------------------------------------


def _place(argnum: int, count: int) -> int:
    if not -count <= argnum < count:
        raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
    return argnum % count


def _places(argnums: Any, count: int) -> tuple[int, ...]:
    if type(argnums) is int:
        return (_place(argnums, count),)
    if not isinstance(argnums, tuple) or not all(isinstance(a, int) for a in argnums):
        if isinstance(argnums, int):
            return (_place(int(argnums), count),)
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if not argnums:
        raise RuntimeError("argnums must be non-empty")
    places = tuple(_place(a, count) for a in argnums)
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return places


def _chosen(args: tuple[Any, ...], argnums: Any) -> Any:
    """The arguments by which is derived: one of them, or a tuple."""
    places = _places(argnums, len(args))
    return args[places[0]] if isinstance(argnums, int) else tuple(args[p] for p in places)


def _with_chosen(args: tuple[Any, ...], argnums: Any, values: Any) -> tuple[Any, ...]:
    places = _places(argnums, len(args))
    given = list(args)
    for p, v in zip(places, (values,) if isinstance(argnums, int) else values, strict=True):
        given[p] = v
    return tuple(given)


def _flat(tree: Any) -> tuple[list[Any], TreeSpec | None]:
    """tree_flatten with a short way for a single tensor, whose description is None."""
    if isinstance(tree, Tensor):
        return [tree], None
    return tree_flatten(tree)


def _tree(leaves: Sequence[Any], spec: TreeSpec | None) -> Any:
    return leaves[0] if spec is None else tree_unflatten(leaves, spec)


def _spec_text(spec: TreeSpec | None) -> str:
    """A description as messages show it: (*, [*])."""
    if spec is None:
        return "*"
    from ..utils._pytree import treespec_pprint

    return treespec_pprint(spec)


def _tensors(tree: Any, name: str, call: str) -> tuple[list[Tensor], TreeSpec | None]:
    """The leaves of a function's result, which must be tensors."""
    if tree is None or isinstance(tree, (tuple, list, dict)) and not tree:
        raise RuntimeError(
            f"{name}({call}): Expected f to be a function that has non-empty output (got output = {tree})"
        )
    leaves, spec = _flat(tree)
    for o in leaves:
        if not isinstance(o, Tensor):
            raise RuntimeError(
                f"{name}({call}): expected f(*primals) to return only tensors, got unsupported type {type(o)}"
            )
    return leaves, spec


def _aux_pair(output: Any, name: str, call: str) -> Any:
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(f"{name}({call}): output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


def _finish(tree: Any, track: bool) -> Any:
    """Results without the history that only leads to the transform's own leaves."""
    if track:
        return tree
    if isinstance(tree, Tensor):
        return tree.detach() if tree.requires_grad else tree

    def cut(t: Any) -> Any:
        if not isinstance(t, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(t)}")
        return t.detach() if t.requires_grad else t

    return tree_map(cut, tree)


def _check_aux(aux: Any) -> None:
    for leaf in tree_flatten(aux)[0]:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(leaf)}")


# --- reverse mode -------------------------------------------------------------------------------------------------------


def _value_and_grad(
    func: Function, argnums: Any, has_aux: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Any, Any]:
    """Gradient, value and auxiliary output."""
    recording = _core.is_grad_enabled()
    with _core.enable_grad():
        if argnums == 0 and args and isinstance(args[0], Tensor) and isinstance(argnums, int):
            given: list[Any] = [args[0]]
            spec: TreeSpec | None = None
            owns = [own(args[0])]
            output = func(owns[0], *args[1:], **kwargs)
        else:
            given, spec = _flat(_chosen(args, argnums))
            owns = [own(x) for x in given]
            output = func(*_with_chosen(args, argnums, _tree(owns, spec)), **kwargs)
        aux = None
        if has_aux:
            output, aux = _aux_pair(output, "grad_and_value(f)", "*args")
            _check_aux(aux)
        if not isinstance(output, Tensor):
            raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}")
        if output.dim() != 0:
            raise RuntimeError(
                "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        grads: Sequence[Any] = [None] * len(owns)
        track = False
        if output.requires_grad:
            if output.dtype.is_complex:
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {output.dtype}"
                )
            track = recording and (tracked(given) or reaches_others([output], owns))
            grads = _backward(output, owns, None, None, track, True)
        grads = [_core.zeros_like(x) if g is None else g for g, x in zip(grads, given, strict=True)]
    return _tree(grads, spec), _finish(output, track), _finish(aux, track) if has_aux else None


def grad(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that gives the gradient of `func`, which returns one number as a 0-dim tensor.

    argnums: the arguments by which is derived: one, or a tuple for a tuple of gradients. An argument may be a tree of
    tensors, and its gradient is the same tree. has_aux: `func` returns (value, aux), and the result is (gradient, aux).
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, _, aux = _value_and_grad(func, argnums, has_aux, args, kwargs)
        return (gradient, aux) if has_aux else gradient

    return wrapper


def grad_and_value(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that gives (gradient, value) of `func`; with has_aux (gradient, (value, aux)). See `grad`."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value, aux = _value_and_grad(func, argnums, has_aux, args, kwargs)
        return (gradient, (value, aux)) if has_aux else (gradient, value)

    return wrapper


class _Pulled:
    """A function that was run on the tape: its results, and gradients by its arguments for any cotangents."""

    def __init__(self, func: Function, primals: tuple[Any, ...], has_aux: bool, name: str = "vjp") -> None:
        self.func, self.primals = func, primals
        self.recording = _core.is_grad_enabled()
        with _core.enable_grad():
            self.given, self.in_spec = _flat(primals)
            self.owns = [own(x) for x in self.given]
            output = func(*_tree(self.owns, self.in_spec))
            self.aux = None
            if has_aux:
                output, self.aux = _aux_pair(output, name, "f, *primals")
                _check_aux(self.aux)
            self.outputs, self.out_spec = _tensors(output, "vjp", "f, *primals")
            self.live = [o.requires_grad for o in self.outputs]
            self.track = self.recording and (tracked(self.given) or reaches_others(self.outputs, self.owns))

    def gradients(self, cotangents: Sequence[Any], retain: bool, create: bool) -> list[Tensor]:
        """The gradients, one for each leaf of the arguments."""
        pairs = [(o, c) for o, c, live in zip(self.outputs, cotangents, self.live, strict=True) if live]
        if not pairs:
            return [_core.zeros_like(x) for x in self.given]
        found = _backward([o for o, _ in pairs], self.owns, [c for _, c in pairs], retain, create, True)
        return [_core.zeros_like(x) if g is None else g for g, x in zip(found, self.given, strict=True)]


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """``(output, vjp_fn)`` of `func` at `primals`, with has_aux and a result (output, aux): ``(output, vjp_fn, aux)``.

    vjp_fn(cotangents) gives, for cotangents of the structure and shapes of the output, the product with the Jacobian: a
    tuple with one entry for each of `primals`. It may be called again and again.
    """
    return _vjp(func, primals, has_aux, True)


def _vjp(func: Function, primals: tuple[Any, ...], has_aux: bool, always_tuple: bool) -> Any:
    pulled = _Pulled(func, primals, has_aux)

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        leaves, spec = _flat(cotangents)
        if spec != pulled.out_spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {_spec_text(spec)}, primal output: {_spec_text(pulled.out_spec)}"
            )
        for i, (c, o) in enumerate(zip(leaves, pulled.outputs, strict=True)):
            if c.shape != o.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {c.shape} and output[{i}] has a shape of {o.shape}."
                )
        create = _core.is_grad_enabled() if create_graph is None else create_graph
        create = create and (pulled.track or tracked(leaves))
        grads = pulled.gradients(leaves, retain_graph, create)
        result = _tree(grads if create else [_finish(g, False) for g in grads], pulled.in_spec)
        return result

    output = _finish(_tree(pulled.outputs, pulled.out_spec), pulled.track)
    if has_aux:
        return output, vjp_fn, _finish(pulled.aux, pulled.track)
    return output, vjp_fn


def _check_chunk(chunk_size: Any, name: str) -> None:
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError(f"{name}: `chunk_size` should be greater than 0.")


def jacrev(
    func: Function,
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Function:
    """A function that gives the Jacobian of `func` by reverse mode: for each output and argument ``output.shape + x.shape``.

    The result has the structure of the output, with that of the arguments inside. argnums, has_aux: as of `grad`.
    chunk_size: how many rows are computed at once; None: all of them.
    """
    _check_chunk(chunk_size, "jacrev")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        chosen = _chosen(args, argnums)

        def partial(value: Any) -> Any:
            return func(*_with_chosen(args, argnums, value), **kwargs)

        pulled = _Pulled(partial, (chosen,), has_aux)
        rows = [
            _tree(_rows(pulled, k, output, chunk_size), pulled.in_spec)[0] for k, output in enumerate(pulled.outputs)
        ]
        result = _tree(rows, pulled.out_spec)
        return (result, _finish(pulled.aux, pulled.track)) if has_aux else result

    return wrapper


def _units(like: Tensor) -> Tensor:
    """The unit tensors of a shape: [n, *shape]."""
    n = like.numel()
    if n == 1:
        return _core.ones((1, *like.shape), dtype=like.dtype)
    return _core.eye(n, dtype=like.dtype).view(n, *like.shape)


def _rows(pulled: _Pulled, k: int, output: Tensor, chunk_size: int | None) -> list[Tensor]:
    """The Jacobian of one output by each leaf of the arguments."""
    shape = tuple(output.shape)
    if not pulled.live[k] or output.numel() == 0:
        return [_core.zeros(shape + tuple(x.shape), dtype=x.dtype) for x in pulled.given]
    with _core.enable_grad():
        if not _core._dual_count():
            whole = _core._jacobian_rows(output, pulled.owns, pulled.track)
            return [
                _core.zeros(shape + tuple(x.shape), dtype=x.dtype) if g is None else g.view(shape + tuple(x.shape))
                for g, x in zip(whole, pulled.given, strict=True)
            ]
        columns: list[list[Any]] = [[] for _ in pulled.owns]
        for unit in _units(output).unbind(0):
            found = _backward(output, pulled.owns, unit, True, pulled.track, True)
            for column, g, x in zip(columns, found, pulled.given, strict=True):
                column.append(_core.zeros_like(x) if g is None else g)
        stacked = [
            c[0].view(shape + tuple(x.shape)) if len(c) == 1 else _core.stack(c).view(shape + tuple(x.shape))
            for c, x in zip(columns, pulled.given, strict=True)
        ]
    return stacked if pulled.track else [_finish(s, False) for s in stacked]


# --- forward mode -------------------------------------------------------------------------------------------------------


def jvp(func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """``(output, product)``: `func` at `primals` (a tuple) and its Jacobian times `tangents`, of the same structure.

    strict: an output that does not depend on the primals is an error instead of a zero tangent. has_aux: `func` returns
    (output, aux), and the result is ``(output, product, aux)``.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    given, spec = tree_flatten(primals)
    directions, other = tree_flatten(tangents)
    if spec != other:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. For example, if "
            f"primals is a tuple of 3 tensors, tangents also must be. Got primals with structure {spec} and tangents with "
            f"structure {other}"
        )
    for name, leaves in (("primals", given), ("tangents", directions)):
        if not leaves:
            raise RuntimeError(f"jvp(f, primals, tangents): Expected {name} to contain at least one Tensor.")
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise RuntimeError(
                    f"jvp(f, primals, tangents): Expected {name} to only contain Tensors, got {type(leaf)}"
                )
    with forward_level() as level:
        duals = [make_dual(x, t, level) for x, t in zip(given, directions, strict=True)]
        output = func(*tree_unflatten(duals, spec))
        aux = None
        if has_aux:
            output, aux = _aux_pair(output, "jvp", "f, primals, tangents")
            _check_aux(aux)
        outs, out_spec = _tensors(output, "jvp", "f, primals, tangents")
        products = []
        for o in outs:
            value, t = unpack(o, level)
            if t is None:
                if strict:
                    raise RuntimeError(
                        "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not "
                        "allowed with strict=True."
                    )
                t = _core.zeros_like(value)
            products.append(t)
        result = (_tree(outs, out_spec), _tree(products, out_spec))
    return (*result, aux) if has_aux else result


def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """``(output, jvp_fn)``: `func` at `primals`, and the linear function that gives its Jacobian times tangents.

    `func` runs once, however often jvp_fn is called: the product is read off its recorded history, as the derivative of
    its gradient by the cotangent.
    """
    pulled = _Pulled(func, primals, False)
    with _core.enable_grad():
        zeros = [_core.zeros_like(o).requires_grad_() for o in pulled.outputs]
        pairs = [(o, u) for o, u, live in zip(pulled.outputs, zeros, pulled.live, strict=True) if live]
        gradients: Sequence[Any] = [None] * len(pulled.owns)
        if pairs:
            gradients = _backward([o for o, _ in pairs], pulled.owns, [u for _, u in pairs], True, True, True)

    def jvp_fn(*tangents: Any) -> Any:
        leaves, spec = _flat(tangents)
        if spec != pulled.in_spec:
            raise RuntimeError(
                f"Tangents should have the same tree structure as the primals: {_spec_text(pulled.in_spec)}, got "
                f"{_spec_text(spec)}"
            )
        for i, (t, x) in enumerate(zip(leaves, pulled.given, strict=True)):
            if t.shape != x.shape:
                raise RuntimeError(
                    f"tangent:{i} with shape {t.shape} in flattened pytree doesn't match the shape {x.shape} of the "
                    "corresponding primal."
                )
            if t.dtype != x.dtype:
                raise RuntimeError(
                    f"tangent:{i} with dtype {t.dtype} in flattened pytree doesn't match the dtype {x.dtype} of the "
                    "corresponding primal."
                )
        track = _core.is_grad_enabled() and (pulled.track or tracked(leaves))
        used = [(g, t) for g, t in zip(gradients, leaves, strict=True) if g is not None and g.requires_grad]
        products: Sequence[Any] = [None] * len(zeros)
        if used:
            products = _backward([g for g, _ in used], zeros, [t for _, t in used], True, track, True)
        full = [_core.zeros_like(o) if p is None else p for p, o in zip(products, pulled.outputs, strict=True)]
        return _tree([_finish(p, track) for p in full], pulled.out_spec)

    return _finish(_tree(pulled.outputs, pulled.out_spec), pulled.track), jvp_fn


def jacfwd(func: Function, argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error") -> Function:
    """A function that gives the Jacobian of `func` by forward mode: for each output and argument ``output.shape + x.shape``.

    Everything else is as of `jacrev`. randomness: that of `vmap`, over which the columns are computed.
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        given, spec = _flat(_chosen(args, argnums))
        for x in given:
            if not isinstance(x, Tensor):
                raise RuntimeError(f"Expected tensors, got unsupported type {type(x)}")

        def partial(*values: Any) -> Any:
            return func(*_with_chosen(args, argnums, _tree(values, spec)), **kwargs)

        columns, out_spec, aux = _columns(partial, given, has_aux, randomness)
        blocks = []
        for k in range(len(columns[0])):
            blocks.append(_tree([columns[i][k] for i in range(len(given))], spec))
        result = _tree(blocks, out_spec)
        return (result, aux) if has_aux else result

    return wrapper


def _columns(
    func: Function, given: list[Tensor], has_aux: bool, randomness: str
) -> tuple[list[list[Tensor]], Any, Any]:
    """For each argument the Jacobian of each output by it."""
    counts = [x.numel() for x in given]
    try:
        return _columns_at_once(func, given, counts, has_aux, randomness)
    except NeedsSamples:
        return _columns_one_by_one(func, given, has_aux)


def _columns_at_once(
    func: Function, given: list[Tensor], counts: list[int], has_aux: bool, randomness: str
) -> tuple[list[list[Tensor]], Any, Any]:
    """All unit tangents as one batch."""
    total = sum(counts)
    with Batch(total, randomness) as b:
        tangents = []
        start = 0
        for x, n in zip(given, counts, strict=True):
            if n == total:
                unit = _units(x) if n else x.new_zeros((0, *x.shape))
            else:
                unit = _core.zeros((total, n), dtype=x.dtype)
                unit.diagonal(-start).fill_(1)
                unit = unit.view(total, *x.shape)
            tangents.append(b.wrap(unit))
            start += n
        _core._dual_limit(b.level + 1)
        with forward_level() as level:
            duals = [make_dual(x, t, level) for x, t in zip(given, tangents, strict=True)]
            output = func(*duals)
            aux = None
            if has_aux:
                output, aux = _aux_pair(output, "jvp", "f, primals, tangents")
            outs, out_spec = _tensors(output, "jvp", "f, primals, tangents")
            pairs = [unpack(o, level) for o in outs]
        _core._dual_limit(b.level)
        found: list[list[Tensor]] = [[] for _ in given]
        for value, t in pairs:
            shape = tuple(value.shape)
            if t is None:
                for column, x in zip(found, given, strict=True):
                    column.append(_core.zeros(shape + tuple(x.shape), dtype=value.dtype))
                continue
            whole = b.all_of(t).movedim(0, -1)
            parts = [whole] if len(given) == 1 else whole.split(counts, -1)
            for column, part, x in zip(found, parts, given, strict=True):
                column.append(part.reshape(shape + tuple(x.shape)))
        return found, out_spec, aux


def _columns_one_by_one(func: Function, given: list[Tensor], has_aux: bool) -> tuple[list[list[Tensor]], Any, Any]:
    """A run for each unit tangent, for functions that look at values of tangents."""
    found: list[list[Tensor]] = []
    out_spec: Any = None
    aux: Any = None
    zeros = [_core.zeros_like(x) for x in given]
    for i, x in enumerate(given):
        columns: list[list[Tensor]] | None = None
        outs: list[Tensor] = []
        units = list(_units(x).unbind(0)) if x.numel() else [zeros[i]]
        for unit in units:
            tangents = [unit if j == i else z for j, z in enumerate(zeros)]
            with forward_level() as level:
                duals = [
                    make_dual(y, t, level) if j == i or _derivable(y) else y
                    for j, (y, t) in enumerate(zip(given, tangents, strict=True))
                ]
                output = func(*duals)
                if has_aux:
                    output, aux = _aux_pair(output, "jvp", "f, primals, tangents")
                outs, out_spec = _tensors(output, "jvp", "f, primals, tangents")
                if columns is None:
                    columns = [[] for _ in outs]
                for column, o in zip(columns, outs, strict=True):
                    value, t = unpack(o, level)
                    column.append(_core.zeros_like(value) if t is None else t)
        assert columns is not None
        shape = tuple(x.shape)
        found.append(
            [
                _core.stack(c, -1).view(tuple(o.shape) + shape) if x.numel() else o.new_zeros(tuple(o.shape) + shape)
                for c, o in zip(columns, outs, strict=True)
            ]
        )
    return found, out_spec, aux


def _derivable(x: Tensor) -> bool:
    return bool(x.dtype.is_floating_point or x.dtype.is_complex)


def hessian(func: Function, argnums: Argnums = 0) -> Function:
    """A function that gives the Hessian of `func`, whose result may have any shape: the Jacobian of its Jacobian.

    Reverse mode over reverse mode, which is the fastest here; where that is not possible (a Function whose backward
    cannot be derived) forward mode over reverse mode.
    """
    twice, mixed = jacrev(jacrev(func, argnums), argnums), jacfwd(jacrev(func, argnums), argnums)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return twice(*args, **kwargs)
        except RuntimeError as error:
            if "once_differentiable" not in str(error):
                raise
        return mixed(*args, **kwargs)

    return wrapper


def functionalize(func: Function, *, remove: str = "mutations") -> Function:
    """The function itself: PyTorch rewrites changes in place for its compilers; nothing here needs that.

    remove: "mutations" or "mutations_and_views", which makes no difference to results.
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are:\n"
            "     remove='mutations': all inplace and out= operators will be removed from the program, and replaced with their "
            "out-of-place equivalents.\n"
            "     remove='mutations_and_views': In addition to the above, all aliasing operators {view} will be replaced with "
            "their non-aliasing counterparts, {view}_copy.\n"
        )

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapper


_core._internal(globals())
