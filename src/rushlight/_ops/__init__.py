"""Operators that are written in Python, out of others: the derivative comes free.

One definition each: `@operator(...)` makes the function, the method, the in-place form and `out=`, asks
`__torch_function__`, and puts the result where PyTorch has it. A family is a module; `load` imports them all, so a module
here imports nothing that is slow to import.
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
#: pointwise operators that do not convert; "any" all. The numbers are the core's OutRule.
OUT_RULES = {False: -1, True: 0, "cast": 1, "same": 2, "found": 3, "any": 4}

#: What `rushlight.<name>` is, for all operators with a function in that namespace.
functions: dict[str, Any] = {}


def operator(
    kind: str = "Other", *, where: int = BOTH, out: bool | str = False, inplace: bool = False, alias: str = ""
) -> Callable[[Function], Any]:
    """Makes an operator of a function on tensors.

    kind: what it is mathematically (one of the core's kinds); where: function, method or both; out: it takes `out=`,
    and which dtypes that may have ("cast", "same", "found" or "any", see OUT_RULES; True: "cast" for pointwise
    operators and comparisons, else "same"); inplace: there is a method `name_`, too; alias: other names, separated by
    spaces.
    """

    def define(function: Function) -> Any:
        result = None
        for name in (function.__name__, *alias.split()):
            made = _core._python_operator(function, name, kind, where, OUT_RULES[out])
            if where & FUNCTION:
                functions[name] = made
            if inplace:
                _core._python_operator(_in_place(function, name), f"{name}_", kind, METHOD, -1)
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


def load() -> dict[str, Any]:
    """Imports all families and gives the functions of the main namespace."""
    from . import pointwise, reduce, shape  # noqa: F401

    for family in list(globals().values()):
        if type(family) is type(_core):
            _core._internal(vars(family))  # messages name the user's lines
    return functions
