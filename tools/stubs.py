"""Writes the types of the operators: _core.pyi from the signatures that the native core itself states, and
_ops/_functions.pyi from the annotations of the operators that are written in Python.

    python tools/stubs.py            writes the files
    python tools/stubs.py --check    ends with status 1 if a file is not what would be written

The core must be built and importable. Signatures, defaults and documentation come from the operators' records; what a
record does not say, the type of a result that is no tensor, stands in RETURNS below.
"""

from __future__ import annotations

import ast
import copy
import keyword
import sys
from pathlib import Path
from typing import NamedTuple

from rushlight import _core

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "rushlight"

# The types of parameters (see OpDef in native/python/bind.h).
TYPES = {
    "Tensor": "Tensor",
    "Tensors": "Sequence[Tensor]",
    "Number": "_Number",
    "Operand": "Tensor | _Number",
    "int": "_int",
    "float": "_float",
    "bool": "_bool",
    "str": "str",
    "ints": "_int | Sequence[_int]",
    "size": "Sequence[_int]",
    "dtype": "_DType",
    "device": "_Device",
    "layout": "_layout",
    "format": "_memory_format",
    "generator": "Generator",
    "any": "Any",
}

TENSORS = "tuple[Tensor, ...]"
PAIR = "tuple[Tensor, Tensor]"
FOUND = "_ValuesAndIndices"
# Results that are no single tensor; a list goes with the lines of the signature.
RETURNS: dict[str, str | list[str]] = {
    **dict.fromkeys(
        "is_floating_point is_complex is_signed is_contiguous can_cast is_grad_enabled is_inference_mode_enabled is_tensor equal "
        "allclose is_nonzero is_same_size is_set_to _is_torch_function_enabled _optim_step".split(),
        "_bool",
    ),
    **dict.fromkeys("numel get_num_threads seed initial_seed".split(), "_int"),
    **dict.fromkeys(
        "backward _autograd_backward retain_grad set_default_dtype set_num_threads _empty_cache set_rng_state _clear_grads".split(),
        "None",
    ),
    **dict.fromkeys("promote_types result_type get_default_dtype".split(), "_dtype"),
    **dict.fromkeys(
        "unbind split split_with_sizes chunk tensor_split hsplit vsplit dsplit broadcast_tensors meshgrid unsafe_chunk unsafe_split "
        "atleast_1d atleast_2d atleast_3d _autograd_grad _histogramdd".split(),
        TENSORS,
    ),
    **dict.fromkeys("sort topk kthvalue mode cummax cummin".split(), FOUND),
    **dict.fromkeys("std_mean var_mean aminmax frexp slogdet histogram _ctc_loss native_dropout".split(), PAIR),
    **dict.fromkeys("max min median nanmedian".split(), ["Tensor", FOUND, "Tensor"]),
    **dict.fromkeys(
        "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool1d fractional_max_pool2d "
        "fractional_max_pool3d".split(),
        PAIR,
    ),
    **dict.fromkeys(
        "max_pool1d max_pool2d max_pool3d adaptive_max_pool2d adaptive_max_pool3d".split(),
        "Any",
    ),
    "size": "Any",
    "stride": "Any",
    "where": ["Tensor", TENSORS],
    "nonzero": "Any",
    "unique": "Any",
    "unique_consecutive": "Any",
    "register_hook": "Any",
    "register_post_accumulate_grad_hook": "Any",
    "manual_seed": "Generator",
    "_storage_span": "tuple[_int, _int]",
    "_to_dlpack": "Any",
    "_from_dlpack": "tuple[Tensor, _bool]",
    "info": "dict[str, Any]",
    "broadcast_shapes": "Size",
}

HEAD = """\
# Written by tools/stubs.py from the core's own signatures; not to be edited.
from builtins import bool as _bool, bytes as _bytes, complex as _complex, float as _float, int as _int, type as _type
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NoReturn, TypeAlias, TypeVar, overload

import numpy as _numpy

from ._types import device as _device_class, layout, memory_format

_layout: TypeAlias = layout
_memory_format: TypeAlias = memory_format
_device: TypeAlias = _device_class
_Number: TypeAlias = _int | _float | _bool | _complex
_Device: TypeAlias = _device_class | str | _int
_F = TypeVar("_F", bound=Callable[..., Any])

class dtype:
    @property
    def is_floating_point(self) -> _bool: ...
    @property
    def is_complex(self) -> _bool: ...
    @property
    def is_signed(self) -> _bool: ...
    @property
    def itemsize(self) -> _int: ...
    def to_real(self) -> dtype: ...
    def to_complex(self) -> dtype: ...

_dtype: TypeAlias = dtype
_DType: TypeAlias = dtype | _type[_bool] | _type[_int] | _type[_float] | _type[_complex]

class Size(tuple[_int, ...]):
    def numel(self) -> _int: ...

class Generator:
    def __init__(self, device: _Device = ...) -> None: ...
    def manual_seed(self, seed: _int) -> Generator: ...
    def seed(self) -> _int: ...
    def initial_seed(self) -> _int: ...
    def get_state(self) -> Tensor: ...
    def set_state(self, state: Tensor) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...

class Node:
    @property
    def next_functions(self) -> tuple[tuple[Node | None, _int], ...]: ...
    def name(self) -> str: ...
    def __getattr__(self, name: str) -> Any: ...

class _ValuesAndIndices(tuple[Tensor, Tensor]):
    @property
    def values(self) -> Tensor: ...
    @property
    def indices(self) -> Tensor: ...

class _Mode:
    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...
    def __call__(self, function: _F) -> _F: ...
    def clone(self) -> _Mode: ...

class no_grad(_Mode):
    @overload
    def __new__(cls) -> no_grad: ...
    @overload
    def __new__(cls, function: _F) -> _F: ...

class enable_grad(_Mode):
    @overload
    def __new__(cls) -> enable_grad: ...
    @overload
    def __new__(cls, function: _F) -> _F: ...

class inference_mode(_Mode):
    @overload
    def __new__(cls, mode: _bool = True) -> inference_mode: ...
    @overload
    def __new__(cls, mode: _F) -> _F: ...

class set_grad_enabled(_Mode):
    def __init__(self, mode: _bool) -> None: ...

class DisableTorchFunctionSubclass(_Mode): ...

default_generator: Generator

def operators() -> dict[str, str]: ...
def _operator(name: str) -> Callable[..., Any]: ...
def _signatures() -> dict[str, tuple[str, _int, str]]: ...
"""

# What Python's syntax and attribute access reach without an operator's name.
TENSOR = """\
class Tensor:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def shape(self) -> Size: ...
    @property
    def dtype(self) -> _dtype: ...
    @property
    def ndim(self) -> _int: ...
    @property
    def itemsize(self) -> _int: ...
    @property
    def nbytes(self) -> _int: ...
    @property
    def grad_fn(self) -> Node | None: ...
    @property
    def is_leaf(self) -> _bool: ...
    @property
    def retains_grad(self) -> _bool: ...
    @property
    def output_nr(self) -> _int: ...
    @property
    def _version(self) -> _int: ...
    @property
    def _base(self) -> Tensor | None: ...
    @property
    def T(self) -> Tensor: ...
    @property
    def mT(self) -> Tensor: ...
    @property
    def H(self) -> Tensor: ...
    @property
    def mH(self) -> Tensor: ...
    requires_grad: _bool
    grad: Tensor | None
    data: Tensor
    real: Tensor
    imag: Tensor
    __hash__: ClassVar[Callable[[Any], _int]]
    def item(self) -> Any: ...
    def tolist(self) -> Any: ...
    def numel(self) -> _int: ...
    def nelement(self) -> _int: ...
    def dim(self) -> _int: ...
    def ndimension(self) -> _int: ...
    def data_ptr(self) -> _int: ...
    def storage_offset(self) -> _int: ...
    def is_inference(self) -> _bool: ...
    def is_conj(self) -> _bool: ...
    def is_neg(self) -> _bool: ...
    def _is_view(self) -> _bool: ...
    def as_subclass(self, cls: _type[Any]) -> Any: ...
    @staticmethod
    def _make_subclass(cls: _type[Any], data: Tensor, require_grad: _bool = False) -> Any: ...
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any: ...
    def __len__(self) -> _int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __getitem__(self, key: Any) -> Tensor: ...
    def __setitem__(self, key: Any, value: Tensor | _Number) -> None: ...
    def __bool__(self) -> _bool: ...
    def __int__(self) -> _int: ...
    def __float__(self) -> _float: ...
    def __complex__(self) -> _complex: ...
    def __index__(self) -> _int: ...
    def __buffer__(self, flags: _int) -> memoryview: ...
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
"""
FUNCTIONS_HEAD = """\
# Written by tools/stubs.py from the annotations in this folder; not to be edited.
from builtins import bool as _bool, bytes as _bytes, complex as _complex, float as _float, int as _int, type as _type
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .._core import Generator, Size, Tensor, dtype as _dtype
"""
BINARY = "add sub mul truediv floordiv mod pow and or xor lshift rshift".split()
COMPARE = "eq ne lt le gt ge".split()
# Types whose names are names of methods, attributes or dtypes here.
SHADOWED = {"int", "float", "bool", "complex", "type", "bytes", "dtype"}


def parameters(line: str) -> list[tuple[str, str, str | None, bool]]:
    """(name, type, default, keyword only) of each parameter in a line of a record's signatures."""
    out = []
    only = False
    for item in filter(None, line[1 : line.rindex(")")].split(", ")):
        if item == "*":
            only = True
            continue
        spelled, _, rest = item.partition(" ")
        name, eq, default = rest.partition("=")
        kind = TYPES[spelled.rstrip("?")]
        if spelled.endswith("?") or default == "None":
            kind += " | None" if kind != "Any" else ""
        out.append(
            (
                f"{name}_" if keyword.iskeyword(name) else name,
                spelled.rstrip("?") + "\0" + kind,
                default if eq else None,
                only,
            )
        )
    return out


def headers(line: str, method: bool) -> list[str]:
    """The parameter lists that a line stands for: two where sizes may be given one by one."""
    given = parameters(line)
    star = next((i for i, p in enumerate(given) if p[1].startswith("size\0") and not p[3]), None)
    variants = [False] if star is None else [False, True]
    out = []
    for spread in variants:
        parts: list[str] = []
        only = optional = False
        for i, (name, kind, default, keyword_only) in enumerate(given):
            if method and i == 0:
                parts.append("self")
                continue
            if spread and i == star:
                parts.append(f"*{name}: _int")
                only = True
                continue
            if keyword_only and not only:
                parts.append("*")
                only = True
            text = f"{name}: {kind.partition(chr(0))[2]}"
            if default is not None or (optional and not only):
                text += f" = {default if default is not None else '...'}"
                optional = True
            parts.append(text)
        out.append(", ".join(parts))
    return out


def definition(name: str, signatures: str, doc: str, method: bool) -> list[str]:
    result = RETURNS.get(name, "Tensor")
    lines = [line for line in signatures.split("\n") if line]
    variants: list[tuple[str, str]] = []
    for i, line in enumerate(lines):
        kind = result if isinstance(result, str) else result[min(i, len(result) - 1)]
        variants += [(header, kind) for header in headers(line, method) if header not in [h for h, _ in variants]]
    indent = "    " if method else ""
    out = []
    for header, kind in variants:
        if len(variants) > 1:
            out.append(f"{indent}@overload")
        head = f"{indent}def {name}({header}) -> {kind}:"
        if doc and header is variants[0][0]:
            out += [head, f'{indent}    """{doc.strip()}"""' if '"""' not in doc else f"{indent}    ..."]
        else:
            out.append(f"{head} ...")
    return out


def attached(own: set[str]) -> list[str]:
    """The methods that are written in Python (_tensor._Methods), by their own annotations."""
    tree = ast.parse((PACKAGE / "_tensor.py").read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "_Methods").body
    out = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id not in own:
            out.append(f"    {node.target.id}: {_annotation(node.annotation)}")
        if isinstance(node, ast.FunctionDef) and node.name not in own:
            decorators = [
                ast.unparse(d)
                for d in node.decorator_list
                if ast.unparse(d) in ("staticmethod", "classmethod", "property")
            ]
            out += [f"    @{d}" for d in decorators]
            for argument in [
                *node.args.posonlyargs,
                *node.args.args,
                *node.args.kwonlyargs,
                node.args.vararg,
                node.args.kwarg,
            ]:
                if argument is not None and argument.annotation is not None:
                    argument.annotation = None if argument.arg == "self" else ast.Name(_annotation(argument.annotation))
            returns = _annotation(node.returns) if node.returns is not None else "Any"
            out.append(f"    def {node.name}({ast.unparse(node.args)}) -> {returns}: ...")
    return out


class PythonOperator(NamedTuple):
    name: str
    arguments: ast.arguments
    returns: str
    doc: str
    where: int
    in_place: bool


def python_operators() -> list[PythonOperator]:
    """What `@operator(...)` makes of the functions in _ops, all names of each."""
    places = {"FUNCTION": 1, "METHOD": 2, "BOTH": 3}
    found = []
    for path in sorted((PACKAGE / "_ops").glob("[a-z]*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            call = next(
                (d for d in node.decorator_list if isinstance(d, ast.Call) and ast.unparse(d.func) == "operator"), None
            )
            if call is None:
                continue
            options = {k.arg: ast.unparse(k.value) for k in call.keywords}
            arguments = node.args
            for argument in _all(arguments):
                if argument.annotation is not None:
                    argument.annotation = ast.Name(_annotation(argument.annotation))
            in_place = arguments
            if options.get("out") == "True":
                arguments = copy.deepcopy(arguments)
                arguments.kwonlyargs.append(ast.arg("out", ast.Name("Tensor | None")))
                arguments.kw_defaults.append(ast.Constant(None))
            returns = _annotation(node.returns) if node.returns is not None else "Any"
            where = places[options.get("where", "BOTH")]
            if "namespace" in options:
                continue  # annotated where it stands
            for name in [
                ast.literal_eval(options.get("name", repr(node.name))),
                *ast.literal_eval(options.get("alias", "''")).split(),
            ]:
                found.append(PythonOperator(name, arguments, returns, ast.get_docstring(node) or "", where, False))
                if options.get("inplace") == "True":
                    found.append(PythonOperator(f"{name}_", in_place, "Tensor", "", 2, True))
    return found


def _all(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [argument for argument in every if argument is not None]


def python_method(op: PythonOperator) -> str:
    arguments = copy.deepcopy(op.arguments)
    first = (arguments.posonlyargs or arguments.args)[0]
    first.arg, first.annotation = "self", None
    return f"    def {op.name}({ast.unparse(arguments)}) -> {op.returns}: ..."


def functions_text() -> str:
    out = [FUNCTIONS_HEAD]
    for op in python_operators():
        if op.where & 1:
            out.append(f"def {op.name}({ast.unparse(op.arguments)}) -> {op.returns}:")
            out.append(f'    """{op.doc}"""' if op.doc else "    ...")
    return "\n".join(out) + "\n"


def _annotation(node: ast.expr) -> str:
    for name in ast.walk(node):
        if isinstance(name, ast.Name) and name.id in SHADOWED:
            name.id = f"_{name.id}"
    return ast.unparse(node)


def text() -> str:
    signatures = _core._signatures()
    out = [HEAD]
    known = {
        line.split()[1].split("(")[0].rstrip(":") for line in HEAD.splitlines() if line.startswith(("class ", "def "))
    }
    for name in sorted(vars(_core)):
        value = getattr(_core, name)
        if isinstance(value, _core.dtype):
            out.append(f"{name}: dtype")
        elif (
            name not in known
            and name not in signatures
            and name not in ("Tensor", "default_generator")
            and not name.startswith("__")
        ):
            out.append(f"{name}: Any")
    out += ["", TENSOR.rstrip()]
    own = {line.split("def ")[1].split("(")[0] for line in TENSOR.splitlines() if "def " in line}
    own |= {
        line.split(":")[0].strip()
        for line in TENSOR.splitlines()
        if line.startswith("    ") and ": " in line and "def " not in line
    }
    for name in BINARY:
        out += [f"    def __{name}__(self, other: Tensor | _Number) -> Tensor: ..."]
        out += [f"    def __r{name}__(self, other: _Number) -> Tensor: ..."]
        out += [f"    def __i{name}__(self, other: Tensor | _Number) -> Tensor: ..."]
    out += ["    def __matmul__(self, other: Tensor) -> Tensor: ..."]
    for name in COMPARE:
        out += [f"    def __{name}__(self, other: Tensor | _Number) -> Tensor: ..."]
    methods = {name for name, (_, where, _) in signatures.items() if where & 2}
    out += attached(own | methods)
    out += [python_method(op) for op in python_operators() if op.where & 2 and op.name not in own]
    for name in sorted(methods - own):
        if not name.startswith("__"):
            lines, where, doc = signatures[name]
            out += definition(name, lines, "" if where & 1 else doc, method=True)
    out.append("")
    for name in sorted(signatures):
        lines, where, doc = signatures[name]
        if where & 1 and not isinstance(getattr(_core, name, None), _core.dtype) and name not in known:
            out += definition(name, lines, doc, method=False)
    return "\n".join(out) + "\n"


def main(arguments: list[str]) -> int:
    status = 0
    for path, wanted in ((PACKAGE / "_core.pyi", text()), (PACKAGE / "_ops" / "_functions.pyi", functions_text())):
        if "--check" not in arguments:
            path.write_text(wanted, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != wanted:
            print(
                f"{path} is out of date: run `python tools/stubs.py` with the core that the sources build",
                file=sys.stderr,
            )
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
