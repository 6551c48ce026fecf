"""`device`, `layout`, `memory_format`, `finfo` and `iinfo`: small values that describe tensors."""

from __future__ import annotations

# typing.TYPE_CHECKING without importing typing, which takes longer than this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from types import TracebackType
    from typing import Any, ClassVar, NoReturn

    from typing_extensions import Self

    from . import dtype as DType

__all__ = [
    "channels_last",
    "channels_last_3d",
    "contiguous_format",
    "device",
    "finfo",
    "iinfo",
    "layout",
    "memory_format",
    "preserve_format",
    "strided",
]


def _no_subclass(cls: type) -> NoReturn:
    base = cls.__mro__[1].__name__
    raise TypeError(f"type 'torch.{base}' is not an acceptable base type")


def _read_only(value: object, name: str) -> NoReturn:
    cls = type(value).__name__
    if name in type(value).__slots__:  # type: ignore[attr-defined]
        raise AttributeError(f"attribute '{name}' of 'torch.{cls}' objects is not writable")
    raise AttributeError(f"'torch.{cls}' object has no attribute '{name}'")


# --- device -----------------------------------------------------------------------------------------------------------

_DEVICE_TYPES = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, "
    "privateuseone"
)
_DEVICE_NAMES = frozenset(_DEVICE_TYPES.split(", "))


def _rebuild_size(sizes: Any) -> Any:
    """A pickled Size."""
    from ._core import Size

    return Size(sizes)


def _remake_generator(seed: int, state: Any) -> Any:
    """A pickled Generator. The state alone does not tell a seed of more than 32 bits."""
    from ._core import Generator

    return Generator().manual_seed(seed).set_state(state)


class device:
    """Where a tensor lies: a type, and an index or None.

    Every tensor here is on `device("cpu")`. Other devices can be named and compared, so that code which asks for
    them runs, but nothing can be put on them.

    Args:
        type: `"cpu"`, `"cuda"`, …, optionally with an index: `"cuda:1"`; or another device.
        index: the index, if it is not in the string.

    Example:
        >>> torch.device("cuda", 1)
        device(type='cuda', index=1)
        >>> torch.ones(1).device == torch.device("cpu")
        True
    """

    __slots__ = ("index", "type")
    __module__ = "rushlight"
    type: str
    index: int | None

    # One object for each device, so that comparing is mostly a comparison of pointers.
    _known: ClassVar[dict[tuple[str, int | None], Any]] = {}

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        kind, index = _device_arguments(args, kwargs)
        known = cls._known.get((kind, index))
        if known is not None:
            return known
        self = object.__new__(cls)
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "index", index)
        return cls._known.setdefault((kind, index), self)

    __init_subclass__: Any = classmethod(_no_subclass)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _read_only(self, name)

    def __delattr__(self, name: str) -> NoReturn:
        _read_only(self, name)

    def __repr__(self) -> str:
        if self.index is None:
            return f"device(type='{self.type}')"
        return f"device(type='{self.type}', index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device):
            return NotImplemented
        return self is other

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type,) if self.index is None else (self.type, self.index)

    def __copy__(self) -> device:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> device:
        return self

    def __enter__(self) -> Self:
        require_cpu(self)
        return self

    def __exit__(
        self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def __call__(self, function: Any) -> Any:
        """As a decorator: the function runs with this as the device of new tensors."""
        from functools import wraps

        @wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


def _device_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, int | None]:
    """Sorts out `device(device)` and `device(type, index=None)`."""
    first, index = None, None
    if len(args) == 1 and not kwargs:
        first = args[0]
    elif args and len(args) <= 2 and not (set(kwargs) - {"index"} or (len(args) == 2 and kwargs)):
        first = args[0]
        index = args[1] if len(args) == 2 else kwargs["index"]
    elif not args and kwargs.keys() == {"device"}:
        first = kwargs["device"]
    elif not args and "type" in kwargs:
        unknown = [k for k in kwargs if k not in ("type", "index")]
        if unknown:
            raise TypeError(f"device() got an unexpected keyword argument '{unknown[0]}'")
        first, index = kwargs["type"], kwargs.get("index")
    else:
        _no_such_call(args, kwargs)

    if isinstance(first, bytes):
        first = first.decode("utf-8", "replace")
    if isinstance(first, str):
        return _parse_device(first, index)
    if index is not None or len(args) == 2:
        raise TypeError(f"device(): argument 'type' (position 1) must be str, not {_type_name(first)}")
    if isinstance(first, device):
        return first.type, first.index
    if isinstance(first, int) and not isinstance(first, bool):
        # A bare number means the accelerator of that index.
        if first < 0:
            raise RuntimeError("Device index must not be negative")
        raise RuntimeError("Cannot access accelerator device when none is available.")
    _no_such_call(args, kwargs)


def _no_such_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
    got = ", ".join([_type_name(a) for a in args])
    if kwargs:
        got = "".join([got and got + ", ", *(f"{k}={_type_name(v)}, " for k, v in kwargs.items())])
    why = ""
    if len(args) == 1 and not kwargs:
        why = f"      didn't match because some of the arguments have invalid types: (!{got}!)\n"
    elif not args and len(kwargs) == 1:
        why = f"      didn't match because some of the keywords were incorrect: {', '.join(kwargs)}\n"
    raise TypeError(
        f"device() received an invalid combination of arguments - got ({got}), but expected one of:\n"
        f" * (torch.device device)\n{why} * (str type, int index = -1)\n"
    )


def _type_name(value: object) -> str:
    return "torch.device" if isinstance(value, device) else type(value).__name__


def _parse_device(text: str, index: Any) -> tuple[str, int | None]:
    if not text:
        raise RuntimeError("Device string must not be empty")
    kind, colon, number = text.partition(":")
    # A leading zero is refused, as is anything that is no plain decimal number.
    good_number = not colon or (number.isascii() and number.isdigit() and (number == "0" or not number.startswith("0")))
    good_kind = kind != "" and kind.isascii() and kind.replace("_", "a").isalpha()
    if not (good_kind and good_number):
        raise RuntimeError(f"Invalid device string: '{text}'")
    if kind not in _DEVICE_NAMES:
        raise RuntimeError(f"Expected one of {_DEVICE_TYPES} device type at start of device string: {kind}")
    if index is None:
        return kind, int(number) if colon else None
    if colon:
        raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {text}")
    if not isinstance(index, int) or isinstance(index, bool):
        raise TypeError(f"device(): argument 'index' (position 2) must be int, not {type(index).__name__}")
    if index < 0:
        raise RuntimeError("Device index must not be negative")
    return kind, index


def require_cpu(place: device | str | int | None) -> None:
    """Raises PyTorch's error for a CPU build unless `place` is None or the CPU."""
    if place is None:
        return
    kind = place.type if isinstance(place, device) else device(place).type
    if kind == "cpu":
        return
    if kind in ("cuda", "xpu"):
        raise AssertionError(f"Torch not compiled with {kind.upper()} enabled")
    raise NotImplementedError(f"rushlight computes on the CPU; there is no device of type '{kind}'")


# --- layout and memory format -----------------------------------------------------------------------------------------


class _Constant:
    """A named value that is the only one of its name; copies and pickles are the value itself."""

    __slots__ = ("_name",)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"cannot create 'torch.{cls.__name__}' instances")

    @classmethod
    def _make(cls, name: str) -> Any:
        self = object.__new__(cls)
        object.__setattr__(self, "_name", name)
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"'torch.{type(self).__name__}' object has no attribute '{name}'")

    def __repr__(self) -> str:
        return f"torch.{self._name}"  # type: ignore[attr-defined]

    def __reduce__(self) -> str:
        return self._name  # type: ignore[attr-defined]

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


class layout(_Constant):
    """How a tensor's elements lie in memory. All tensors here are `torch.strided`."""

    __slots__ = ()
    __module__ = "rushlight"
    __init_subclass__: Any = classmethod(_no_subclass)


class memory_format(_Constant):
    """The order of dimensions in memory: an argument of `contiguous`, `clone`, `to`, `empty_like` and others.

    `contiguous_format` is row-major; `preserve_format` keeps the layout of the input where that has no gaps;
    `channels_last` (4 dimensions, NCHW) and `channels_last_3d` (5, NCDHW) put the channels innermost.
    """

    __slots__ = ()
    __module__ = "rushlight"
    __init_subclass__: Any = classmethod(_no_subclass)


strided: layout = layout._make("strided")
# Nothing here has these layouts; they exist so that code which asks `t.layout == torch.sparse_coo` gets its answer.
sparse_coo: layout = layout._make("sparse_coo")
sparse_csr: layout = layout._make("sparse_csr")
sparse_csc: layout = layout._make("sparse_csc")
sparse_bsr: layout = layout._make("sparse_bsr")
sparse_bsc: layout = layout._make("sparse_bsc")

contiguous_format: memory_format = memory_format._make("contiguous_format")
preserve_format: memory_format = memory_format._make("preserve_format")
channels_last: memory_format = memory_format._make("channels_last")
channels_last_3d: memory_format = memory_format._make("channels_last_3d")


# --- numeric limits ---------------------------------------------------------------------------------------------------

# bits, fraction bits, smallest normal exponent, largest exponent, decimal resolution
_FLOATS = {
    "float16": (16, 10, -14, 15, 1e-3),
    "bfloat16": (16, 7, -126, 127, 1e-2),
    "float32": (32, 23, -126, 127, 1e-6),
    "float64": (64, 52, -1022, 1023, 1e-15),
}
_PARTS = {"complex64": "float32", "complex128": "float64"}
_INTEGERS = {"uint8": (8, False), "int8": (8, True), "int16": (16, True), "int32": (32, True), "int64": (64, True)}


class _Limits:
    """What finfo and iinfo share: read-only values that compare by dtype, cannot be hashed and are not pickled."""

    __slots__ = ("bits", "dtype", "max", "min")
    bits: int
    dtype: str

    def __setattr__(self, name: str, value: object) -> NoReturn:
        cls = type(self).__name__
        if hasattr(self, name):
            raise AttributeError(f"attribute '{name}' of 'torch.{cls}' objects is not writable")
        raise AttributeError(f"'torch.{cls}' object has no attribute '{name}'")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle 'torch.{type(self).__name__}' object")

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _dtype_name(function: str, type_: Any) -> str:
    if type(type_).__name__ != "dtype":
        raise TypeError(f"{function}(): argument 'type' (position 1) must be torch.dtype, not {type(type_).__name__}")
    return str(type_).removeprefix("torch.")


_MISSING: Any = object()


class finfo(_Limits):
    """The limits of a floating dtype; for a complex one, those of its parts.

    Args:
        type: the dtype; the default dtype if left out.

    Attributes:
        bits: bits of one number.
        dtype: the dtype's name.
        eps: the difference between 1 and the next larger number.
        max: the largest finite number.
        min: the lowest finite number, `-max`.
        resolution: the decimal resolution, a power of ten.
        smallest_normal: the smallest positive number of full precision; also `tiny`.

    Example:
        >>> torch.finfo(torch.float32).eps
        1.1920928955078125e-07
    """

    __slots__ = ("eps", "resolution", "smallest_normal", "tiny")
    __module__ = "rushlight"
    min: float
    max: float
    eps: float
    resolution: float
    smallest_normal: float
    tiny: float

    def __init__(self, type: DType = _MISSING) -> None:
        if type is _MISSING:
            from . import _core

            type = _core.get_default_dtype()
        name = _dtype_name("finfo", type)
        name = _PARTS.get(name, name)
        if name not in _FLOATS:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        bits, fraction, low, high, resolution = _FLOATS[name]
        eps = 2.0**-fraction
        largest = (2.0 - eps) * 2.0**high
        normal = 2.0**low
        self._set(bits=bits, dtype=name, eps=eps, max=largest, min=-largest)
        self._set(resolution=resolution, smallest_normal=normal, tiny=normal)

    __init_subclass__: Any = classmethod(_no_subclass)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{n}={getattr(self, n):g}' for n in names)}, dtype={self.dtype})"


class iinfo(_Limits):
    """The limits of an integer dtype.

    Args:
        type: the dtype.

    Attributes:
        bits: bits of one number.
        dtype: the dtype's name.
        max: the largest number.
        min: the lowest number.

    Example:
        >>> torch.iinfo(torch.int8).max
        127
    """

    __slots__ = ()
    __module__ = "rushlight"
    min: int
    max: int

    def __init__(self, type: DType = _MISSING) -> None:
        if type is _MISSING:
            raise TypeError('iinfo() missing 1 required positional arguments: "type"')
        name = _dtype_name("iinfo", type)
        if name == "bool":
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if name not in _INTEGERS:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        bits, signed = _INTEGERS[name]
        magnitude = bits - signed
        self._set(bits=bits, dtype=name, max=2**magnitude - 1, min=-(2**magnitude) if signed else 0)

    __init_subclass__: Any = classmethod(_no_subclass)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
