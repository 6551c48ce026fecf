"""Reads pickles that hold data alone: a fixed set of constructors, nothing is imported, nothing else is called.

NOTE [Hostile files]: what a file can make this reader do is in `constructors` below and in what the user has allowed
(`torch.serialization.add_safe_globals`). It keeps its own stack and memo, so that neither depth nor indices in the file
make it recurse or allocate; strings and numbers are as long as their bytes in the file.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError, decode_long
from typing import Any

from ._core import Tensor

__all__ = ["WeightsUnpickler", "full_name"]

# Python 2's names, which protocol 2 writes.
_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}

_MARK = object()


class Name:
    """A name of PyTorch's that stands for itself: types of storages."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, *args: Any) -> Any:
        raise UnpicklingError(f"{self.module}.{self.name} cannot be called")


def full_name(value: Any) -> str:
    """The name by which a pickle of PyTorch's knows a class or function."""
    module = value.__module__
    if module == "rushlight" or module.startswith("rushlight."):
        module = "torch" + module[len("rushlight") :]
    return f"{module}.{value.__qualname__}"


def _bytearray(*args: Any) -> bytearray:
    # bytearray(10**12) would be memory out of nothing.
    if not args:
        return bytearray()
    if len(args) == 1 and isinstance(args[0], (bytes, bytearray)):
        return bytearray(args[0])
    if len(args) == 2 and all(isinstance(a, str) for a in args) and args[1] in ("latin-1", "latin1"):
        return bytearray(args[0], "latin-1")
    raise UnpicklingError("bytearray takes bytes here")


def _encode(*args: Any) -> bytes:
    if len(args) in (1, 2) and all(isinstance(a, str) for a in args) and args[1:] in ((), ("latin1",), ("latin-1",)):
        return str(args[0]).encode("latin-1")
    raise UnpicklingError("_codecs.encode takes a string and 'latin1' here")


def _pairs(kind: Any) -> Any:
    def make(*args: Any) -> Any:
        if len(args) > 1 or (args and not isinstance(args[0], (list, tuple, dict))):
            raise UnpicklingError(f"{kind.__name__} takes a list here")
        return kind(*args)

    return make


def _set(*args: Any) -> set[Any]:
    if len(args) > 1 or (args and not isinstance(args[0], (list, tuple))):
        raise UnpicklingError("set takes a list here")
    return set(*args)


#: What every file may call, by name; torch's own are added by serialization.py.
constructors: dict[str, Any] = {
    "collections.OrderedDict": _pairs(OrderedDict),
    "collections.Counter": _pairs(Counter),
    "_codecs.encode": _encode,
    "builtins.bytearray": _bytearray,
    "builtins.set": _set,
    "builtins.complex": complex,
}


class WeightsUnpickler:
    """`load()` gives the object of one pickle at the file's position. `persistent_load` gives storages.

    Args:
        file: has `read` and `readline`.
        allowed: further classes and functions, by full name.
    """

    def __init__(self, file: Any, persistent_load: Callable[[Any], Any], allowed: dict[str, Any]) -> None:
        self.file = file
        self.persistent_load = persistent_load
        self.allowed = allowed
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def read(self, n: int) -> bytes:
        data: bytes = self.file.read(n)
        if len(data) != n:
            raise EOFError("Ran out of input")
        return data

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.read(struct.calcsize(form)))[0])

    def since_mark(self) -> list[Any]:
        stack = self.stack
        for i in range(len(stack) - 1, -1, -1):
            if stack[i] is _MARK:
                items = stack[i + 1 :]
                del stack[i:]
                return items
        raise UnpicklingError("a mark is missing")

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise UnpicklingError("the stack is empty")
        return self.stack.pop()

    def text(self, n: int) -> str:
        return self.read(n).decode("utf-8", "surrogatepass")

    def line(self) -> str:
        line: bytes = self.file.readline()
        if not line.endswith(b"\n"):
            raise EOFError("Ran out of input")
        return line[:-1].decode("utf-8")

    def find(self, module: str, name: str) -> Any:
        full = f"{_OLD_MODULES.get(module, module)}.{name}"
        found = constructors.get(full)
        if found is None:
            found = self.allowed.get(full)
        if found is None:
            shown = full.removeprefix("builtins.")
            raise UnpicklingError(
                f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please use "
                f"`torch.serialization.add_safe_globals([{shown}])` or the "
                f"`torch.serialization.safe_globals([{shown}])` context manager to allowlist this global if you trust "
                "this class/function."
            )
        return found

    def may_call(self, function: Any) -> bool:
        return any(function is f for f in constructors.values()) or any(function is f for f in self.allowed.values())

    def load(self) -> Any:
        stack = self.stack
        while True:
            code = self.read(1)[0]
            if code == 0x80:  # PROTO
                protocol = self.read(1)[0]
                if protocol not in (2, 3, 4, 5):
                    raise UnpicklingError(f"unsupported pickle protocol: {protocol}")
            elif code == 0x2E:  # STOP
                result = self.pop()
                if stack:
                    raise UnpicklingError("objects are left over")
                return result
            elif code == 0x95:  # FRAME
                self.read(8)
            elif code == 0x28:  # MARK
                stack.append(_MARK)
            elif code == 0x4E:
                stack.append(None)
            elif code == 0x88:
                stack.append(True)
            elif code == 0x89:
                stack.append(False)
            elif code == 0x4B:  # BININT1, BININT2, BININT, LONG1, BINFLOAT
                stack.append(self.read(1)[0])
            elif code == 0x4D:
                stack.append(self.number("<H"))
            elif code == 0x4A:
                stack.append(self.number("<i"))
            elif code == 0x8A:
                stack.append(decode_long(self.read(self.read(1)[0])))
            elif code == 0x47:
                stack.append(struct.unpack(">d", self.read(8))[0])
            elif code == 0x58:  # BINUNICODE, SHORT_BINUNICODE, BINUNICODE8
                stack.append(self.text(self.number("<I")))
            elif code == 0x8C:
                stack.append(self.text(self.read(1)[0]))
            elif code == 0x8D:
                stack.append(self.text(self.number("<Q")))
            elif code == 0x42:  # BINBYTES, SHORT_BINBYTES
                stack.append(self.read(self.number("<I")))
            elif code == 0x43:
                stack.append(self.read(self.read(1)[0]))
            elif code == 0x55:  # SHORT_BINSTRING: Python 2's strings
                stack.append(self.read(self.read(1)[0]).decode("latin-1"))
            elif code == 0x7D:
                stack.append({})
            elif code == 0x5D:
                stack.append([])
            elif code == 0x29:
                stack.append(())
            elif code == 0x8F:
                stack.append(set())
            elif code == 0x85:  # TUPLE1, 2, 3, TUPLE
                stack.append((self.pop(),))
            elif code == 0x86:
                b, a = self.pop(), self.pop()
                stack.append((a, b))
            elif code == 0x87:
                c, b, a = self.pop(), self.pop(), self.pop()
                stack.append((a, b, c))
            elif code == 0x74:
                stack.append(tuple(self.since_mark()))
            elif code == 0x61:  # APPEND, APPENDS, ADDITEMS
                value = self.pop()
                self.target(list).append(value)
            elif code == 0x65:
                items = self.since_mark()
                self.target(list).extend(items)
            elif code == 0x90:
                items = self.since_mark()
                self.target(set).update(items)
            elif code == 0x73:  # SETITEM, SETITEMS
                value, key = self.pop(), self.pop()
                self.target(dict)[key] = value
            elif code == 0x75:
                items = self.since_mark()
                if len(items) % 2:
                    raise UnpicklingError("a key is without a value")
                self.target(dict).update(zip(items[::2], items[1::2]))
            elif code == 0x71:  # BINPUT, LONG_BINPUT, MEMOIZE
                self.memo[self.read(1)[0]] = self.top()
            elif code == 0x72:
                self.memo[self.number("<I")] = self.top()
            elif code == 0x94:
                self.memo[len(self.memo)] = self.top()
            elif code in (0x68, 0x6A):  # BINGET, LONG_BINGET
                index = self.read(1)[0] if code == 0x68 else self.number("<I")
                if index not in self.memo:
                    raise UnpicklingError(f"Memo value not found at index {index}")
                stack.append(self.memo[index])
            elif code == 0x63:  # GLOBAL, STACK_GLOBAL
                module = self.line()
                stack.append(self.find(module, self.line()))
            elif code == 0x93:
                name, module = self.pop(), self.pop()
                if not (isinstance(name, str) and isinstance(module, str)):
                    raise UnpicklingError("names must be strings")
                stack.append(self.find(module, name))
            elif code == 0x52:  # REDUCE, NEWOBJ, BUILD
                args, function = self.pop(), self.pop()
                self.check_call(function, args)
                stack.append(function(*args))
            elif code == 0x81:
                args, cls = self.pop(), self.pop()
                self.check_call(cls, args)
                if isinstance(cls, type) and any(cls is f for f in self.allowed.values()):
                    stack.append(cls.__new__(cls, *args))
                else:
                    stack.append(cls(*args))
            elif code == 0x62:
                state = self.pop()
                self.build(self.top(), state)
            elif code == 0x51:  # BINPERSID
                stack.append(self.persistent_load(self.pop()))
            else:
                raise UnpicklingError(f"Unsupported operand {code}")

    def top(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise UnpicklingError("the stack is empty")
        return self.stack[-1]

    def target(self, kind: Any) -> Any:
        found = self.top()
        if not isinstance(found, kind):
            raise UnpicklingError(f"expected a {kind.__name__}, but got {type(found).__name__}")
        return found

    def check_call(self, function: Any, args: Any) -> None:
        if not isinstance(args, tuple):
            raise UnpicklingError("arguments must be a tuple")
        # A tensor class makes memory of any size from a number: it is only named, for _rebuild_from_type_v2.
        is_class_of_tensors = isinstance(function, type) and issubclass(function, Tensor)
        if is_class_of_tensors or isinstance(function, Name) or not callable(function) or not self.may_call(function):
            raise UnpicklingError(f"Trying to call reduce for unrecognized function {function}")

    def build(self, instance: Any, state: Any) -> None:
        cls = type(instance)
        if cls in (OrderedDict, Counter):
            if not isinstance(state, dict):
                raise UnpicklingError("the attributes of a dict must be a dict")
            instance.__dict__.update(state)
        elif any(cls is f for f in self.allowed.values()):
            if hasattr(instance, "__setstate__"):
                instance.__setstate__(state)
                return
            own, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
            if own:
                instance.__dict__.update(own)
            for key, value in (slots or {}).items():
                setattr(instance, key, value)
        else:
            raise UnpicklingError(
                f"Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got {cls}"
            )
