"""Rules of vmap: what an operator does on all samples at once, by its name, else by its kind.

A rule gets the level, the operator and its arguments, and sees lower levels only. It calls the operator on the tensors
of all samples, whose dimension 0 is the batch, and wraps the result. What has no rule runs sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable

from ... import _core
from ..._core import Tensor
from .along import _REDUCE, _along, _dist, _max, _var
from .common import Rule, _again, _loop, _loop_inplace
from .losses import _cross_entropy, _loss
from .making import _random, _shape_only, _tensor
from .places import _gather, _get_item, _index_along, _index_put, _scatter_inplace, _set_item, _take_along
from .pointwise import _inplace, _matrices, _pointwise, _whole
from .products import (
    _add_product,
    _addbmm,
    _addr,
    _composed,
    _composed_inplace,
    _conv,
    _inner,
    _linear,
    _matmul,
    _outer,
)
from .queries import _backward, _detach_inplace, _refused, _register_hook, _requires_grad, _retain_grad
from .views import (
    _as_strided,
    _cat,
    _diagonal,
    _expand,
    _flatten,
    _flip,
    _flip_named,
    _joined,
    _like,
    _movedim,
    _permute,
    _repeat,
    _roll,
    _squeeze,
    _t,
    _transpose,
    _triangle,
    _triangle_inplace,
    _unbind,
    _unflatten,
    _unsqueeze,
    _with_sizes,
)

_VIEW_ATTRIBUTES: dict[str, Callable[[Tensor], Tensor]] = {
    "T": lambda full: full.permute((0, *range(full.ndim - 1, 0, -1))),
    "mT": lambda full: full.mT,
    "H": lambda full: full.mH if full.ndim == 3 else full,
    "mH": lambda full: full.mH,
    "real": lambda full: full.real,
    "imag": lambda full: full.imag,
}

_BY_KIND: dict[str, Rule] = {"Pointwise": _pointwise, "Random": _random}


def _names(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_RULES: dict[str, Rule] = {
    **_names(
        _pointwise,
        """add sub subtract rsub __radd__ __rsub__ __rmul__ __rtruediv__ __rfloordiv__ __rmod__ __rpow__ __rand__ __ror__
        __rxor__ __rlshift__ __rrshift__ eq ne lt le gt ge not_equal less less_equal greater greater_equal logical_and
        logical_or logical_xor logical_not isnan isinf isfinite isposinf isneginf signbit isclose neg negative
        conj_physical conj positive resolve_conj clone""",
    ),
    **_names(
        _whole,
        """contiguous float double half bfloat16 int long short char byte bool cfloat cdouble detach view_as_real
        view_as_complex real imag""",
    ),
    "to": lambda b, func, self, *args, **kwargs: (
        _again(b, lambda: self.to(args[0].dtype))
        if args and isinstance(args[0], Tensor)
        else _whole(b, func, self, *args, **kwargs)
    ),
    **_names(
        _REDUCE, "sum mean prod amax amin argmax argmin all any nansum logsumexp median nanmedian count_nonzero aminmax"
    ),
    **_names(_along(0, -1), "mode sort argsort softmax log_softmax cumsum cumprod cummax cummin logcumsumexp"),
    **_names(
        _matrices,
        """cholesky det inverse logdet slogdet qr svd geqrf linalg_cholesky linalg_cholesky_ex linalg_det linalg_eig linalg_eigh
        linalg_eigvals linalg_eigvalsh linalg_inv linalg_inv_ex linalg_lu linalg_lu_factor linalg_lu_factor_ex linalg_qr
        linalg_slogdet linalg_svd linalg_svdvals""",
    ),
    "msort": lambda b, func, input: b.wrap(
        (b.all_of(input).sort(1) if input.ndim else b.all_of(input).unsqueeze(1).sort(1))[0].reshape(
            b.all_of(input).shape
        )
    ),
    **_names(_along(1, -1), "kthvalue topk"),
    **_names(_max, "max min"),
    **_names(_var, "var std var_mean std_mean"),
    "norm": _along(1, None),
    "dist": _dist,
    **_names(_with_sizes("size"), "view"),
    **_names(_with_sizes("shape"), "reshape"),
    **_names(_expand, "expand broadcast_to"),
    **_names(_repeat, "repeat tile"),
    **_names(_like, "view_as reshape_as expand_as"),
    "permute": _permute,
    **_names(_transpose, "transpose swapaxes swapdims"),
    "t": _t,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    **_names(_along(0, 0), "narrow select"),
    **_names(_along(1, 0), "split split_with_sizes chunk"),
    "unfold": _along(0, 0, "dimension"),
    "diagonal": _diagonal,
    "as_strided": _as_strided,
    "flatten": _flatten,
    "ravel": _flatten,
    "unflatten": _unflatten,
    "unbind": _unbind,
    **_names(_movedim, "movedim moveaxis"),
    "flip": _flip,
    "fliplr": _flip_named(1),
    "flipud": _flip_named(0),
    "roll": _roll,
    **_names(_triangle, "tril triu"),
    **_names(_cat, "cat concat concatenate stack"),
    **_names(_joined, "hstack vstack dstack"),
    **_names(_gather, "gather scatter scatter_add"),
    **_names(_scatter_inplace, "scatter_ scatter_add_"),
    **_names(
        _index_along,
        "index_select index_add index_copy index_fill index_add_ index_copy_ index_fill_",
    ),
    "take_along_dim": _take_along,
    "masked_select": _refused,
    "__getitem__": _get_item,
    "__setitem__": _set_item,
    "index_put": _index_put,
    "index_put_": _loop_inplace,
    **_names(_matmul, "matmul mm bmm mv dot __matmul__"),
    **_names(_composed(_outer), "outer ger"),
    **_names(_composed(_add_product), "addmm baddbmm addmv"),
    "addbmm": _composed(_addbmm),
    "addr": _composed(_addr),
    "inner": _composed(_inner),
    **_names(_composed_inplace(_add_product), "addmm_ baddbmm_ addmv_"),
    "addbmm_": _composed_inplace(_addbmm),
    "addr_": _composed_inplace(_addr),
    "linear": _linear,
    **{f"conv{n}d": _conv(n, False) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _conv(n, True) for n in (1, 2, 3)},
    **_names(_loss, "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits"),
    **_names(_cross_entropy, "nll_loss cross_entropy"),
    **_names(_shape_only, "empty_like zeros_like ones_like full_like new_empty new_zeros new_ones new_full"),
    **_names(_tensor, "tensor as_tensor new_tensor"),
    **_names(_inplace, "copy_ zero_"),
    "fill_": lambda b, func, self, value: _inplace(b, Tensor.copy_ if isinstance(value, Tensor) else func, self, value),
    **_names(
        _refused,
        "nonzero argwhere allclose equal bincount squeeze_ unsqueeze_ t_ transpose_ swapaxes_ swapdims_ resize_",
    ),
    "requires_grad_": _requires_grad,
    "retain_grad": _retain_grad,
    "register_hook": _register_hook,
    "backward": _backward,
    "detach_": _detach_inplace,
}


def _find(name: str, kind: str) -> Rule:
    """The rule by kind; remembered under the name."""
    if kind == "Random":
        rule: Rule = _random
    elif name.endswith("_") and not name.endswith("__"):
        same = _RULES.get(name[:-1])
        pointwise = kind in ("Pointwise", "Comparison") or same is _pointwise
        if pointwise:
            rule = _inplace
        elif same is _triangle:
            rule = _triangle_inplace
        else:
            rule = _loop_inplace
    else:
        rule = _BY_KIND.get(kind, _loop)
    _RULES[name] = rule
    return rule


_core._internal(globals())
