"""`save` and `load` in PyTorch's own format, so that files go both ways.

A file is a zip archive whose members are stored as they are: `data.pkl`, a pickle in which tensors are calls of
`torch._utils._rebuild_tensor_v2` on numbered storages, and `data/<number>`, the bytes of each storage. Names in the
pickle are PyTorch's, whatever this package is called.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from . import _core
from ._core import Tensor
from ._tensor import _own, _slots
from ._types import device as _device
from ._unpickler import Name, WeightsUnpickler, constructors, full_name

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]

DEFAULT_PROTOCOL = 2
_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001
_ALIGNMENT = 64

_STORAGES = {
    "DoubleStorage": _core.float64,
    "FloatStorage": _core.float32,
    "HalfStorage": _core.float16,
    "BFloat16Storage": _core.bfloat16,
    "LongStorage": _core.int64,
    "IntStorage": _core.int32,
    "ShortStorage": _core.int16,
    "CharStorage": _core.int8,
    "ByteStorage": _core.uint8,
    "BoolStorage": _core.bool,
    "ComplexFloatStorage": _core.complex64,
    "ComplexDoubleStorage": _core.complex128,
}
_STORAGE_OF = {dtype: name for name, dtype in _STORAGES.items()}


class _Storage:
    """A storage as a pickle names it: all its elements in one flat tensor."""

    def __init__(self, flat: Tensor, location: str) -> None:
        self.flat, self.location = flat, location

    def nbytes(self) -> int:
        return self.flat.nbytes

    def size(self) -> int:
        return self.flat.numel()

    def cpu(self) -> _Storage:
        return self


# --- what a pickle calls ----------------------------------------------------------------------------------------------


def _whole_numbers(values: Any) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)) or not all(type(v) is int and v >= 0 for v in values):
        raise pickle.UnpicklingError("sizes and strides of a tensor must be whole numbers, not negative")
    return tuple(values)


def _rebuild_tensor(storage: Any, storage_offset: Any, size: Any, stride: Any) -> Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor needs a storage")
    size, stride = _whole_numbers(tuple(size) if isinstance(size, tuple) else size), _whole_numbers(stride)
    if len(size) != len(stride) or type(storage_offset) is not int or storage_offset < 0 or len(size) > 64:
        raise pickle.UnpicklingError("sizes, strides and offset of a tensor do not belong together")
    reach = 0 if 0 in size else storage_offset + 1 + sum((n - 1) * s for n, s in zip(size, stride))
    if reach > storage.size():
        raise pickle.UnpicklingError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {storage_offset}, and itemsize "
            f"{storage.flat.itemsize} requiring a storage size of {reach * storage.flat.itemsize} are out of bounds for "
            f"storage of size {storage.nbytes()}"
        )
    if 0 in size and storage_offset > storage.size():
        storage_offset = 0  # no element is there
    return _own(Tensor, storage.flat.as_strided(size, stride, storage_offset), False)


def _rebuild_tensor_v2(
    storage: Any,
    storage_offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    backward_hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    t = _rebuild_tensor(storage, storage_offset, size, stride)
    if requires_grad:
        t.requires_grad_(True)
    return t


def _parameter(data: Any, requires_grad: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise pickle.UnpicklingError("a parameter needs a tensor")
    import importlib

    parameter: Any = getattr(importlib.import_module("rushlight.nn"), "Parameter", None)
    if parameter is None:
        return _own(Tensor, data.detach(), bool(requires_grad))
    return cast(Tensor, parameter(data, bool(requires_grad)))


def _rebuild_parameter(data: Any, requires_grad: Any, backward_hooks: Any = None) -> Tensor:
    return _parameter(data, requires_grad)


def _set_state(t: Tensor, state: Any) -> Tensor:
    own, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    for values in (own, slots):
        if values is None:
            continue
        if not isinstance(values, dict):
            raise pickle.UnpicklingError("the attributes of a tensor must be a dict")
        if values is own:
            t.__dict__.update(values)
        else:
            for key, value in values.items():
                setattr(t, key, value)
    return t


def _rebuild_parameter_with_state(data: Any, requires_grad: Any, backward_hooks: Any, state: Any) -> Tensor:
    return _set_state(_parameter(data, requires_grad), state)


def _rebuild_from_type_v2(function: Any, cls: Any, args: Any, state: Any) -> Tensor:
    if function not in _REBUILD or not isinstance(cls, type) or not issubclass(cls, Tensor):
        raise pickle.UnpicklingError("Can only rebuild tensors with `_rebuild_from_type_v2`")
    t = function(*args)
    if type(t) is not cls:
        t = _own(cls, t.detach(), t.requires_grad)
    setstate = getattr(cls, "__setstate__", None)
    if setstate is not getattr(Tensor, "__setstate__", None):
        cast(Any, setstate)(t, state)
        return t
    return _set_state(t, state)


def _size(values: Any = ()) -> Any:
    return _core.Size(_whole_numbers(values))


def _get_layout(name: Any) -> Any:
    from ._types import strided

    if name != "torch.strided":
        raise pickle.UnpicklingError(f"layout {name} is not supported")
    return strided


_REBUILD = (_rebuild_tensor, _rebuild_tensor_v2, _rebuild_parameter, _rebuild_parameter_with_state)

constructors.update(
    {
        **{f"torch._utils.{f.__name__}": f for f in _REBUILD},
        "torch._tensor._rebuild_from_type_v2": _rebuild_from_type_v2,
        "torch.Size": _size,
        "torch.device": _device,
        "torch.Tensor": Tensor,
        "torch.serialization._get_layout": _get_layout,
        "torch.nn.parameter.Parameter": _parameter,
        **{f"torch.{name}": Name("torch", name) for name in _STORAGES},
        **{str(dtype): dtype for dtype in _STORAGE_OF},
    }
)

_safe: list[Any] = []


def _named(value: Any) -> tuple[str, Any]:
    if isinstance(value, tuple):
        if len(value) != 2:
            raise ValueError(
                f"Expected tuple of length 2 (global, str of callable full path), but got tuple of length: {len(value)}"
            )
        if not isinstance(value[1], str):
            raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(value[1])}")
        return value[1], value[0]
    return full_name(value), value


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Lets `load(weights_only=True)` make these: classes and functions, or (one of them, its full name in the file)."""
    for value in safe_globals:
        if value not in _safe:
            _safe.append(value)


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` has allowed."""
    return list(_safe)


def clear_safe_globals() -> None:
    """Allows nothing any more but what every file may have."""
    _safe.clear()


class safe_globals:
    """`add_safe_globals` inside of a `with` block only."""

    def __init__(self, safe_globals: list[Any]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        self.before = list(_safe)
        add_safe_globals(self.safe_globals)

    def __exit__(self, *error: object) -> None:
        _safe[:] = self.before


# --- writing ----------------------------------------------------------------------------------------------------------

# Python's own pickler, for the names that it writes are ours to choose; the one in C insists on importing them.
_PythonPickler: Any = pickle._Pickler


class _Reference:
    """Stands for a storage in a pickle."""

    def __init__(self, identity: tuple[Any, ...]) -> None:
        self.identity = identity


class _Pickler(_PythonPickler):  # type: ignore[misc]
    dispatch = dict(_PythonPickler.dispatch)

    def __init__(self, file: Any, protocol: int) -> None:
        super().__init__(file, protocol)
        #: By address: number, dtype and a tensor that keeps the storage.
        self.storages: dict[int, tuple[str, Any, Tensor]] = {}

    def persistent_id(self, obj: Any) -> Any:
        return obj.identity if type(obj) is _Reference else None

    def reference(self, t: Tensor) -> _Reference:
        address, nbytes = _core._storage_span(t)
        known = self.storages.get(address)
        if known is None:
            known = self.storages[address] = (str(len(self.storages)), t.dtype, t)
        elif known[1] != t.dtype:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        name = Name("torch", _STORAGE_OF[t.dtype])
        return _Reference(("storage", name, known[0], "cpu", nbytes // t.dtype.itemsize))

    def plain(self, t: Tensor, requires_grad: bool) -> tuple[Any, tuple[Any, ...]]:
        t = t.detach()
        geometry = t.storage_offset(), tuple(t.shape), tuple(t.stride())
        hooks: OrderedDict[Any, Any] = OrderedDict()
        return Name("torch._utils", "_rebuild_tensor_v2"), (self.reference(t), *geometry, requires_grad, hooks)

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is _core.Size:
            return Name("torch", "Size"), (tuple(obj),)
        if not isinstance(obj, Tensor):
            return NotImplemented
        cls = type(obj)
        slots = _slots(obj)
        state = (obj.__dict__, slots) if slots else obj.__dict__
        if cls is not Tensor and full_name(cls) == "torch.nn.parameter.Parameter":
            args: tuple[Any, ...] = (obj.data, obj.requires_grad, OrderedDict())
            if state:
                return Name("torch._utils", "_rebuild_parameter_with_state"), (*args, state)
            return Name("torch._utils", "_rebuild_parameter"), args
        function, args = self.plain(obj, obj.requires_grad)
        if cls is Tensor and not state:
            return function, args
        getstate: Any = getattr(cls, "__getstate__", None)
        if getstate is not getattr(Tensor, "__getstate__", None):
            state = getstate(obj)
        return Name("torch._tensor", "_rebuild_from_type_v2"), (function, cls, args, state)

    def save_name(self, obj: Any) -> None:
        self.write_global(obj, obj.module, obj.name)

    def save_dtype(self, obj: Any) -> None:
        self.write_global(obj, "torch", str(obj).removeprefix("torch."))

    def write_global(self, obj: Any, module: str, name: str) -> None:
        key = self.names.setdefault((module, name), (module, name))
        if id(key) in self.memo:
            self.write(self.get(self.memo[id(key)][0]))
            return
        self.write(pickle.GLOBAL + module.encode() + b"\n" + name.encode() + b"\n")
        self.memoize(key)

    #: One object for each name written, so that the memo finds it again.
    names: dict[tuple[str, str], tuple[str, str]]

    def dump(self, obj: Any) -> None:
        self.names = {}
        super().dump(obj)

    def save_global(self, obj: Any, name: Any = None) -> None:
        module = getattr(obj, "__module__", None) or ""
        if module == "rushlight" or module.startswith("rushlight."):
            public = full_name(obj)
            for place in ("torch._core.", "torch._types."):
                public = public.replace(place, "torch.")
            module, _, own = public.rpartition(".")
            self.write_global(obj, module, own)
            return
        super().save_global(obj, name)

    def save_type(self, obj: Any) -> None:
        if (getattr(obj, "__module__", "") or "").startswith("rushlight"):
            self.save_global(obj)
        else:
            super().save_type(obj)


_Pickler.dispatch[Name] = _Pickler.save_name
_Pickler.dispatch[type(_core.float32)] = _Pickler.save_dtype
_Pickler.dispatch[type] = _Pickler.save_type
_Pickler.dispatch[type(lambda: None)] = _Pickler.save_global


def _bytes(t: Tensor) -> memoryview:
    """All bytes of a tensor's storage."""
    _, nbytes = _core._storage_span(t)
    t = t.detach()
    flat = t.as_strided((nbytes // t.dtype.itemsize,), (1,), 0)
    if t.dtype == _core.bfloat16:
        flat = flat.view(_core.int16)
    return memoryview(flat).cast("B") if flat.numel() else memoryview(b"")


def _write_zip(obj: Any, file: Any, name: str, protocol: int) -> None:
    buffer = io.BytesIO()
    pickler = _Pickler(buffer, protocol)
    pickler.dump(obj)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:

        def write(record: str, data: Any) -> None:
            info = zipfile.ZipInfo(f"{name}/{record}")
            # Storages begin at multiples of 64, so that they can be mapped: the header is filled up.
            start = cast(Any, archive.fp).tell() + 30 + len(info.filename.encode()) + 4
            fill = -start % _ALIGNMENT
            info.extra = struct.pack("<HH", 0x4246, fill) + b"Z" * fill
            archive.writestr(info, data)

        write("data.pkl", buffer.getvalue())
        write(".format_version", b"1")
        write(".storage_alignment", str(_ALIGNMENT).encode())
        write("byteorder", sys.byteorder.encode())
        for key, _, t in pickler.storages.values():
            write(f"data/{key}", _bytes(t))
        write("version", b"3\n")


def _write_legacy(obj: Any, file: Any, protocol: int) -> None:
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": _LEGACY_VERSION, "little_endian": sys.byteorder == "little", "type_sizes": sizes}
    for value in (_MAGIC, _LEGACY_VERSION, system):
        pickle.dump(value, file, protocol=protocol)

    class Legacy(_Pickler):
        def reference(self, t: Tensor) -> _Reference:
            return _Reference((*super().reference(t).identity, None))

    pickler = Legacy(file, protocol)
    pickler.dump(obj)
    storages = sorted(pickler.storages.values(), key=lambda s: s[0])
    pickle.dump([key for key, _, _ in storages], file, protocol=protocol)
    for _, dtype, t in storages:
        data = _bytes(t)
        file.write(struct.pack("<q", len(data) // dtype.itemsize))
        file.write(data)


@contextmanager
def _replaced(path: Any) -> Iterator[Any]:
    """A file to write that takes the place of `path` once it is complete: an interrupted save leaves the old one."""
    target = os.path.realpath(os.fsdecode(path))
    if os.path.exists(target) and not os.path.isfile(target):  # a device or a pipe
        with open(target, "wb") as file:
            yield file
        return
    folder, base = os.path.split(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(os.fsdecode(path)) or folder} does not exist.")
    handle, temporary = tempfile.mkstemp(prefix=f".{base}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        if os.path.exists(target):
            mode = os.stat(target).st_mode & 0o7777
        else:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _is_path(f: Any) -> bool:
    return isinstance(f, (str, bytes, os.PathLike))


def save(
    obj: object,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Writes `obj` to a path or a file opened for binary writing. PyTorch reads it, and `load`.

    A path is written whole or not at all: an interrupted save leaves the file that was there.
    """

    def write(file: Any, name: str) -> None:
        if _use_new_zipfile_serialization:
            _write_zip(obj, file, name, pickle_protocol)
        else:
            _write_legacy(obj, file, pickle_protocol)

    if _is_path(f):
        with _replaced(f) as file:
            write(file, os.path.splitext(os.path.basename(os.fsdecode(f)))[0] or "archive")
        return
    if not callable(getattr(f, "write", None)):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    write(f, "archive")


# --- reading ----------------------------------------------------------------------------------------------------------


def _restore(storage: _Storage, location: Any, map_location: Any) -> _Storage:
    """The storage where it belongs, which can only be the CPU."""
    if callable(map_location) and not isinstance(map_location, _device):
        result = map_location(storage, location)
        if isinstance(result, _Storage):
            return result
    elif isinstance(map_location, dict):
        location = map_location.get(location, location)
    elif map_location is not None:
        location = map_location
    kind = str(location).partition(":")[0]
    if kind == "cpu":
        return storage
    if kind in ("cuda", "xpu", "mps", "hpu"):
        raise RuntimeError(
            f"Attempting to deserialize object on a {kind.upper()} device but torch.{kind}.is_available() is False. If you "
            "are running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your "
            "storages to the CPU."
        )
    raise RuntimeError(
        f"don't know how to restore data location of torch.storage.UntypedStorage (tagged with {location})"
    )


def _storage_id(saved: Any) -> tuple[Any, str, str, int]:
    """(dtype, key, location, elements) of a persistent id."""
    if not (isinstance(saved, tuple) and len(saved) >= 5 and saved[0] in ("storage", b"storage")):
        raise pickle.UnpicklingError("unsupported persistent id encountered")
    _, kind, key, location, numel = saved[:5]
    dtype = _STORAGES.get(kind.name) if isinstance(kind, Name) else None
    if (
        dtype is None
        or not isinstance(key, str)
        or not isinstance(location, str)
        or type(numel) is not int
        or numel < 0
    ):
        raise pickle.UnpicklingError("unsupported persistent id encountered")
    return dtype, key, location, numel


def _allowed() -> dict[str, Any]:
    return dict(_named(value) for value in _safe)


class _AnyUnpickler(pickle.Unpickler):
    """Python's unpickler, which runs what the file says, with PyTorch's names as ours."""

    def __init__(self, file: Any, storage: Callable[[Any], Any], **options: Any) -> None:
        super().__init__(file, **options)
        self.storage = storage

    def persistent_load(self, saved: Any) -> Any:
        return self.storage(saved)

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" or module.startswith("torch."):
            found = constructors.get(f"{module}.{name}")
            if found is not None and (isinstance(found, Name) or module in ("torch._utils", "torch._tensor")):
                return found
            module = "rushlight" + module[len("torch") :]
        return super().find_class(module, name)


_UNSAFE = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`. "
    "Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code "
    "execution. Do it only if you got the file from a trusted source."
)


def _unpickle(file: Any, storage: Callable[[Any], Any], weights_only: bool, options: dict[str, Any]) -> Any:
    if not weights_only:
        return _AnyUnpickler(file, storage, **options).load()
    try:
        return WeightsUnpickler(file, storage, _allowed()).load()
    except pickle.UnpicklingError as error:
        message = str(error)
        if "was not an allowed global by default." in message:
            text = (
                "Weights only load failed. This file can still be loaded, to do so you have two options, "
                "\033[1mdo those steps only if you trust the source of the checkpoint\033[0m. "
                f"\n\t(1) {_UNSAFE}\n\t(2) Alternatively, to load with `weights_only=True` please check the recommended "
                f"steps in the following error message.\n\tWeightsUnpickler error: {message}"
            )
        else:
            text = f"Weights only load failed. {_UNSAFE}\nWeightsUnpickler error: {message}"
        raise pickle.UnpicklingError(text) from None
    except (TypeError, ValueError, AttributeError, IndexError, KeyError, UnicodeDecodeError, RecursionError) as error:
        # What a broken file makes of the constructors.
        raise pickle.UnpicklingError(f"Weights only load failed: the pickle is damaged ({error})") from error


def _flat(data: Any, dtype: Any, numel: int, offset: int = 0) -> Tensor:
    if numel == 0:
        return _core.empty(0, dtype=dtype)
    return _core.frombuffer(data, dtype=dtype, count=numel, offset=offset)


def _failed(what: str) -> RuntimeError:
    return RuntimeError(f"PytorchStreamReader failed reading zip archive: {what}")


class _Archive:
    """The members of a file. They are only looked up by name, never written anywhere."""

    def __init__(self, file: Any) -> None:
        self.file = file
        try:
            self.zip = zipfile.ZipFile(file)
            members = self.zip.infolist()
        except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, EOFError) as error:
            raise _failed("failed finding central directory") from error
        if not members:
            raise _failed("it is empty")
        self.name = members[0].filename.partition("/")[0]
        self.members = {member.filename: member for member in members}
        if len(self.members) != len(members):
            raise _failed("two members have the same name")
        # Stored members that do not overlap cannot be more than the file itself.
        end = 0
        for member in sorted(members, key=lambda m: m.header_offset):
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                raise _failed(f"member {member.filename!r} is compressed or encrypted, which torch.save never does")
            if member.file_size != member.compress_size or member.header_offset < end:
                raise _failed(f"member {member.filename!r} has a wrong size")
            end = member.header_offset + member.file_size

    def has(self, record: str) -> bool:
        return f"{self.name}/{record}" in self.members

    def member(self, record: str) -> zipfile.ZipInfo:
        found = self.members.get(f"{self.name}/{record}")
        if found is None:
            raise RuntimeError(f"PytorchStreamReader failed locating file {record}: file not found")
        return found

    def read(self, record: str) -> bytes:
        member = self.member(record)
        try:
            return self.zip.read(member)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, struct.error, ValueError) as error:
            raise RuntimeError(f"PytorchStreamReader failed reading file {record}: {error}") from error

    def offset(self, record: str) -> int:
        """Where the bytes of a member begin in the file."""
        member = self.member(record)
        self.file.seek(member.header_offset)
        header = self.file.read(30)
        if len(header) != 30 or header[:4] != b"PK\x03\x04":
            raise _failed(f"member {member.filename!r} has no header")
        name, extra = struct.unpack("<HH", header[26:30])
        return int(member.header_offset + 30 + name + extra)


def _swapped(flat: Tensor, dtype: Any) -> Tensor:
    """The same numbers from the other byte order."""
    part = dtype.itemsize // (2 if dtype.is_complex else 1)
    if part == 1 or flat.numel() == 0:
        return flat
    return flat.view(_core.uint8).reshape(-1, part).flip(1).reshape(-1).view(dtype)


def _load_zip(file: Any, path: Any, map_location: Any, weights_only: bool, mmap: bool, options: dict[str, Any]) -> Any:
    archive = _Archive(file)
    if archive.has("constants.pkl"):
        raise RuntimeError("this file is a TorchScript archive, which only PyTorch's torch.jit.load reads")
    other_order = archive.has("byteorder") and archive.read("byteorder").decode("latin-1") != sys.byteorder
    memory: Any = None
    if mmap:
        import mmap as _mmap

        with open(path, "rb") as f:
            memory = _mmap.mmap(f.fileno(), 0, access=_mmap.ACCESS_COPY)
    known: dict[str, _Storage] = {}

    def storage(saved: Any) -> _Storage:
        dtype, key, location, numel = _storage_id(saved)
        found = known.get(key)
        if found is None:
            record = f"data/{key}"
            size = archive.member(record).file_size
            if numel * dtype.itemsize > size:
                raise RuntimeError(
                    f"storage has wrong byte size: expected {numel * dtype.itemsize} got {size} (record {record})"
                )
            if memory is not None:
                start = archive.offset(record)
                if start + size > len(memory):
                    raise RuntimeError(f"PytorchStreamReader failed reading file {record}: it ends too early")
                flat = _flat(memory, dtype, numel, start)
                if start % dtype.itemsize:
                    flat = flat.clone()
            else:
                flat = _flat(bytearray(archive.read(record)), dtype, numel)
            if other_order:
                flat = _swapped(flat, dtype)
            found = known[key] = _restore(_Storage(flat, location), location, map_location)
        elif found.flat.dtype != dtype or found.size() != numel:
            raise pickle.UnpicklingError(f"storage {key} is named with two types or sizes")
        return found

    return _unpickle(io.BytesIO(archive.read("data.pkl")), storage, weights_only, options)


def _load_legacy(file: Any, map_location: Any, weights_only: bool, options: dict[str, Any]) -> Any:
    def none(saved: Any) -> Any:
        raise pickle.UnpicklingError("unsupported persistent id encountered")

    magic = _unpickle(file, none, weights_only, options)
    if magic != _MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = _unpickle(file, none, weights_only, options)
    if version != _LEGACY_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    system = _unpickle(file, none, weights_only, options)
    if not isinstance(system, dict) or not system.get("little_endian", True):
        raise RuntimeError("this file of PyTorch's old format was written on a big-endian machine")
    known: dict[str, _Storage] = {}
    left = _bytes_left(file)

    def storage(saved: Any) -> _Storage:
        dtype, key, location, numel = _storage_id(saved)
        if len(saved) > 5 and saved[5] is not None:
            raise pickle.UnpicklingError("views of storages, of PyTorch before 0.4, are not supported")
        if key not in known:
            if numel * dtype.itemsize > left:
                raise RuntimeError(f"storage {key} is larger than the file")
            known[key] = _restore(_Storage(_core.empty(numel, dtype=dtype), location), location, map_location)
        return known[key]

    result = _unpickle(file, storage, weights_only, options)
    keys = _unpickle(file, none, weights_only, options)
    for key in keys if isinstance(keys, list) else ():
        if key not in known:
            raise RuntimeError(f"storage {key} belongs to nothing")
        flat = known[key].flat
        head = file.read(8)
        if len(head) != 8 or struct.unpack("<q", head)[0] != flat.numel():
            raise RuntimeError(f"storage {key} has a wrong size")
        data = file.read(flat.nbytes)
        if len(data) != flat.nbytes:
            raise RuntimeError(
                f"unexpected EOF, expected {flat.nbytes - len(data)} more bytes. The file might be corrupted."
            )
        flat.copy_(_flat(bytearray(data), flat.dtype, flat.numel()))
    return result


def _bytes_left(file: Any) -> int:
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return int((file.tell() if end is None else end) - here)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Reads what `save`, or PyTorch's, has written to a path or a file opened for binary reading.

    Args:
        map_location: "cpu", for files from other devices; or a dict or function of locations.
        weights_only: read data alone (tensors, numbers, strings, containers; what `add_safe_globals` allows), and run
            nothing that the file says. False trusts the file.
        mmap: leave the numbers in the file until they are used; for paths only. Changes stay in memory.
    """
    if weights_only is None:
        weights_only = pickle_module is None
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if mmap and not _is_path(f):
        raise ValueError("f must be a file path in order to use the mmap argument")
    pickle_load_args.setdefault("encoding", "utf-8")
    file: Any
    if _is_path(f):
        file = open(f, "rb")
    else:
        file = f
        for name in ("read", "seek", "tell", "readline"):
            if not hasattr(f, name):
                raise AttributeError(
                    f"'{type(f).__name__}' object has no attribute '{name}'. You can only torch.load from a file that is "
                    "seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
                )
    try:
        start = file.tell()
        head = file.read(4)
        file.seek(start)
        if not head:
            raise EOFError("Ran out of input")
        if head == b"PK\x03\x04":
            if start != 0:
                file = io.BytesIO(file.read())
            return _load_zip(file, f, map_location, weights_only, bool(mmap), pickle_load_args)
        if mmap:
            raise RuntimeError(
                "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True), please "
                "torch.save your checkpoint with this option in order to use mmap."
            )
        return _load_legacy(file, map_location, weights_only, pickle_load_args)
    finally:
        if _is_path(f):
            file.close()


_core._internal(globals())
