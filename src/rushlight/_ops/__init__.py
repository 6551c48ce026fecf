"""Operators that are written in Python, out of others: the derivative comes free.

One definition each: `@operator(...)` makes the function, the method, the in-place form and `out=`, asks
`__torch_function__`, and puts the result where PyTorch has it. A family is a module. `load` imports those of EAGER, so
that they import nothing that is slow to import; the others wait until one of their names is used (DEFERRED).
"""

from __future__ import annotations

from .. import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Function = Callable[..., Any]

FUNCTION, METHOD, BOTH = 1, 2, 3

#: The dtype of `out=`: "cast" what the result can be cast to; "same" the result's; "found" the same with the message of
#: pointwise operators that do not convert; "any" all; "complex" a complex one for a complex result, a float for a real
#: one. The numbers are the core's OutRule.
OUT_RULES = {False: -1, True: 0, "cast": 1, "same": 2, "found": 3, "any": 4, "complex": 5}

#: What `rushlight.<name>` is, for all operators with a function in that namespace.
functions: dict[str, Any] = {}
#: The same for `rushlight.<namespace>.<name>`.
namespaces: dict[str, dict[str, Any]] = {}

#: Families that are loaded when one of these names is first used: names in the main namespace that are functions and
#: methods, those that are functions alone, and methods alone. Names in a namespace of their own load with its module.
DEFERRED = {
    "copies": (
        "",
        "alias_copy as_strided_copy detach_copy diagonal_copy expand_copy permute_copy select_copy slice_copy split_copy "
        "split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy unsqueeze_copy view_copy "
        "view_as_real_copy view_as_complex_copy",
        "",
    ),
    "embedding": ("", "embedding_bag embedding_renorm_", ""),
    "image": (
        "",
        "affine_grid_generator bilinear channel_shuffle conv_tbc native_channel_shuffle pixel_shuffle pixel_unshuffle",
        "",
    ),
    "linalg": ("lu matrix_exp matrix_power orgqr ormqr pinverse", "pca_lowrank svd_lowrank", ""),
    "rnn": ("", "gru lstm rnn_relu rnn_tanh", ""),
    "signal": (
        "stft istft",
        "bartlett_window blackman_window hamming_window hann_window histogramdd kaiser_window",
        "",
    ),
    "losses": (
        "",
        "cosine_embedding_loss cosine_similarity ctc_loss hinge_embedding_loss kl_div margin_ranking_loss "
        "pairwise_distance poisson_nll_loss triplet_margin_loss",
        "",
    ),
    "special": ("igamma igammac mvlgamma", "", "igamma_ igammac_ mvlgamma_"),
}


def operator(
    kind: str = "Other",
    *,
    where: int = BOTH,
    out: bool | str = False,
    inplace: bool = False,
    alias: str = "",
    name: str = "",
    namespace: str = "",
) -> Callable[[Function], Any]:
    """Makes an operator of a function on tensors.

    kind: what it is mathematically (one of the core's kinds); where: function, method or both; out: it takes `out=`,
    and which dtypes that may have ("cast", "same", "found", "any" or "complex", see OUT_RULES; True: "cast" for pointwise
    operators and comparisons, else "same"); inplace: there is a method `name_`, too; alias: other names, separated by
    spaces; name: the operator's, where it is not the function's; namespace: "linalg" for `rushlight.linalg.<name>`.
    """

    def define(function: Function) -> Any:
        result = None
        for own in (name or function.__name__, *alias.split()):
            if namespace:
                made = _core._python_operator(function, f"{namespace}_{own}", kind, FUNCTION, OUT_RULES[out])
                namespaces.setdefault(namespace, {})[own] = made
            else:
                made = _core._python_operator(function, own, kind, where, OUT_RULES[out])
                if where & FUNCTION:
                    functions[own] = made
            if inplace:
                _core._python_operator(_in_place(function, own), f"{own}_", kind, METHOD, -1)
            result = result or made
        return result

    return define


#: The core's word for an annotation; what is not here is not checked.
_TYPES = {
    "Tensor": "Tensor",
    "Sequence[Tensor]": "Tensors",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
    "Sequence[int]": "ints",
    "dtype": "dtype",
}


def _signature(function: Function) -> str:
    """The signature of an operator in the core's notation, which the core asks for at the first call.

    Empty for functions with *args or **kwargs: they look at their arguments themselves.
    """
    function = getattr(function, "__wrapped__", function)
    code = function.__code__
    if code.co_flags & 0x0C:
        return ""
    defaults: dict[str, Any] = dict(function.__kwdefaults__ or {})
    positional = code.co_varnames[: code.co_argcount]
    if function.__defaults__:
        defaults.update(zip(positional[-len(function.__defaults__) :], function.__defaults__, strict=True))
    parts = []
    for i, name in enumerate(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]):
        if i == code.co_argcount:
            parts.append("*")
        annotation = function.__annotations__.get(name, "Any")
        word = _TYPES.get(annotation.removesuffix(" | None"), "any")
        optional = "?" if annotation.endswith(" | None") else ""
        # The text of a default is only shown, and must not look like the end of the parameter.
        default = "=" + repr(defaults[name]).replace(", ", ",") if name in defaults else ""
        parts.append(f"{word}{optional} {name}{default}")
    return f"({', '.join(parts)})"


def _in_place(function: Function, name: str) -> Function:
    assign = _core._assign

    def form(self: Any, *args: Any, **kwargs: Any) -> Any:
        return assign(self, function(self, *args, **kwargs))

    form.__wrapped__ = function  # type: ignore[attr-defined]
    form.__name__ = f"{name}_"
    form.__doc__ = f"In-place {name}."
    return form


class _Deferred:
    """Stands for a method until its family is loaded, which puts the operator in its place."""

    __slots__ = ("family", "name")

    def __init__(self, family: str, name: str) -> None:
        self.family, self.name = family, name

    def __get__(self, instance: Any, owner: Any) -> Any:
        load_family(self.family)
        return getattr(owner if instance is None else instance, self.name)


def load_family(family: str) -> dict[str, Any]:
    """Imports a family and gives what it has in the namespace of its name."""
    import importlib

    _core._internal(vars(importlib.import_module(f"{__name__}.{family}")))
    return namespaces.get(family, {})


def deferred(name: str) -> Any:
    """The function of this name in the main namespace if a family that is not loaded yet has it, else None."""
    for family, (both, alone, _) in DEFERRED.items():
        if name in both.split() or name in alone.split():
            load_family(family)
            return functions[name]
    return None


def load() -> dict[str, Any]:
    """Imports all families and gives the functions of the main namespace."""
    from . import pointwise, reduce, shape  # noqa: F401

    for module in (pointwise, reduce, shape):
        _core._internal(vars(module))  # messages name the user's lines
    for family, (both, _, methods) in DEFERRED.items():
        for name in (*both.split(), *methods.split()):
            setattr(_core.Tensor, name, _Deferred(family, name))
    return functions
