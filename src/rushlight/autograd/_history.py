"""Where the history of a tensor ended: read off the program's source when backward finds none.

Nothing is recorded for this while programs run. When backward is called on a tensor without history, the expression that it was
called on is looked up in the source, names are followed to what was assigned to them last, calls of Python functions to what
they return, and what is known to end a history is reported with its line. Names whose value has a history are not followed.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from .. import _core
from .._core import Tensor

__all__ = ["explain"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_DEPTH, _STEPS = 12, 2000

_NUMBERS = "gives Python numbers, which have no history"
_INTEGER = "gives integers or booleans, which have no derivative"
# Methods (and functions of the same name) that end a history, why, and what to do.
_ENDS = {
    "detach": ("detach() cuts the history", "leave it out, or detach only what is not to be derived"),
    "detach_": ("detach_() cuts the history", "leave it out"),
    "item": (f"item() {_NUMBERS}", "keep the tensor: a 0-dim tensor computes like a number"),
    "tolist": (f"tolist() {_NUMBERS}", "compute with the tensor"),
    "numpy": ("numpy() leaves autograd", "use the tensor's own operators"),
    "argmax": (f"argmax() {_INTEGER}", "use max(), or softmax for a smooth choice"),
    "argmin": (f"argmin() {_INTEGER}", "use min(), or softmax for a smooth choice"),
    "argsort": (f"argsort() {_INTEGER}", "use sort(), whose values have a derivative"),
    "nonzero": (f"nonzero() {_INTEGER}", "multiply by a mask instead"),
    "bincount": (f"bincount() {_INTEGER}", "use scatter_add with weights"),
    "long": (f"long() {_INTEGER}", "convert after the loss, or not at all"),
    "int": (f"int() {_INTEGER}", "convert after the loss, or not at all"),
    "short": (f"short() {_INTEGER}", "convert after the loss, or not at all"),
    "byte": (f"byte() {_INTEGER}", "convert after the loss, or not at all"),
    "char": (f"char() {_INTEGER}", "convert after the loss, or not at all"),
    "bool": (f"bool() {_INTEGER}", "convert after the loss, or not at all"),
    "logical_and": (f"logical_and() {_INTEGER}", "multiply instead"),
    "logical_or": (f"logical_or() {_INTEGER}", "use maximum"),
    "logical_not": (f"logical_not() {_INTEGER}", "use 1 - x"),
    **{n: (f"{n}() {_INTEGER}", "use a smooth function such as sigmoid") for n in ("eq", "ne", "lt", "le", "gt", "ge")},
}
_COPIES = {"tensor", "as_tensor", "from_numpy", "asarray", "Tensor", "FloatTensor", "DoubleTensor"}
_CREATE = {
    "ones",
    "zeros",
    "rand",
    "randn",
    "full",
    "empty",
    "arange",
    "linspace",
    "eye",
    "randint",
    "normal",
    "randperm",
}
_INTEGERS = {"int8", "int16", "int32", "int64", "uint8", "bool", "long", "int", "short"}
_NO_GRAD = {"no_grad", "inference_mode"}
_SEQUENCES = (ast.Tuple, ast.List)
Assignment = ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr | ast.For


@dataclass
class _Finding:
    file: str
    line: int
    why: str
    cure: str
    rank: int = 0  # what surely ends a history comes before what may


@dataclass
class _Scope:
    """A function's (or module's) body, its file, and the values of names there as far as they are known."""

    file: str
    body: ast.AST
    parents: dict[ast.AST, ast.AST]
    values: dict[str, Any]
    outer: dict[str, Any]
    found: list[_Finding] = field(default_factory=list)

    def value(self, name: str) -> Any:
        return self.values.get(name, self.outer.get(name))


_parsed: dict[str, tuple[int, ast.Module, dict[ast.AST, ast.AST]] | None] = {}


def _parse(file: str, names: dict[str, Any]) -> tuple[ast.Module, dict[ast.AST, ast.AST]] | None:
    text = "".join(linecache.getlines(file, names))
    known = _parsed.get(file)
    if known is not None and known[0] == hash(text):
        return known[1:]
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    _parsed.clear()  # one program at a time
    _parsed[file] = hash(text), tree, parents
    return tree, parents


def _user_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def _body(tree: ast.Module, code: CodeType) -> ast.AST:
    """The definition that the code object was compiled from; the module for module code."""
    best: ast.AST = tree
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            if name == code.co_name and first == code.co_firstlineno:
                best = node
    return best


def explain(tensor: Tensor, position: int = 0) -> str:
    """Lines to add to the message about root `position` of a backward pass, which has no history."""
    frame = _user_frame()
    if frame is None:
        return ""
    file = frame.f_code.co_filename
    parsed = _parse(file, frame.f_globals)
    findings: list[_Finding] = []
    if parsed is not None:
        tree, parents = parsed
        scope = _Scope(file, _body(tree, frame.f_code), parents, dict(frame.f_locals), frame.f_globals)
        call = _call(scope.body, frame)
        root = None if call is None else _root(call, position)
        if root is not None and call is not None:
            search = _Search(findings)
            search.expression(root, scope, call.lineno, 0)
    if not tensor.dtype.is_floating_point and not tensor.dtype.is_complex and not findings:
        findings.append(
            _Finding(file, frame.f_lineno, f"the tensor is of dtype {tensor.dtype}, which has no derivative", "")
        )
    lines: list[str] = []
    surest = min((f.rank for f in findings), default=0)
    for f in findings:
        if f.rank != surest:
            continue
        text = (
            f"The history ended at {f.file}:{f.line}, where {f.why}."
            if f.rank == 0
            else f"{f.why} ({f.file}:{f.line})."
        )
        if f.cure:
            text += f" Cure: {f.cure}."
        if text not in lines:
            lines.append(text)
    if not _core.is_grad_enabled():
        lines.append(
            f"Recording is off at {file}:{frame.f_lineno}, too: this runs under no_grad, inference_mode or the like."
        )
    return "".join("\n" + line for line in lines[:3])


def _call(body: ast.AST, frame: FrameType) -> ast.Call | None:
    """The call that the frame is in."""
    calls = [
        n
        for n in ast.walk(body)
        if isinstance(n, ast.Call) and n.lineno <= frame.f_lineno <= (n.end_lineno or n.lineno)
    ]
    if sys.version_info >= (3, 11):
        spots = list(frame.f_code.co_positions())
        if 0 <= frame.f_lasti // 2 < len(spots):
            spot = spots[frame.f_lasti // 2]
            exact = [n for n in calls if (n.lineno, n.end_lineno, n.col_offset, n.end_col_offset) == spot]
            if exact:
                return exact[0]
    likely = [n for n in calls if isinstance(n.func, ast.Attribute) and n.func.attr in ("backward", "grad")]
    return (likely or calls or [None])[0]  # type: ignore[list-item]


def _root(call: ast.Call, position: int) -> ast.expr | None:
    """The expression that backward starts from: x of x.backward(), or an argument of backward(x) and grad(x, …)."""
    given = {k.arg: k.value for k in call.keywords}
    first = call.args[0] if call.args else given.get("tensors", given.get("outputs"))
    if isinstance(call.func, ast.Attribute) and call.func.attr == "backward":
        owner = call.func.value
        names = {n.attr for n in ast.walk(owner) if isinstance(n, ast.Attribute)}
        names |= {n.id for n in ast.walk(owner) if isinstance(n, ast.Name)}
        if not ({"autograd"} & names and first is not None):
            return owner
    if isinstance(first, _SEQUENCES) and position < len(first.elts):
        return first.elts[position]
    return first


class _Search:
    def __init__(self, findings: list[_Finding]) -> None:
        self.findings = findings
        self.steps = 0
        self.seen: set[tuple[str, int, int, int]] = set()

    def found(self, scope: _Scope, node: ast.AST, why: str, cure: str, rank: int = 0) -> None:
        line = getattr(node, "end_lineno", None) if isinstance(node, ast.Attribute) else getattr(node, "lineno", 0)
        self.findings.append(_Finding(scope.file, line or 0, why, cure, rank))

    def expression(self, node: ast.AST, scope: _Scope, line: int, depth: int) -> None:
        """Looks for what ends a history in an expression whose value is used at `line`."""
        self.steps += 1
        mark = (
            scope.file,
            getattr(node, "lineno", 0),
            getattr(node, "col_offset", 0),
            getattr(node, "end_col_offset", 0),
        )
        if depth > _DEPTH or self.steps > _STEPS or mark in self.seen:
            return
        self.seen.add(mark)
        if isinstance(node, ast.Name):
            self.name(node.id, scope, line, depth)
        elif isinstance(node, ast.Compare):
            if not any(isinstance(op, (ast.Is, ast.IsNot, ast.In, ast.NotIn)) for op in node.ops):
                self.found(scope, node, f"a comparison {_INTEGER}", "use a smooth function such as sigmoid")
        elif isinstance(node, ast.Attribute):
            if node.attr == "data":
                self.found(scope, node, ".data cuts the history", "leave it out")
            elif node.attr == "grad":
                self.found(scope, node, ".grad has a history only if it was made with create_graph=True", "pass that")
            else:
                self.expression(node.value, scope, line, depth)
        elif isinstance(node, ast.Call):
            self.call(node, scope, line, depth)
        elif isinstance(node, ast.Lambda):
            return
        elif isinstance(node, ast.IfExp):
            self.expression(node.body, scope, line, depth)
            self.expression(node.orelse, scope, line, depth)
        elif isinstance(node, ast.Subscript):
            self.expression(node.value, scope, line, depth)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.comprehension):
                    self.expression(child.iter, scope, line, depth)
                elif isinstance(child, (ast.expr, ast.keyword, ast.FormattedValue)):
                    self.expression(child.value if isinstance(child, ast.keyword) else child, scope, line, depth)

    def call(self, node: ast.Call, scope: _Scope, line: int, depth: int) -> None:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        # The method's own line, where a chain of calls is written over several.
        place: ast.AST = function if isinstance(function, ast.Attribute) else node
        operands: list[ast.expr] = [*node.args, *(k.value for k in node.keywords)]
        if isinstance(function, ast.Attribute):
            operands.insert(0, function.value)
        target = self.resolve(function, scope)
        before = len(self.findings)
        if isinstance(function, ast.Name) and name in ("float", "int", "bool", "complex") and node.args:
            self.found(scope, node, f"{name}() {_NUMBERS}", "keep the tensor")
            return
        if isinstance(target, (FunctionType, MethodType)) and not _ours(target):
            self.function(target, scope, node, depth)
            if len(self.findings) > before:
                return
        elif name in _COPIES and node.args and not isinstance(node.args[0], ast.Constant):
            if any(k.arg == "requires_grad" for k in node.keywords):
                return
            for operand in node.args:
                self.expression(operand, scope, line, depth)
            if any(f.rank == 0 for f in self.findings[before:]):
                return
            rank = 0 if any(isinstance(n, (ast.Name, ast.Call)) for a in node.args[:1] for n in ast.walk(a)) else 1
            why = (
                f"{name}(...) copies numbers into a new tensor"
                if rank == 0
                else f"{name}(...) makes a leaf without requires_grad"
            )
            self.found(
                scope,
                place,
                why,
                "stack() joins tensors and keeps their history" if rank == 0 else "requires_grad=True",
                rank,
            )
            return
        elif (
            name in _CREATE
            and isinstance(function, ast.Attribute)
            and not any(k.arg == "requires_grad" for k in node.keywords)
        ):
            self.found(scope, place, f"{name}(...) makes a leaf without requires_grad", "pass requires_grad=True", 1)
            return
        elif name in _ENDS and (isinstance(function, ast.Attribute) or isinstance(target, type(_core.exp))):
            self.found(scope, place, *_ENDS[name])
            return
        elif name in ("to", "type", "type_as", "view") and any(_is_integer_dtype(a) for a in operands[1:]):
            self.found(
                scope, place, f"{name}() to an integer dtype {_INTEGER}", "convert after the loss, or not at all"
            )
            return
        elif name == "requires_grad_" and any(isinstance(a, ast.Constant) and a.value is False for a in operands[1:]):
            self.found(scope, place, "requires_grad_(False) ends recording", "leave it out")
            return
        for operand in operands:
            self.expression(operand, scope, line, depth)
            if any(f.rank == 0 for f in self.findings[before:]):
                return

    def resolve(self, function: ast.expr, scope: _Scope) -> Any:
        """The Python function that a call goes to, as far as it can be told without running anything."""
        if isinstance(function, ast.Name):
            return _callable(scope.value(function.id))
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            owner = scope.value(function.value.id)
            if owner is None or isinstance(owner, Tensor):
                return None
            try:
                value = inspect.getattr_static(owner, function.attr)
            except AttributeError:
                return _callable((getattr(owner, "_modules", None) or {}).get(function.attr))
            if isinstance(value, staticmethod):
                return value.__func__
            if isinstance(value, FunctionType) and not isinstance(owner, (type, ModuleType)):
                return MethodType(value, owner)
            return _callable(value)
        return None

    def function(self, target: Any, scope: _Scope, node: ast.Call, depth: int) -> None:
        """What a Python function returns."""
        this = None
        if isinstance(target, MethodType):
            this, target = target.__self__, target.__func__
        target = _unwrapped(target)
        if not isinstance(target, FunctionType):
            return
        code = target.__code__
        parsed = _parse_other(code.co_filename, target.__globals__, scope)
        if parsed is None:
            return
        tree, parents = parsed
        body = _body(tree, code)
        if isinstance(body, ast.Module):
            return
        values = {
            n: c.cell_contents for n, c in zip(code.co_freevars, target.__closure__ or (), strict=False) if _full(c)
        }
        parameters = list(code.co_varnames[: code.co_argcount])
        if this is not None and parameters:
            values[parameters.pop(0)] = this
        for parameter, given in zip(parameters, node.args, strict=False):
            if isinstance(given, ast.Name) and scope.value(given.id) is not None:
                values[parameter] = scope.value(given.id)
        inner = _Scope(code.co_filename, body, parents, values, target.__globals__)
        for decorator in getattr(body, "decorator_list", []):
            if _mentions(decorator, _NO_GRAD):
                self.found(
                    inner,
                    decorator,
                    f"{code.co_name}() runs without recording, as its decorator says",
                    "leave that out",
                )
                return
        returned = [body.body] if isinstance(body, ast.Lambda) else [
            n.value for n in _statements(body) if isinstance(n, ast.Return) and n.value is not None
        ]  # fmt: skip
        for value in returned:
            if self.enclosed(value, inner):
                return
            self.expression(value, inner, value.lineno + 1, depth + 1)

    def name(self, name: str, scope: _Scope, line: int, depth: int) -> None:
        """Follows a name to what was assigned to it last before `line`."""
        value = scope.value(name)
        if isinstance(value, Tensor) and value.requires_grad:
            return
        if (
            value is not None
            and name in scope.values
            and not isinstance(value, (Tensor, int, float, complex, list, tuple, dict))
        ):
            if type(value).__module__ != "numpy":
                return
        best: Assignment | None = None
        for n in _statements(scope.body):
            if isinstance(n, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.For)) and n.lineno <= line:
                targets = n.targets if isinstance(n, ast.Assign) else [n.target]
                hit = any(isinstance(t, ast.Name) and t.id == name for target in targets for t in ast.walk(target))
                if (
                    hit
                    and (n.end_lineno or n.lineno) <= max(line, n.lineno)
                    and (best is None or n.lineno >= best.lineno)
                ):
                    best = n
            for call in _expression_calls(n):
                # x.detach_() and x.requires_grad_(False) as statements.
                owner = call.func.value if isinstance(call.func, ast.Attribute) else None
                if (
                    isinstance(owner, ast.Name)
                    and owner.id == name
                    and call.lineno < line
                    and isinstance(call.func, ast.Attribute)
                ):
                    if call.func.attr == "detach_":
                        self.found(scope, call, *_ENDS["detach_"])
                    elif call.func.attr == "requires_grad_" and any(
                        getattr(a, "value", None) is False for a in call.args
                    ):
                        self.found(scope, call, "requires_grad_(False) ends recording", "leave it out")
        if best is None:
            if isinstance(value, Tensor):
                self.leaf(name, scope)
            return
        if self.enclosed(best, scope):
            return
        source = best.iter if isinstance(best, ast.For) else best.value
        if source is not None:
            before = len(self.findings)
            self.expression(source, scope, best.lineno, depth + 1)
            if isinstance(best, ast.AugAssign) and not self.findings[before:]:
                self.name(name, scope, best.lineno - 1, depth + 1)

    def leaf(self, name: str, scope: _Scope) -> None:
        body = scope.body
        line = getattr(body, "lineno", 1)
        self.findings.append(_Finding(scope.file, line, f"`{name}` comes in without requires_grad", "", 2))

    def enclosed(self, node: ast.AST, scope: _Scope) -> bool:
        """Is the statement in a block (or function) in which nothing is recorded?"""
        at: ast.AST | None = node
        while at is not None:
            if isinstance(at, (ast.With, ast.AsyncWith)):
                for item in at.items:
                    call = item.context_expr
                    if _mentions(call, {"enable_grad"}):
                        return False
                    off = isinstance(call, ast.Call) and any(getattr(a, "value", None) is False for a in call.args)
                    if _mentions(call, _NO_GRAD) or (_mentions(call, {"set_grad_enabled"}) and off):
                        self.found(
                            scope, node, f"nothing is recorded (the block begins at line {at.lineno})",
                            "compute it outside of that block",
                        )  # fmt: skip
                        return True
            if at is scope.body:
                for decorator in getattr(at, "decorator_list", []):
                    if _mentions(decorator, _NO_GRAD):
                        self.found(
                            scope, node, f"nothing is recorded (decorator at line {decorator.lineno})", "leave that out"
                        )
                        return True
                return False
            at = scope.parents.get(at)
        return False


def _parse_other(file: str, names: dict[str, Any], scope: _Scope) -> tuple[ast.Module, dict[ast.AST, ast.AST]] | None:
    if os.path.abspath(file).startswith(_PACKAGE):
        return None
    kept = dict(_parsed)
    parsed = _parse(file, names)
    _parsed.update(kept)
    return parsed


def _full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _unwrapped(function: Any) -> Any:
    for _ in range(10):
        inner = getattr(function, "__wrapped__", None)
        if inner is None:
            return function
        function = inner
    return function


def _ours(function: Any) -> bool:
    inner = _unwrapped(getattr(function, "__func__", function))
    code = getattr(inner, "__code__", None)
    return code is None or os.path.abspath(code.co_filename).startswith(_PACKAGE)


def _callable(value: Any) -> Any:
    """The Python function that calling `value` runs: for a module its forward."""
    if hasattr(value, "_modules") and isinstance(getattr(type(value), "forward", None), FunctionType):
        return MethodType(type(value).forward, value)
    return value


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(
        (isinstance(n, ast.Attribute) and n.attr in names) or (isinstance(n, ast.Name) and n.id in names)
        for n in ast.walk(node)
    )


def _is_integer_dtype(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in _INTEGERS) or (
        isinstance(node, ast.Name) and node.id in ("int", "bool")
    )


def _statements(body: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a body but those of functions and classes in it."""
    stack: list[ast.AST] = [body]
    while stack:
        node = stack.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
                stack.append(child)


def _expression_calls(node: ast.AST) -> Iterator[ast.Call]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node.value


_core._internal(globals())
