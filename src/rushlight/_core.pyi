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

SavedTensor: Any
_FunctionBase: Any
_apply_with_context: Any
_assign: Any
_attach_apply: Any
_autocast: Any
_autocasting: Any
_backward_has_inputs: Any
_batch_level: Any
_batch_wrap: Any
_born_within: Any
_bump_version: Any
_call_after_backward: Any
_current_backward: Any
_disable_saved_hooks: Any
_disabled_torch_function_impl: Any
_dual_close: Any
_dual_count: Any
_dual_get: Any
_dual_level: Any
_dual_limit: Any
_dual_open: Any
_dual_set: Any
_edge_tensor: Any
_get_anomaly: Any
_gradient_edge: Any
_hook_id: Any
_internal: Any
_is_profiling: Any
_level_handler: Any
_module_slots: Any
_module_subclass: Any
_overloaded: Any
_pop_saved_hooks: Any
_profile_enter: Any
_profile_leave: Any
_profile_start: Any
_profile_stop: Any
_push_saved_hooks: Any
_python_operator: Any
_rewatch: Any
_saved: Any
_set_anomaly: Any
_set_before_inplace: Any
_set_grad_layout: Any
_set_parameter_type: Any
_top_saved_hooks: Any
_watch: Any
_will_execute: Any
bfloat16: dtype
bool: dtype
complex128: dtype
complex64: dtype
float16: dtype
float32: dtype
float64: dtype
int16: dtype
int32: dtype
int64: dtype
int8: dtype
uint8: dtype

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
    def __add__(self, other: Tensor | _Number) -> Tensor: ...
    def __radd__(self, other: _Number) -> Tensor: ...
    def __iadd__(self, other: Tensor | _Number) -> Tensor: ...
    def __sub__(self, other: Tensor | _Number) -> Tensor: ...
    def __rsub__(self, other: _Number) -> Tensor: ...
    def __isub__(self, other: Tensor | _Number) -> Tensor: ...
    def __mul__(self, other: Tensor | _Number) -> Tensor: ...
    def __rmul__(self, other: _Number) -> Tensor: ...
    def __imul__(self, other: Tensor | _Number) -> Tensor: ...
    def __truediv__(self, other: Tensor | _Number) -> Tensor: ...
    def __rtruediv__(self, other: _Number) -> Tensor: ...
    def __itruediv__(self, other: Tensor | _Number) -> Tensor: ...
    def __floordiv__(self, other: Tensor | _Number) -> Tensor: ...
    def __rfloordiv__(self, other: _Number) -> Tensor: ...
    def __ifloordiv__(self, other: Tensor | _Number) -> Tensor: ...
    def __mod__(self, other: Tensor | _Number) -> Tensor: ...
    def __rmod__(self, other: _Number) -> Tensor: ...
    def __imod__(self, other: Tensor | _Number) -> Tensor: ...
    def __pow__(self, other: Tensor | _Number) -> Tensor: ...
    def __rpow__(self, other: _Number) -> Tensor: ...
    def __ipow__(self, other: Tensor | _Number) -> Tensor: ...
    def __and__(self, other: Tensor | _Number) -> Tensor: ...
    def __rand__(self, other: _Number) -> Tensor: ...
    def __iand__(self, other: Tensor | _Number) -> Tensor: ...
    def __or__(self, other: Tensor | _Number) -> Tensor: ...
    def __ror__(self, other: _Number) -> Tensor: ...
    def __ior__(self, other: Tensor | _Number) -> Tensor: ...
    def __xor__(self, other: Tensor | _Number) -> Tensor: ...
    def __rxor__(self, other: _Number) -> Tensor: ...
    def __ixor__(self, other: Tensor | _Number) -> Tensor: ...
    def __lshift__(self, other: Tensor | _Number) -> Tensor: ...
    def __rlshift__(self, other: _Number) -> Tensor: ...
    def __ilshift__(self, other: Tensor | _Number) -> Tensor: ...
    def __rshift__(self, other: Tensor | _Number) -> Tensor: ...
    def __rrshift__(self, other: _Number) -> Tensor: ...
    def __irshift__(self, other: Tensor | _Number) -> Tensor: ...
    def __matmul__(self, other: Tensor) -> Tensor: ...
    def __eq__(self, other: Tensor | _Number) -> Tensor: ...
    def __ne__(self, other: Tensor | _Number) -> Tensor: ...
    def __lt__(self, other: Tensor | _Number) -> Tensor: ...
    def __le__(self, other: Tensor | _Number) -> Tensor: ...
    def __gt__(self, other: Tensor | _Number) -> Tensor: ...
    def __ge__(self, other: Tensor | _Number) -> Tensor: ...
    __array_priority__: ClassVar[_int]
    device: ClassVar[_device]
    layout: ClassVar[_layout]
    is_cpu: ClassVar[_bool]
    is_cuda: ClassVar[_bool]
    is_ipu: ClassVar[_bool]
    is_maia: ClassVar[_bool]
    is_meta: ClassVar[_bool]
    is_mkldnn: ClassVar[_bool]
    is_mps: ClassVar[_bool]
    is_mtia: ClassVar[_bool]
    is_nested: ClassVar[_bool]
    is_quantized: ClassVar[_bool]
    is_sparse: ClassVar[_bool]
    is_sparse_csr: ClassVar[_bool]
    is_vulkan: ClassVar[_bool]
    is_xla: ClassVar[_bool]
    is_xpu: ClassVar[_bool]
    def __repr__(self, *, tensor_contents: str | None=None) -> str: ...
    def __format__(self, format_spec: str) -> str: ...
    def __dir__(self) -> list[str]: ...
    def __copy__(self) -> Tensor: ...
    def __deepcopy__(self, memo: dict[Any, Any]) -> Tensor: ...
    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]: ...
    def numpy(self, *, force: _bool=False) -> _numpy.ndarray[Any, Any]: ...
    def __array__(self, dtype: Any=None, copy: _bool | None=None) -> _numpy.ndarray[Any, Any]: ...
    def __array_wrap__(self, array: Any, context: Any=None, return_scalar: _bool=False) -> Tensor: ...
    def __dlpack__(self, *, stream: Any=None, max_version: tuple[_int, _int] | None=None, dl_device: tuple[_int, _int] | None=None, copy: _bool | None=None) -> Any: ...
    def __dlpack_device__(self) -> tuple[_int, _int]: ...
    def __rdiv__(self, other: Any) -> Tensor: ...
    def __contains__(self, element: Any, /) -> _bool: ...
    def __reversed__(self) -> Tensor: ...
    def type(self, dtype: Any=None, non_blocking: _bool=False) -> str | Tensor: ...
    def element_size(self) -> _int: ...
    def is_same_size(self, other: Tensor) -> _bool: ...
    def where(self, condition: Tensor, other: Any) -> Tensor: ...
    def split(self, split_size: _int | Sequence[_int] | Tensor, dim: _int=0) -> tuple[Tensor, ...]: ...
    def cpu(self, memory_format: _memory_format | None=None) -> Tensor: ...
    def cuda(self, device: Any=None, non_blocking: _bool=False, memory_format: Any=None) -> NoReturn: ...
    def xpu(self, device: Any=None, non_blocking: _bool=False, memory_format: Any=None) -> NoReturn: ...
    def get_device(self) -> _int: ...
    def pin_memory(self, device: Any=None) -> NoReturn: ...
    def is_pinned(self, device: Any=None) -> _bool: ...
    def lu(self, pivot: _bool=True, get_infos: _bool=False) -> Any: ...
    def orgqr(self, tau: Tensor) -> Tensor: ...
    def ormqr(self, tau: Tensor, other: Tensor, left: _bool=True, transpose: _bool=False, *, out: Tensor | None=None) -> Tensor: ...
    def pinverse(self, rcond: _float=1e-15) -> Tensor: ...
    def matrix_power(self, n: _int) -> Tensor: ...
    def matrix_exp(self) -> Tensor: ...
    def isreal(self) -> Tensor: ...
    def is_nonzero(self) -> _bool: ...
    def nanmean(self, dim: Any=None, keepdim: _bool=False, *, dtype: _dtype | None=None, out: Tensor | None=None) -> Tensor: ...
    def quantile(self, q: Any, dim: _int | None=None, keepdim: _bool=False, *, interpolation: str='linear', out: Tensor | None=None) -> Tensor: ...
    def nanquantile(self, q: Any, dim: _int | None=None, keepdim: _bool=False, *, interpolation: str='linear', out: Tensor | None=None) -> Tensor: ...
    def diff(self, n: _int=1, dim: _int=-1, prepend: Tensor | None=None, append: Tensor | None=None, *, out: Tensor | None=None) -> Tensor: ...
    def cov(self, *, correction: _int=1, fweights: Tensor | None=None, aweights: Tensor | None=None) -> Tensor: ...
    def corrcoef(self) -> Tensor: ...
    def renorm(self, p: _float, dim: _int, maxnorm: _float, *, out: Tensor | None=None) -> Tensor: ...
    def renorm_(self, p: _float, dim: _int, maxnorm: _float) -> Tensor: ...
    def unique_consecutive(self, return_inverse: _bool=False, return_counts: _bool=False, dim: _int | None=None) -> Any: ...
    def unique(self, sorted: _bool=True, return_inverse: _bool=False, return_counts: _bool=False, dim: _int | None=None) -> Any: ...
    def diag(self, diagonal: _int=0) -> Tensor: ...
    def diag_embed(self, offset: _int=0, dim1: _int=-2, dim2: _int=-1) -> Tensor: ...
    def diagflat(self, offset: _int=0) -> Tensor: ...
    def diagonal_scatter(self, src: Tensor, offset: _int=0, dim1: _int=0, dim2: _int=1) -> Tensor: ...
    def select_scatter(self, src: Tensor, dim: _int, index: _int) -> Tensor: ...
    def slice_scatter(self, src: Tensor, dim: _int=0, start: _int | None=None, end: _int | None=None, step: _int=1) -> Tensor: ...
    def as_strided_scatter(self, src: Tensor, size: Sequence[_int], stride: Sequence[_int], storage_offset: _int | None=None) -> Tensor: ...
    def trace(self) -> Tensor: ...
    def tensor_split(self, indices_or_sections: Any, dim: _int=0) -> tuple[Tensor, ...]: ...
    def hsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]: ...
    def vsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]: ...
    def dsplit(self, indices_or_sections: Any) -> tuple[Tensor, ...]: ...
    def unsafe_chunk(self, chunks: _int, dim: _int=0) -> tuple[Tensor, ...]: ...
    def unsafe_split(self, split_size: _int, dim: _int=0) -> tuple[Tensor, ...]: ...
    def repeat_interleave(self, repeats: Any=None, dim: _int | None=None, *, output_size: _int | None=None) -> Tensor: ...
    def rot90(self, k: _int=1, dims: Sequence[_int]=(0, 1)) -> Tensor: ...
    def take(self, index: Tensor, *, out: Tensor | None=None) -> Tensor: ...
    def nonzero_static(self, *, size: _int, fill_value: _int=-1) -> Tensor: ...
    def put(self, index: Tensor, source: Tensor, accumulate: _bool=False) -> Tensor: ...
    def put_(self, index: Tensor, source: Tensor, accumulate: _bool=False) -> Tensor: ...
    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor: ...
    def masked_scatter_(self, mask: Tensor, source: Tensor) -> Tensor: ...
    def narrow_copy(self, dim: _int, start: _int, length: _int, *, out: Tensor | None=None) -> Tensor: ...
    def resize_as_(self, the_template: Tensor, *, memory_format: Any=None) -> Tensor: ...
    def type_as(self, other: Tensor) -> Tensor: ...
    def sum_to_size(self, *size: Any) -> Tensor: ...
    def adjoint(self) -> Tensor: ...
    def kron(self, other: Tensor) -> Tensor: ...
    def vdot(self, other: Tensor, *, out: Tensor | None=None) -> Tensor: ...
    def cross(self, other: Tensor, dim: _int | None=None, *, out: Tensor | None=None) -> Tensor: ...
    def stft(self, n_fft: _int, hop_length: _int | None=None, win_length: _int | None=None, window: Tensor | None=None, center: _bool=True, pad_mode: str='reflect', normalized: _bool=False, onesided: _bool | None=None, return_complex: _bool | None=None, align_to_window: _bool | None=None) -> Tensor: ...
    def istft(self, n_fft: _int, hop_length: _int | None=None, win_length: _int | None=None, window: Tensor | None=None, center: _bool=True, normalized: _bool=False, onesided: _bool | None=None, length: _int | None=None, return_complex: _bool=False) -> Tensor: ...
    def abs(self, *, out: Tensor | None = None) -> Tensor: ...
    def abs_(self) -> Tensor: ...
    def absolute(self, *, out: Tensor | None = None) -> Tensor: ...
    def absolute_(self) -> Tensor: ...
    def acos(self, *, out: Tensor | None = None) -> Tensor: ...
    def acos_(self) -> Tensor: ...
    def acosh(self, *, out: Tensor | None = None) -> Tensor: ...
    def acosh_(self) -> Tensor: ...
    def add(self, other: Tensor | _Number, *, alpha: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def add_(self, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
        """In-place add."""
    def addbmm(self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def addbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """In-place addbmm."""
    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def addcdiv_(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Tensor:
        """In-place addcdiv."""
    def addcmul(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def addcmul_(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Tensor:
        """In-place addcmul."""
    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def addmm_(self, mat1: Tensor, mat2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """In-place addmm."""
    def addmv(self, mat: Tensor, vec: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def addmv_(self, mat: Tensor, vec: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """In-place addmv."""
    def addr(self, vec1: Tensor, vec2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def addr_(self, vec1: Tensor, vec2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """In-place addr."""
    @overload
    def all(self, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def all(self, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    def allclose(self, other: Tensor, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False) -> _bool: ...
    def amax(self, dim: _int | Sequence[_int] = (), keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    def amin(self, dim: _int | Sequence[_int] = (), keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    def aminmax(self, *, dim: _int | None = None, keepdim: _bool = False, out: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]: ...
    def angle(self, *, out: Tensor | None = None) -> Tensor: ...
    def angle_(self) -> Tensor: ...
    @overload
    def any(self, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def any(self, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    def arccos(self, *, out: Tensor | None = None) -> Tensor: ...
    def arccos_(self) -> Tensor: ...
    def arccosh(self, *, out: Tensor | None = None) -> Tensor: ...
    def arccosh_(self) -> Tensor: ...
    def arcsin(self, *, out: Tensor | None = None) -> Tensor: ...
    def arcsin_(self) -> Tensor: ...
    def arcsinh(self, *, out: Tensor | None = None) -> Tensor: ...
    def arcsinh_(self) -> Tensor: ...
    def arctan(self, *, out: Tensor | None = None) -> Tensor: ...
    def arctan2(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def arctan2_(self, other: Tensor) -> Tensor:
        """Alias of atan2. In place."""
    def arctan_(self) -> Tensor: ...
    def arctanh(self, *, out: Tensor | None = None) -> Tensor: ...
    def arctanh_(self) -> Tensor: ...
    def argmax(self, dim: _int | None = None, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    def argmin(self, dim: _int | None = None, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def argsort(self, *, stable: _bool, dim: _int = -1, descending: _bool = False) -> Tensor: ...
    @overload
    def argsort(self, dim: _int = -1, descending: _bool = False) -> Tensor: ...
    def argwhere(self) -> Tensor: ...
    def as_strided(self, size: _int | Sequence[_int], stride: _int | Sequence[_int], storage_offset: _int | None = None) -> Tensor: ...
    def asin(self, *, out: Tensor | None = None) -> Tensor: ...
    def asin_(self) -> Tensor: ...
    def asinh(self, *, out: Tensor | None = None) -> Tensor: ...
    def asinh_(self) -> Tensor: ...
    def atan(self, *, out: Tensor | None = None) -> Tensor: ...
    def atan2(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def atan2_(self, other: Tensor) -> Tensor:
        """The angle of the point (other, input) in radians, in (-pi, pi]. In place."""
    def atan_(self) -> Tensor: ...
    def atanh(self, *, out: Tensor | None = None) -> Tensor: ...
    def atanh_(self) -> Tensor: ...
    def backward(self, gradient: Any = None, retain_graph: _bool | None = None, create_graph: _bool = False, inputs: Any = None) -> None:
        """Computes the gradients of all leaves and adds them to their .grad. `gradient` is the cotangent of self, of its shape; it may be left out for a scalar."""
    def baddbmm(self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def baddbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """In-place baddbmm."""
    @overload
    def bernoulli(self, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bernoulli(self, p: _float, *, generator: Generator | None = None) -> Tensor: ...
    def bernoulli_(self, p: Tensor | _Number = 0.5, *, generator: Generator | None = None) -> Tensor:
        """Fills self with 1 with probability p, else 0."""
    def bfloat16(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    def bincount(self, weights: Tensor | None = None, minlength: _int = 0) -> Tensor: ...
    @overload
    def bitwise_and(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bitwise_and(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bitwise_and_(self, other: Tensor) -> Tensor:
        """input & other, on integers and bools. In place."""
    @overload
    def bitwise_and_(self, other: _Number) -> Tensor: ...
    @overload
    def bitwise_left_shift(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bitwise_left_shift(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bitwise_left_shift_(self, other: Tensor) -> Tensor:
        """input << other. In place."""
    @overload
    def bitwise_left_shift_(self, other: _Number) -> Tensor: ...
    def bitwise_not(self, *, out: Tensor | None = None) -> Tensor: ...
    def bitwise_not_(self) -> Tensor: ...
    @overload
    def bitwise_or(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bitwise_or(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bitwise_or_(self, other: Tensor) -> Tensor:
        """input | other, on integers and bools. In place."""
    @overload
    def bitwise_or_(self, other: _Number) -> Tensor: ...
    @overload
    def bitwise_right_shift(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bitwise_right_shift(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bitwise_right_shift_(self, other: Tensor) -> Tensor:
        """input >> other, arithmetic. In place."""
    @overload
    def bitwise_right_shift_(self, other: _Number) -> Tensor: ...
    @overload
    def bitwise_xor(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bitwise_xor(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def bitwise_xor_(self, other: Tensor) -> Tensor:
        """input ^ other, on integers and bools. In place."""
    @overload
    def bitwise_xor_(self, other: _Number) -> Tensor: ...
    def bmm(self, mat2: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def bool(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    @overload
    def broadcast_to(self, size: Sequence[_int]) -> Tensor: ...
    @overload
    def broadcast_to(self, *size: _int) -> Tensor: ...
    def byte(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    def cauchy_(self, median: _float = 0.0, sigma: _float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Fills self with numbers of the Cauchy distribution."""
    def cdouble(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    def ceil(self, *, out: Tensor | None = None) -> Tensor: ...
    def ceil_(self) -> Tensor: ...
    def cfloat(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    def char(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    def cholesky(self, upper: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    def cholesky_inverse(self, upper: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    def cholesky_solve(self, L: Tensor, upper: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    def chunk(self, chunks: _int, dim: _int = 0) -> tuple[Tensor, ...]: ...
    @overload
    def clamp(self, min: Tensor | None = None, max: Tensor | None = None, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def clamp(self, min: _Number | None = None, max: _Number | None = None, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def clamp_(self, min: Tensor | None = None, max: Tensor | None = None) -> Tensor: ...
    @overload
    def clamp_(self, min: _Number | None = None, max: _Number | None = None) -> Tensor: ...
    @overload
    def clamp_max(self, max: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def clamp_max(self, max: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def clamp_max_(self, max: Tensor) -> Tensor: ...
    @overload
    def clamp_max_(self, max: _Number) -> Tensor: ...
    @overload
    def clamp_min(self, min: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def clamp_min(self, min: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def clamp_min_(self, min: Tensor) -> Tensor: ...
    @overload
    def clamp_min_(self, min: _Number) -> Tensor: ...
    @overload
    def clip(self, min: Tensor | None = None, max: Tensor | None = None, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def clip(self, min: _Number | None = None, max: _Number | None = None, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def clip_(self, min: Tensor | None = None, max: Tensor | None = None) -> Tensor: ...
    @overload
    def clip_(self, min: _Number | None = None, max: _Number | None = None) -> Tensor: ...
    def clone(self, *, memory_format: _memory_format | None = None) -> Tensor: ...
    def conj(self) -> Tensor: ...
    def conj_physical(self, *, out: Tensor | None = None) -> Tensor: ...
    def conj_physical_(self) -> Tensor: ...
    def contiguous(self, memory_format: _memory_format | None = None) -> Tensor:
        """self if its elements lie in row-major order, else such a copy."""
    def copy_(self, src: Tensor | _Number, non_blocking: _bool = False) -> Tensor:
        """Writes src, broadcast and converted, into self."""
    @overload
    def copysign(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def copysign(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def copysign_(self, other: Tensor) -> Tensor:
        """The magnitude of input with the sign of other. In place."""
    @overload
    def copysign_(self, other: _Number) -> Tensor: ...
    def cos(self, *, out: Tensor | None = None) -> Tensor: ...
    def cos_(self) -> Tensor: ...
    def cosh(self, *, out: Tensor | None = None) -> Tensor: ...
    def cosh_(self) -> Tensor: ...
    @overload
    def count_nonzero(self, dim: _int | Sequence[_int]) -> Tensor: ...
    @overload
    def count_nonzero(self, dim: _int | None = None) -> Tensor: ...
    def cummax(self, dim: _int, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
    def cummin(self, dim: _int, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
    def cumprod(self, dim: _int, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor: ...
    def cumsum(self, dim: _int, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor: ...
    def deg2rad(self, *, out: Tensor | None = None) -> Tensor: ...
    def deg2rad_(self) -> Tensor: ...
    def det(self) -> Tensor: ...
    def detach(self) -> Tensor: ...
    def detach_(self) -> Tensor: ...
    def diagonal(self, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor: ...
    def digamma(self, *, out: Tensor | None = None) -> Tensor: ...
    def digamma_(self) -> Tensor: ...
    def dist(self, other: Tensor, p: _Number = 2, *, out: Tensor | None = None) -> Tensor: ...
    def div(self, other: Tensor | _Number, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor: ...
    def div_(self, other: Tensor | _Number, *, rounding_mode: str | None = None) -> Tensor:
        """In-place div."""
    def divide(self, other: Tensor | _Number, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor: ...
    def divide_(self, other: Tensor | _Number, *, rounding_mode: str | None = None) -> Tensor:
        """In-place div."""
    def dot(self, tensor: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def double(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    @overload
    def eq(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def eq(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def eq_(self, other: Tensor) -> Tensor:
        """input == other, elementwise. In place."""
    @overload
    def eq_(self, other: _Number) -> Tensor: ...
    def equal(self, other: Tensor) -> _bool: ...
    def erf(self, *, out: Tensor | None = None) -> Tensor: ...
    def erf_(self) -> Tensor: ...
    def erfc(self, *, out: Tensor | None = None) -> Tensor: ...
    def erfc_(self) -> Tensor: ...
    def erfinv(self, *, out: Tensor | None = None) -> Tensor: ...
    def erfinv_(self) -> Tensor: ...
    def exp(self, *, out: Tensor | None = None) -> Tensor: ...
    def exp2(self, *, out: Tensor | None = None) -> Tensor: ...
    def exp2_(self) -> Tensor: ...
    def exp_(self) -> Tensor: ...
    @overload
    def expand(self, size: Sequence[_int], *, implicit: _bool = False) -> Tensor:
        """Dimensions of size 1 seen as larger, without a copy; -1 keeps a size."""
    @overload
    def expand(self, *size: _int, implicit: _bool = False) -> Tensor: ...
    def expand_as(self, other: Tensor) -> Tensor:
        """self.expand(other.size())."""
    def expm1(self, *, out: Tensor | None = None) -> Tensor: ...
    def expm1_(self) -> Tensor: ...
    def exponential_(self, lambd: _float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Fills self with exponentially distributed numbers of rate lambd."""
    def fill_(self, value: Tensor | _Number) -> Tensor:
        """Sets all elements."""
    def fix(self, *, out: Tensor | None = None) -> Tensor: ...
    def fix_(self) -> Tensor: ...
    def flatten(self, start_dim: _int = 0, end_dim: _int = -1) -> Tensor: ...
    @overload
    def flip(self, dims: Sequence[_int]) -> Tensor: ...
    @overload
    def flip(self, *dims: _int) -> Tensor: ...
    def fliplr(self) -> Tensor: ...
    def flipud(self) -> Tensor: ...
    def float(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    @overload
    def float_power(self, exponent: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def float_power(self, exponent: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def float_power_(self, exponent: Tensor) -> Tensor:
        """In-place float_power."""
    @overload
    def float_power_(self, exponent: _Number) -> Tensor: ...
    def floor(self, *, out: Tensor | None = None) -> Tensor: ...
    def floor_(self) -> Tensor: ...
    def floor_divide(self, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor: ...
    def floor_divide_(self, other: Tensor | _Number) -> Tensor:
        """floor(input / other). In place."""
    def fmax(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def fmin(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def fmod(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def fmod(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def fmod_(self, other: Tensor) -> Tensor:
        """input - other * trunc(input / other): the sign of the dividend, as C's fmod. In place."""
    @overload
    def fmod_(self, other: _Number) -> Tensor: ...
    def frac(self, *, out: Tensor | None = None) -> Tensor: ...
    def frac_(self) -> Tensor: ...
    def frexp(self) -> tuple[Tensor, Tensor]: ...
    def gather(self, dim: _int, index: Tensor, *, sparse_grad: _bool = False, out: Tensor | None = None) -> Tensor: ...
    def gcd(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def gcd_(self, other: Tensor) -> Tensor:
        """The greatest common divisor of integers. In place."""
    @overload
    def ge(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def ge(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def ge_(self, other: Tensor) -> Tensor:
        """input >= other, elementwise. In place."""
    @overload
    def ge_(self, other: _Number) -> Tensor: ...
    def geometric_(self, p: _float, *, generator: Generator | None = None) -> Tensor:
        """Fills self with the number of trials up to the first success of probability p."""
    def geqrf(self, *, out: Sequence[Tensor] | None = None) -> Tensor: ...
    def ger(self, vec2: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def greater(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def greater(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def greater_(self, other: Tensor) -> Tensor:
        """Alias of gt. In place."""
    @overload
    def greater_(self, other: _Number) -> Tensor: ...
    @overload
    def greater_equal(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def greater_equal(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def greater_equal_(self, other: Tensor) -> Tensor:
        """Alias of ge. In place."""
    @overload
    def greater_equal_(self, other: _Number) -> Tensor: ...
    @overload
    def gt(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def gt(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def gt_(self, other: Tensor) -> Tensor:
        """input > other, elementwise. In place."""
    @overload
    def gt_(self, other: _Number) -> Tensor: ...
    def half(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    def hardshrink(self, lambd: _Number = 0.5) -> Tensor: ...
    def hardsigmoid(self, *, out: Tensor | None = None) -> Tensor: ...
    def hardsigmoid_(self) -> Tensor: ...
    def hardswish(self, *, out: Tensor | None = None) -> Tensor: ...
    def hardswish_(self) -> Tensor: ...
    def heaviside(self, values: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def heaviside_(self, values: Tensor) -> Tensor:
        """In-place heaviside."""
    def histc(self, bins: _int = 100, min: _Number = 0, max: _Number = 0, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def histogram(self, bins: Tensor, *, weight: Tensor | None = None, density: _bool = False, out: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]: ...
    @overload
    def histogram(self, bins: _int = 100, *, range: Any = None, weight: Tensor | None = None, density: _bool = False, out: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]: ...
    def hypot(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def hypot_(self, other: Tensor) -> Tensor:
        """sqrt(input^2 + other^2) without overflow. In place."""
    def i0(self, *, out: Tensor | None = None) -> Tensor: ...
    def i0_(self) -> Tensor: ...
    def index_add(self, dim: _int, index: Tensor, source: Tensor, *, alpha: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def index_add_(self, dim: _int, index: Tensor, source: Tensor, *, alpha: _Number = 1) -> Tensor:
        """In-place index_add."""
    def index_copy(self, dim: _int, index: Tensor, source: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def index_copy_(self, dim: _int, index: Tensor, source: Tensor) -> Tensor:
        """In-place index_copy."""
    @overload
    def index_fill(self, dim: _int, index: Tensor, value: Tensor) -> Tensor: ...
    @overload
    def index_fill(self, dim: _int, index: Tensor, value: _Number) -> Tensor: ...
    @overload
    def index_fill_(self, dim: _int, index: Tensor, value: Tensor) -> Tensor:
        """In-place index_fill."""
    @overload
    def index_fill_(self, dim: _int, index: Tensor, value: _Number) -> Tensor: ...
    def index_put(self, indices: Sequence[Tensor], values: Tensor, accumulate: _bool = False) -> Tensor: ...
    def index_put_(self, indices: Sequence[Tensor], values: Tensor, accumulate: _bool = False) -> Tensor:
        """In-place index_put."""
    def index_reduce(self, dim: _int, index: Tensor, source: Tensor, reduce: str, *, include_self: _bool = True, out: Tensor | None = None) -> Tensor: ...
    def index_reduce_(self, dim: _int, index: Tensor, source: Tensor, reduce: str, *, include_self: _bool = True) -> Tensor:
        """In-place index_reduce."""
    def index_select(self, dim: _int, index: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def inner(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def int(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    def inverse(self, *, out: Tensor | None = None) -> Tensor: ...
    def is_complex(self) -> _bool: ...
    def is_contiguous(self, memory_format: _memory_format | None = None) -> _bool:
        """Do the elements lie in row-major order, or in that of the memory format?"""
    def is_floating_point(self) -> _bool: ...
    def is_signed(self) -> _bool: ...
    def isclose(self, other: Tensor, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False) -> Tensor: ...
    def isfinite(self) -> Tensor: ...
    def isinf(self) -> Tensor: ...
    def isnan(self) -> Tensor: ...
    def isneginf(self, *, out: Tensor | None = None) -> Tensor: ...
    def isposinf(self, *, out: Tensor | None = None) -> Tensor: ...
    def kthvalue(self, k: _int, dim: _int = -1, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
    def lcm(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def lcm_(self, other: Tensor) -> Tensor:
        """The least common multiple of integers. In place."""
    def ldexp(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def ldexp_(self, other: Tensor) -> Tensor: ...
    @overload
    def le(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def le(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def le_(self, other: Tensor) -> Tensor:
        """input <= other, elementwise. In place."""
    @overload
    def le_(self, other: _Number) -> Tensor: ...
    @overload
    def lerp(self, end: Tensor, weight: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def lerp(self, end: Tensor, weight: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def lerp_(self, end: Tensor, weight: Tensor) -> Tensor:
        """In-place lerp."""
    @overload
    def lerp_(self, end: Tensor, weight: _Number) -> Tensor: ...
    @overload
    def less(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def less(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def less_(self, other: Tensor) -> Tensor:
        """Alias of lt. In place."""
    @overload
    def less_(self, other: _Number) -> Tensor: ...
    @overload
    def less_equal(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def less_equal(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def less_equal_(self, other: Tensor) -> Tensor:
        """Alias of le. In place."""
    @overload
    def less_equal_(self, other: _Number) -> Tensor: ...
    def lgamma(self, *, out: Tensor | None = None) -> Tensor: ...
    def lgamma_(self) -> Tensor: ...
    def log(self, *, out: Tensor | None = None) -> Tensor: ...
    def log10(self, *, out: Tensor | None = None) -> Tensor: ...
    def log10_(self) -> Tensor: ...
    def log1p(self, *, out: Tensor | None = None) -> Tensor: ...
    def log1p_(self) -> Tensor: ...
    def log2(self, *, out: Tensor | None = None) -> Tensor: ...
    def log2_(self) -> Tensor: ...
    def log_(self) -> Tensor: ...
    def log_normal_(self, mean: _float = 1.0, std: _float = 2.0, *, generator: Generator | None = None) -> Tensor:
        """Fills self with exp(n), n normal with this mean and standard deviation."""
    def log_sigmoid(self, *, out: Tensor | None = None) -> Tensor: ...
    def log_sigmoid_(self) -> Tensor: ...
    def log_softmax(self, dim: _int, dtype: _DType | None = None) -> Tensor: ...
    def logaddexp(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def logaddexp2(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def logcumsumexp(self, dim: _int, *, out: Tensor | None = None) -> Tensor: ...
    def logdet(self) -> Tensor: ...
    def logical_and(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def logical_and_(self, other: Tensor) -> Tensor:
        """Both elements are nonzero. In place."""
    def logical_not(self, *, out: Tensor | None = None) -> Tensor: ...
    def logical_not_(self) -> Tensor:
        """In-place logical_not."""
    def logical_or(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def logical_or_(self, other: Tensor) -> Tensor:
        """Some element is nonzero. In place."""
    def logical_xor(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def logical_xor_(self, other: Tensor) -> Tensor:
        """Just one element is nonzero. In place."""
    def logit(self, eps: _float | None = None, *, out: Tensor | None = None) -> Tensor: ...
    def logit_(self, eps: _float | None = None) -> Tensor:
        """In-place logit."""
    def logsumexp(self, dim: _int | Sequence[_int], keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    def long(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    @overload
    def lt(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def lt(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def lt_(self, other: Tensor) -> Tensor:
        """input < other, elementwise. In place."""
    @overload
    def lt_(self, other: _Number) -> Tensor: ...
    def lu_solve(self, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def masked_fill(self, mask: Tensor, value: Tensor) -> Tensor: ...
    @overload
    def masked_fill(self, mask: Tensor, value: _Number) -> Tensor: ...
    @overload
    def masked_fill_(self, mask: Tensor, value: Tensor) -> Tensor:
        """In-place masked_fill."""
    @overload
    def masked_fill_(self, mask: Tensor, value: _Number) -> Tensor: ...
    def masked_select(self, mask: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def matmul(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def max(self, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def max(self, other: Tensor, *, out: Tensor | None = None) -> _ValuesAndIndices: ...
    @overload
    def max(self, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> Tensor: ...
    def maximum(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def mean(self, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor: ...
    @overload
    def mean(self, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor: ...
    @overload
    def median(self) -> Tensor: ...
    @overload
    def median(self, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
    @overload
    def min(self, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def min(self, other: Tensor, *, out: Tensor | None = None) -> _ValuesAndIndices: ...
    @overload
    def min(self, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> Tensor: ...
    def minimum(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def mish(self, *, out: Tensor | None = None) -> Tensor: ...
    def mish_(self) -> Tensor: ...
    def mm(self, mat2: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def mode(self, dim: _int = -1, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
    def moveaxis(self, source: _int | Sequence[_int], destination: _int | Sequence[_int]) -> Tensor: ...
    def movedim(self, source: _int | Sequence[_int], destination: _int | Sequence[_int]) -> Tensor: ...
    def msort(self, *, out: Tensor | None = None) -> Tensor: ...
    def mul(self, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor: ...
    def mul_(self, other: Tensor | _Number) -> Tensor:
        """input * other, elementwise with broadcasting. In place."""
    def multinomial(self, num_samples: _int, replacement: _bool = False, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor: ...
    def multiply(self, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor: ...
    def multiply_(self, other: Tensor | _Number) -> Tensor:
        """Alias of mul. In place."""
    def mv(self, vec: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def nan_to_num(self, nan: _float | None = None, posinf: _float | None = None, neginf: _float | None = None, *, out: Tensor | None = None) -> Tensor: ...
    def nan_to_num_(self, nan: _float | None = None, posinf: _float | None = None, neginf: _float | None = None) -> Tensor:
        """In-place nan_to_num."""
    @overload
    def nanmedian(self) -> Tensor: ...
    @overload
    def nanmedian(self, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
    def nansum(self, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor: ...
    @overload
    def narrow(self, dim: _int, start: _int, length: _int) -> Tensor: ...
    @overload
    def narrow(self, dim: _int, start: Tensor, length: _int) -> Tensor: ...
    @overload
    def ne(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def ne(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def ne_(self, other: Tensor) -> Tensor:
        """input != other, elementwise. In place."""
    @overload
    def ne_(self, other: _Number) -> Tensor: ...
    def neg(self, *, out: Tensor | None = None) -> Tensor: ...
    def neg_(self) -> Tensor: ...
    def negative(self, *, out: Tensor | None = None) -> Tensor: ...
    def negative_(self) -> Tensor: ...
    @overload
    def new_empty(self, size: Sequence[_int], *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
        """empty of self's dtype."""
    @overload
    def new_empty(self, *size: _int, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
    def new_empty_strided(self, size: _int | Sequence[_int], stride: _int | Sequence[_int], *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
        """empty_strided of self's dtype."""
    def new_full(self, size: _int | Sequence[_int], fill_value: _Number, *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
        """full of self's dtype."""
    @overload
    def new_ones(self, size: Sequence[_int], *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
        """ones of self's dtype."""
    @overload
    def new_ones(self, *size: _int, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
    def new_tensor(self, data: Any, *, dtype: _DType | None = None, device: _Device | None = None, requires_grad: _bool = False) -> Tensor:
        """tensor of self's dtype."""
    @overload
    def new_zeros(self, size: Sequence[_int], *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
        """zeros of self's dtype."""
    @overload
    def new_zeros(self, *size: _int, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
    def nextafter(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def nextafter_(self, other: Tensor) -> Tensor:
        """The next floating-point number after input towards other. In place."""
    def nonzero(self, *, as_tuple: _bool = False, out: Tensor | None = None) -> Any: ...
    @overload
    def norm(self, p: Any = 'fro', dim: _int | Sequence[_int] | None = None, keepdim: _bool = False, out: Tensor | None = None, dtype: _DType | None = None) -> Tensor: ...
    @overload
    def norm(self, p: Any = 'fro', dim: _int | Sequence[_int] | None = None, keepdim: _bool = False, dtype: _DType | None = None) -> Tensor: ...
    def normal_(self, mean: _float = 0.0, std: _float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Fills self with normal numbers."""
    @overload
    def not_equal(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def not_equal(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def not_equal_(self, other: Tensor) -> Tensor:
        """Alias of ne. In place."""
    @overload
    def not_equal_(self, other: _Number) -> Tensor: ...
    def outer(self, vec2: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def permute(self, dims: Sequence[_int]) -> Tensor: ...
    @overload
    def permute(self, *dims: _int) -> Tensor: ...
    @overload
    def polygamma(self, input: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def polygamma(self, n: _int) -> Tensor: ...
    def polygamma_(self, n: _int) -> Tensor:
        """In-place polygamma."""
    def positive(self) -> Tensor: ...
    @overload
    def pow(self, exponent: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def pow(self, exponent: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def pow_(self, exponent: Tensor) -> Tensor:
        """input to the power of other. In place."""
    @overload
    def pow_(self, exponent: _Number) -> Tensor: ...
    def prelu(self, weight: Tensor) -> Tensor: ...
    @overload
    def prod(self, *, dtype: _DType | None = None) -> Tensor: ...
    @overload
    def prod(self, dim: _int, keepdim: _bool = False, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor: ...
    def qr(self, some: _bool = True, *, out: Sequence[Tensor] | None = None) -> Tensor: ...
    def rad2deg(self, *, out: Tensor | None = None) -> Tensor: ...
    def rad2deg_(self) -> Tensor: ...
    @overload
    def random_(self, *, generator: Generator | None = None) -> Tensor:
        """Fills self with integers in [from, to), or in the dtype's range."""
    @overload
    def random_(self, to: _int, *, generator: Generator | None = None) -> Tensor: ...
    @overload
    def random_(self, from_: _int, to: _int | None, *, generator: Generator | None = None) -> Tensor: ...
    def ravel(self) -> Tensor: ...
    def reciprocal(self, *, out: Tensor | None = None) -> Tensor: ...
    def reciprocal_(self) -> Tensor: ...
    def register_hook(self, hook: Any) -> Any:
        """Calls hook(grad) whenever the tensor's gradient is computed; what it returns replaces it. Gives a handle with remove()."""
    def register_post_accumulate_grad_hook(self, hook: Any) -> Any:
        """Calls hook(tensor) after its .grad has been accumulated."""
    def relu(self, *, out: Tensor | None = None) -> Tensor: ...
    def relu_(self) -> Tensor: ...
    @overload
    def remainder(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def remainder(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def remainder_(self, other: Tensor) -> Tensor:
        """input - other * floor(input / other): the sign of the divisor, as Python's %. In place."""
    @overload
    def remainder_(self, other: _Number) -> Tensor: ...
    @overload
    def repeat(self, repeats: Sequence[_int]) -> Tensor:
        """The tensor so many times along each dimension, as a copy."""
    @overload
    def repeat(self, *repeats: _int) -> Tensor: ...
    def requires_grad_(self, requires_grad: _bool = True) -> Tensor:
        """Sets requires_grad and gives self."""
    @overload
    def reshape(self, shape: Sequence[_int]) -> Tensor: ...
    @overload
    def reshape(self, *shape: _int) -> Tensor: ...
    def reshape_as(self, other: Tensor) -> Tensor:
        """self.reshape(other.size())."""
    @overload
    def resize_(self, size: Sequence[_int], *, memory_format: _memory_format | None = None) -> Tensor:
        """Sets the sizes, growing the storage where needed; new elements are undefined."""
    @overload
    def resize_(self, *size: _int, memory_format: _memory_format | None = None) -> Tensor: ...
    def resolve_conj(self) -> Tensor: ...
    def resolve_neg(self) -> Tensor: ...
    def retain_grad(self) -> None:
        """Lets backward fill .grad of this non-leaf too."""
    def roll(self, shifts: _int | Sequence[_int], dims: _int | Sequence[_int] | None = None) -> Tensor: ...
    def round(self, *, decimals: _int = 0, out: Tensor | None = None) -> Tensor: ...
    def round_(self, *, decimals: _int = 0) -> Tensor:
        """In-place round."""
    def rsqrt(self, *, out: Tensor | None = None) -> Tensor: ...
    def rsqrt_(self) -> Tensor: ...
    @overload
    def rsub(self, other: Tensor, *, alpha: _Number = 1) -> Tensor: ...
    @overload
    def rsub(self, other: _Number, *, alpha: _Number = 1) -> Tensor: ...
    @overload
    def scatter(self, dim: _int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def scatter(self, dim: _int, index: Tensor, value: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def scatter(self, dim: _int, index: Tensor, src: Tensor, *, reduce: str, out: Tensor | None = None) -> Tensor: ...
    @overload
    def scatter(self, dim: _int, index: Tensor, value: _Number, *, reduce: str, out: Tensor | None = None) -> Tensor: ...
    @overload
    def scatter_(self, dim: _int, index: Tensor, src: Tensor) -> Tensor:
        """In-place scatter."""
    @overload
    def scatter_(self, dim: _int, index: Tensor, value: _Number) -> Tensor: ...
    @overload
    def scatter_(self, dim: _int, index: Tensor, src: Tensor, *, reduce: str) -> Tensor: ...
    @overload
    def scatter_(self, dim: _int, index: Tensor, value: _Number, *, reduce: str) -> Tensor: ...
    def scatter_add(self, dim: _int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    def scatter_add_(self, dim: _int, index: Tensor, src: Tensor) -> Tensor:
        """In-place scatter_add."""
    def scatter_reduce(self, dim: _int, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True, out: Tensor | None = None) -> Tensor: ...
    def scatter_reduce_(self, dim: _int, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True) -> Tensor:
        """In-place scatter_reduce."""
    def select(self, dim: _int, index: _int) -> Tensor: ...
    def selu(self, *, out: Tensor | None = None) -> Tensor: ...
    def selu_(self) -> Tensor: ...
    def sgn(self, *, out: Tensor | None = None) -> Tensor: ...
    def sgn_(self) -> Tensor: ...
    def short(self, memory_format: _memory_format | None = None) -> Tensor:
        """self in this dtype."""
    def sigmoid(self, *, out: Tensor | None = None) -> Tensor: ...
    def sigmoid_(self) -> Tensor: ...
    def sign(self, *, out: Tensor | None = None) -> Tensor: ...
    def sign_(self) -> Tensor: ...
    def signbit(self, *, out: Tensor | None = None) -> Tensor: ...
    def silu(self, *, out: Tensor | None = None) -> Tensor: ...
    def silu_(self) -> Tensor: ...
    def sin(self, *, out: Tensor | None = None) -> Tensor: ...
    def sin_(self) -> Tensor: ...
    def sinc(self, *, out: Tensor | None = None) -> Tensor: ...
    def sinc_(self) -> Tensor: ...
    def sinh(self, *, out: Tensor | None = None) -> Tensor: ...
    def sinh_(self) -> Tensor: ...
    def size(self, dim: _int | None = None) -> Any:
        """The sizes, or one of them."""
    def slogdet(self, *, out: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]: ...
    def softmax(self, dim: _int, dtype: _DType | None = None) -> Tensor: ...
    @overload
    def sort(self, *, stable: _bool | None, dim: _int = -1, descending: _bool = False, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
    @overload
    def sort(self, dim: _int = -1, descending: _bool = False, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
    def split_with_sizes(self, split_sizes: _int | Sequence[_int], dim: _int = 0) -> tuple[Tensor, ...]: ...
    def sqrt(self, *, out: Tensor | None = None) -> Tensor: ...
    def sqrt_(self) -> Tensor: ...
    def square(self, *, out: Tensor | None = None) -> Tensor: ...
    def square_(self) -> Tensor: ...
    @overload
    def squeeze(self) -> Tensor: ...
    @overload
    def squeeze(self, dim: _int | Sequence[_int]) -> Tensor: ...
    @overload
    def std(self, dim: _int | Sequence[_int] | None = None, *, correction: _Number | None = 1, keepdim: _bool = False, out: Tensor | None = None) -> Tensor: ...
    @overload
    def std(self, dim: _int | Sequence[_int] | None, unbiased: _bool = True, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def std(self, unbiased: _bool) -> Tensor: ...
    def stride(self, dim: _int | None = None) -> Any:
        """The steps in memory, in elements; or one of them."""
    def sub(self, other: Tensor | _Number, *, alpha: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def sub_(self, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
        """In-place sub."""
    def subtract(self, other: Tensor | _Number, *, alpha: _Number = 1, out: Tensor | None = None) -> Tensor: ...
    def subtract_(self, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
        """In-place sub."""
    @overload
    def sum(self, *, dtype: _DType | None = None) -> Tensor: ...
    @overload
    def sum(self, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor: ...
    def svd(self, some: _bool = True, compute_uv: _bool = True, *, out: Sequence[Tensor] | None = None) -> Tensor: ...
    def swapaxes(self, axis0: _int, axis1: _int) -> Tensor: ...
    def swapdims(self, dim0: _int, dim1: _int) -> Tensor: ...
    def t(self) -> Tensor: ...
    def take_along_dim(self, indices: Tensor, dim: _int | None = None, *, out: Tensor | None = None) -> Tensor: ...
    def tan(self, *, out: Tensor | None = None) -> Tensor: ...
    def tan_(self) -> Tensor: ...
    def tanh(self, *, out: Tensor | None = None) -> Tensor: ...
    def tanh_(self) -> Tensor: ...
    @overload
    def tile(self, dims: Sequence[_int]) -> Tensor: ...
    @overload
    def tile(self, *dims: _int) -> Tensor: ...
    @overload
    def to(self, dtype: _DType, non_blocking: _bool = False, copy: _bool = False, *, memory_format: _memory_format | None = None) -> Tensor:
        """self in another dtype (the device is the CPU)."""
    @overload
    def to(self, device: _Device | None = None, dtype: _DType | None = None, non_blocking: _bool = False, copy: _bool = False, *, memory_format: _memory_format | None = None) -> Tensor: ...
    @overload
    def to(self, other: Tensor, non_blocking: _bool = False, copy: _bool = False, *, memory_format: _memory_format | None = None) -> Tensor: ...
    def topk(self, k: _int, dim: _int = -1, largest: _bool = True, sorted: _bool = True, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
    def transpose(self, dim0: _int, dim1: _int) -> Tensor: ...
    def triangular_solve(self, A: Tensor, upper: _bool = True, transpose: _bool = False, unitriangular: _bool = False, *, out: Sequence[Tensor] | None = None) -> Tensor: ...
    def tril(self, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor: ...
    def tril_(self, diagonal: _int = 0) -> Tensor:
        """In-place tril."""
    def triu(self, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor: ...
    def triu_(self, diagonal: _int = 0) -> Tensor:
        """In-place triu."""
    def true_divide(self, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor: ...
    def true_divide_(self, other: Tensor | _Number) -> Tensor:
        """input / other; integers give the default float dtype. In place."""
    def trunc(self, *, out: Tensor | None = None) -> Tensor: ...
    def trunc_(self) -> Tensor: ...
    def unbind(self, dim: _int = 0) -> tuple[Tensor, ...]: ...
    def unflatten(self, dim: _int, sizes: _int | Sequence[_int]) -> Tensor: ...
    def unfold(self, dimension: _int, size: _int, step: _int) -> Tensor:
        """All windows of a size along a dimension; the window is the new last dimension."""
    def uniform_(self, from_: _float = 0.0, to: _float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Fills self with uniform numbers in [from, to)."""
    def unsqueeze(self, dim: _int) -> Tensor: ...
    @overload
    def var(self, dim: _int | Sequence[_int] | None = None, *, correction: _Number | None = 1, keepdim: _bool = False, out: Tensor | None = None) -> Tensor: ...
    @overload
    def var(self, dim: _int | Sequence[_int] | None, unbiased: _bool = True, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def var(self, unbiased: _bool) -> Tensor: ...
    @overload
    def view(self, size: Sequence[_int]) -> Tensor:
        """The same elements in another shape (one size may be -1), sharing memory; or their bytes as another dtype."""
    @overload
    def view(self, *size: _int) -> Tensor: ...
    @overload
    def view(self, dtype: _DType) -> Tensor: ...
    def view_as(self, other: Tensor) -> Tensor:
        """self.view(other.size())."""
    @overload
    def xlogy(self, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def xlogy(self, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
    @overload
    def xlogy_(self, other: Tensor) -> Tensor:
        """input * log(other), 0 where input is 0 (nan where other is). In place."""
    @overload
    def xlogy_(self, other: _Number) -> Tensor: ...
    def zero_(self) -> Tensor:
        """Sets all elements to 0."""

def _autograd_backward(tensors: Any, grad_tensors: Any = None, retain_graph: _bool | None = None, create_graph: _bool = False, inputs: Any = None) -> None:
    """rushlight.autograd.backward"""
def _autograd_grad(outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: _bool | None = None, create_graph: _bool = False, allow_unused: _bool | None = None, materialize_grads: _bool = False) -> tuple[Tensor, ...]:
    """rushlight.autograd.grad"""
def _clear_grads(params: Any) -> None:
    """Sets .grad of all tensors of a list to None."""
def _color_columns(starts: Tensor, columns: Tensor, count: _int) -> Tensor:
    """Numbers for the columns of a sparse matrix: those of one number have no row in common."""
def _cross(input: Tensor, other: Tensor, dim: _int) -> Tensor:
    """Cross products along a dimension of size 3, with broadcasting."""
def _ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: _int = 0, zero_infinity: _bool = False) -> tuple[Tensor, Tensor]:
    """The negative log-likelihood [N] of labels under log-probabilities [T, N, C], and the logarithms of the forward probabilities [N, T, 2 S + 1]. zero_infinity: where the loss is inf its gradient is 0."""
def _empty_cache() -> None:
    """Gives memory that is kept for reuse back to the system."""
def _from_dlpack(capsule: Any) -> tuple[Tensor, _bool]:
    """The tensor on the memory of a DLPack capsule, and whether that is read-only."""
@overload
def _histogramdd(input: Tensor, bins: _int, range: Any = None, weight: Tensor | None = None, density: _bool = False) -> tuple[Tensor, ...]:
    """What histogramdd does: the histogram, then the edges of each dimension."""
@overload
def _histogramdd(input: Tensor, bins: _int | Sequence[_int], range: Any = None, weight: Tensor | None = None, density: _bool = False) -> tuple[Tensor, ...]: ...
@overload
def _histogramdd(input: Tensor, bins: Sequence[Tensor], range: Any = None, weight: Tensor | None = None, density: _bool = False) -> tuple[Tensor, ...]: ...
def _is_torch_function_enabled() -> _bool:
    """May subclasses take over calls?"""
def _jacobian_rows(output: Tensor, inputs: Any, create_graph: _bool = False) -> Tensor:
    """For each input the gradients of all elements of the output, stacked; None where there is none."""
def _linalg_orgqr(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of a product of reflections, without a derivative."""
def _linalg_ormqr(A: Tensor, tau: Tensor, C: Tensor, left: _bool, transpose: _bool) -> Tensor:
    """A product of reflections times a matrix, without a derivative."""
def _optim_step(kind: _int, params: Any, state: Any, names: Any, options: Any, flags: _int) -> _bool:
    """A step of an optimiser over a group; False, with nothing changed, where it takes operators."""
def _reaches_others(outputs: Any, inputs: Any) -> Tensor:
    """Does the history of the outputs lead to a leaf that is none of the inputs?"""
def _rnn_layer(input: Tensor, h: Tensor, c: Tensor | None, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None, w_hr: Tensor | None, cell: _int, reverse: _bool, batch_sizes: Tensor | None) -> Tensor:
    """A recurrent layer in one direction: the outputs and the last states."""
def _standard_gamma(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Gamma numbers of these shapes and of rate 1."""
def _storage_span(input: Tensor) -> tuple[_int, _int]:
    """The address and the bytes of the storage."""
def _to_dlpack(data: Tensor, versioned: _bool = False, copied: _bool = False) -> Any:
    """A DLPack capsule on the tensor's memory."""
def abs(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """|input|; the modulus of complex numbers. The gradient at 0 is 0."""
def abs_(self: Tensor) -> Tensor:
    """|input|; the modulus of complex numbers. The gradient at 0 is 0."""
def absolute(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """|input|; the modulus of complex numbers. The gradient at 0 is 0."""
def absolute_(self: Tensor) -> Tensor:
    """|input|; the modulus of complex numbers. The gradient at 0 is 0."""
def acos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc cosine, in [0, pi]."""
def acos_(self: Tensor) -> Tensor:
    """The arc cosine, in [0, pi]."""
def acosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic cosine."""
def acosh_(self: Tensor) -> Tensor:
    """The inverse hyperbolic cosine."""
def adaptive_avg_pool1d(input: Tensor, output_size: _int | Sequence[_int]) -> Tensor:
    """Images [N, C, ...] or [C, ...] to a given size: result i is made of the elements from floor(i n / size) on to ceil((i + 1) n / size), of n."""
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Images [N, C, ...] or [C, ...] to a given size: result i is made of the elements from floor(i n / size) on to ceil((i + 1) n / size), of n."""
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Images [N, C, ...] or [C, ...] to a given size: result i is made of the elements from floor(i n / size) on to ceil((i + 1) n / size), of n."""
def adaptive_max_pool1d(input: Tensor, output_size: _int | Sequence[_int]) -> tuple[Tensor, Tensor]:
    """Images [N, C, ...] or [C, ...] to a given size: result i is made of the elements from floor(i n / size) on to ceil((i + 1) n / size), of n."""
def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: Any = False) -> Any:
    """Images [N, C, ...] or [C, ...] to a given size: result i is made of the elements from floor(i n / size) on to ceil((i + 1) n / size), of n."""
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: Any = False) -> Any:
    """Images [N, C, ...] or [C, ...] to a given size: result i is made of the elements from floor(i n / size) on to ceil((i + 1) n / size), of n."""
def add(input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number = 1, out: Tensor | None = None) -> Tensor:
    """input + alpha * other, elementwise with broadcasting; the common dtype."""
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None) -> Tensor:
    """beta * input + alpha * bmm(batch1, batch2).sum(0)."""
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1, out: Tensor | None = None) -> Tensor:
    """input + value * tensor1 / tensor2, elementwise with broadcasting."""
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1, out: Tensor | None = None) -> Tensor:
    """input + value * tensor1 * tensor2, elementwise with broadcasting."""
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
@overload
def all(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Are all elements nonzero?"""
@overload
def all(input: Tensor, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
def allclose(input: Tensor, other: Tensor, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False) -> _bool:
    """Whether all elements are close, as isclose says."""
def alpha_dropout(input: Tensor, p: _float, train: _bool) -> Tensor:
    """Dropout that keeps mean 0 and variance 1: what is dropped gets the value that selu tends to."""
def alpha_dropout_(input: Tensor, p: _float, train: _bool) -> Tensor:
    """In-place alpha_dropout."""
def amax(input: Tensor, dim: _int | Sequence[_int] = (), keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The largest element over dimensions; ties share the gradient."""
def amin(input: Tensor, dim: _int | Sequence[_int] = (), keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The smallest element over dimensions; ties share the gradient."""
def aminmax(input: Tensor, *, dim: _int | None = None, keepdim: _bool = False, out: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
    """(min, max) of all elements or along a dimension."""
def angle(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The argument in radians; of real numbers 0 or pi."""
def angle_(self: Tensor) -> Tensor:
    """The argument in radians; of real numbers 0 or pi."""
@overload
def any(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is some element nonzero?"""
@overload
def any(input: Tensor, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
@overload
def arange(end: _Number, *, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """start, start + step, … before end."""
@overload
def arange(start: _Number, end: _Number, *, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
@overload
def arange(start: _Number, end: _Number, step: _Number, *, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
def arccos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc cosine, in [0, pi]."""
def arccos_(self: Tensor) -> Tensor:
    """The arc cosine, in [0, pi]."""
def arccosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic cosine."""
def arccosh_(self: Tensor) -> Tensor:
    """The inverse hyperbolic cosine."""
def arcsin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc sine, in [-pi/2, pi/2]."""
def arcsin_(self: Tensor) -> Tensor:
    """The arc sine, in [-pi/2, pi/2]."""
def arcsinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic sine."""
def arcsinh_(self: Tensor) -> Tensor:
    """The inverse hyperbolic sine."""
def arctan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc tangent, in [-pi/2, pi/2]."""
def arctan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Alias of atan2."""
def arctan_(self: Tensor) -> Tensor:
    """The arc tangent, in [-pi/2, pi/2]."""
def arctanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic tangent."""
def arctanh_(self: Tensor) -> Tensor:
    """The inverse hyperbolic tangent."""
def argmax(input: Tensor, dim: _int | None = None, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The index of the largest element."""
def argmin(input: Tensor, dim: _int | None = None, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The index of the smallest element."""
@overload
def argsort(input: Tensor, *, stable: _bool, dim: _int = -1, descending: _bool = False) -> Tensor:
    """The indices that sort along a dimension."""
@overload
def argsort(input: Tensor, dim: _int = -1, descending: _bool = False) -> Tensor: ...
def argwhere(input: Tensor) -> Tensor:
    """The places of nonzero elements, as rows."""
def as_strided(input: Tensor, size: _int | Sequence[_int], stride: _int | Sequence[_int], storage_offset: _int | None = None) -> Tensor:
    """The storage seen with these sizes and strides (in elements)."""
def as_tensor(data: Any, dtype: _DType | None = None, device: _Device | None = None) -> Tensor:
    """data itself or its memory where possible, else a copy."""
def asin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc sine, in [-pi/2, pi/2]."""
def asin_(self: Tensor) -> Tensor:
    """The arc sine, in [-pi/2, pi/2]."""
def asinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic sine."""
def asinh_(self: Tensor) -> Tensor:
    """The inverse hyperbolic sine."""
def atan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc tangent, in [-pi/2, pi/2]."""
def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of the point (other, input) in radians, in (-pi, pi]."""
def atan_(self: Tensor) -> Tensor:
    """The arc tangent, in [-pi/2, pi/2]."""
def atanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic tangent."""
def atanh_(self: Tensor) -> Tensor:
    """The inverse hyperbolic tangent."""
def avg_pool1d(input: Tensor, kernel_size: _int | Sequence[_int], stride: _int | Sequence[_int] | None = None, padding: _int | Sequence[_int] = 0, ceil_mode: _bool = False, count_include_pad: _bool = True) -> Tensor:
    """The average under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the window's size where left out; places of the padding count as zeros, or not at all."""
def avg_pool2d(input: Tensor, kernel_size: _int | Sequence[_int], stride: _int | Sequence[_int] | None = None, padding: _int | Sequence[_int] = 0, ceil_mode: _bool = False, count_include_pad: _bool = True, divisor_override: _int | None = None) -> Tensor:
    """The average under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the window's size where left out; places of the padding count as zeros, or not at all."""
def avg_pool3d(input: Tensor, kernel_size: _int | Sequence[_int], stride: _int | Sequence[_int] | None = None, padding: _int | Sequence[_int] = 0, ceil_mode: _bool = False, count_include_pad: _bool = True, divisor_override: _int | None = None) -> Tensor:
    """The average under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the window's size where left out; places of the padding count as zeros, or not at all."""
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None) -> Tensor:
    """beta * input + alpha * bmm(batch1, batch2)."""
def batch_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None, training: _bool, momentum: _float, eps: _float, cudnn_enabled: _bool) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias for each channel of [N, C, ...] (Ioffe and Szegedy 2015). In training the statistics are the batch's, and running_mean and running_var (which is unbiased) move towards them by momentum; else they are the running ones."""
@overload
def bernoulli(input: Tensor, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor:
    """1 with the probability that input says, else 0."""
@overload
def bernoulli(input: Tensor, p: _float, *, generator: Generator | None = None) -> Tensor: ...
def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: _bool | None = None, reduce: _bool | None = None, reduction: str = 'mean') -> Tensor:
    """-(target log(input) + (1 - target) log(1 - input)) of probabilities, the logarithms not below -100; reduced."""
def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: _bool | None = None, reduce: _bool | None = None, reduction: str = 'mean', pos_weight: Tensor | None = None) -> Tensor:
    """binary_cross_entropy of sigmoid(input), without overflow."""
def bincount(input: Tensor, weights: Tensor | None = None, minlength: _int = 0) -> Tensor:
    """How often each non-negative integer occurs, or the sum of its weights."""
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Binomial numbers: successes in count trials of probability prob."""
@overload
def bitwise_and(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input & other, on integers and bools."""
@overload
def bitwise_and(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def bitwise_and(self: _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
@overload
def bitwise_left_shift(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input << other."""
@overload
def bitwise_left_shift(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def bitwise_left_shift(self: _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
def bitwise_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """~input, on integers and bools."""
def bitwise_not_(self: Tensor) -> Tensor:
    """~input, on integers and bools."""
@overload
def bitwise_or(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input | other, on integers and bools."""
@overload
def bitwise_or(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def bitwise_or(self: _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
@overload
def bitwise_right_shift(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input >> other, arithmetic."""
@overload
def bitwise_right_shift(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def bitwise_right_shift(self: _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
@overload
def bitwise_xor(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input ^ other, on integers and bools."""
@overload
def bitwise_xor(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def bitwise_xor(self: _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of matrices, [b, n, m] by [b, m, p]."""
@overload
def broadcast_to(input: Tensor, size: Sequence[_int]) -> Tensor:
    """input.expand(size)."""
@overload
def broadcast_to(input: Tensor, *size: _int) -> Tensor: ...
def bucketize(input: Tensor | _Number, boundaries: Tensor, *, out_int32: _bool = False, right: _bool = False, out: Tensor | None = None) -> Tensor:
    """The bucket of each element among sorted boundaries."""
def can_cast(from_: _DType, to: _DType) -> _bool:
    """May a result of the one dtype be written to the other?"""
def cat(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors one after the other along a dimension."""
def cdist(x1: Tensor, x2: Tensor, p: _float = 2.0, compute_mode: str = 'use_mm_for_euclid_dist_if_necessary') -> Tensor:
    """The p-norms of the differences between all rows of x1 [..., P, M] and of x2 [..., R, M]: [..., P, R]. For p = 2 and more than 25 rows they come from a product of matrices, unless compute_mode is 'donot_use_mm_for_euclid_dist'; 'use_mm_for_euclid_dist' always takes the product, which is faster and less accurate between near points."""
def ceil(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smallest integer not below input."""
def ceil_(self: Tensor) -> Tensor:
    """The smallest integer not below input."""
def celu(input: Tensor, alpha: _Number = 1.0, inplace: _bool = False) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
def celu_(input: Tensor, alpha: _Number = 1.0) -> Tensor:
    """In-place celu."""
def cholesky(input: Tensor, upper: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The Cholesky factor; torch.linalg.cholesky is its successor."""
def cholesky_inverse(L: Tensor, upper: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The inverse of L L^H (or U^H U)."""
def cholesky_solve(B: Tensor, L: Tensor, upper: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """X with L L^H X = B (or U^H U X = B)."""
def chunk(input: Tensor, chunks: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """At most so many equal pieces along a dimension (the last may be shorter)."""
@overload
def clamp(input: Tensor, min: Tensor | None = None, max: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """input, cut to [min, max]; max where min > max."""
@overload
def clamp(input: Tensor, min: _Number | None = None, max: _Number | None = None, *, out: Tensor | None = None) -> Tensor: ...
@overload
def clamp_(self: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """In-place clamp."""
@overload
def clamp_(self: Tensor, min: _Number | None = None, max: _Number | None = None) -> Tensor: ...
@overload
def clamp_max(input: Tensor, max: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements, or `max` where they are larger."""
@overload
def clamp_max(input: Tensor, max: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def clamp_max_(self: Tensor, max: Tensor) -> Tensor:
    """In-place clamp_max."""
@overload
def clamp_max_(self: Tensor, max: _Number) -> Tensor: ...
@overload
def clamp_min(input: Tensor, min: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements, or `min` where they are smaller."""
@overload
def clamp_min(input: Tensor, min: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def clamp_min_(self: Tensor, min: Tensor) -> Tensor:
    """In-place clamp_min."""
@overload
def clamp_min_(self: Tensor, min: _Number) -> Tensor: ...
@overload
def clip(input: Tensor, min: Tensor | None = None, max: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """Alias of clamp."""
@overload
def clip(input: Tensor, min: _Number | None = None, max: _Number | None = None, *, out: Tensor | None = None) -> Tensor: ...
@overload
def clip_(self: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """In-place clamp."""
@overload
def clip_(self: Tensor, min: _Number | None = None, max: _Number | None = None) -> Tensor: ...
def clone(input: Tensor, *, memory_format: _memory_format | None = None) -> Tensor:
    """A copy in new memory; the gradient goes through."""
def col2im(input: Tensor, output_size: _int | Sequence[_int], kernel_size: _int | Sequence[_int], dilation: _int | Sequence[_int], padding: _int | Sequence[_int], stride: _int | Sequence[_int]) -> Tensor:
    """The transpose of im2col: sums blocks into an image [N, C, *output_size]."""
def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joins along the second dimension, vectors as columns."""
def concat(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Alias of cat."""
def concatenate(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Alias of cat."""
def conj(input: Tensor) -> Tensor:
    """The complex conjugate; a real tensor itself."""
def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex conjugate, as new memory."""
def conj_physical_(self: Tensor) -> Tensor:
    """The complex conjugate, as new memory."""
def constant_pad_nd(input: Tensor, pad: _int | Sequence[_int], value: _Number = 0) -> Tensor:
    """With places of a constant value around: see nn.functional.pad."""
@overload
def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: _int | Sequence[_int] = 1, padding: _int | Sequence[_int] = 0, dilation: _int | Sequence[_int] = 1, groups: _int = 1) -> Tensor:
    """Images [N, C, ...] (or [C, ...]) with weights [O, C / groups, ...]: out[n, o] = bias[o] + the sum over c and k of weight[o, c, k] input[n, c, stride place + dilation k - padding]; padding may be 'same' or 'valid'."""
@overload
def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: _int | Sequence[_int] = 1, padding: str = 'valid', dilation: _int | Sequence[_int] = 1, groups: _int = 1) -> Tensor: ...
@overload
def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: _int | Sequence[_int] = 1, padding: _int | Sequence[_int] = 0, dilation: _int | Sequence[_int] = 1, groups: _int = 1) -> Tensor:
    """Images [N, C, ...] (or [C, ...]) with weights [O, C / groups, ...]: out[n, o] = bias[o] + the sum over c and k of weight[o, c, k] input[n, c, stride place + dilation k - padding]; padding may be 'same' or 'valid'."""
@overload
def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: _int | Sequence[_int] = 1, padding: str = 'valid', dilation: _int | Sequence[_int] = 1, groups: _int = 1) -> Tensor: ...
@overload
def conv3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: _int | Sequence[_int] = 1, padding: _int | Sequence[_int] = 0, dilation: _int | Sequence[_int] = 1, groups: _int = 1) -> Tensor:
    """Images [N, C, ...] (or [C, ...]) with weights [O, C / groups, ...]: out[n, o] = bias[o] + the sum over c and k of weight[o, c, k] input[n, c, stride place + dilation k - padding]; padding may be 'same' or 'valid'."""
@overload
def conv3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: _int | Sequence[_int] = 1, padding: str = 'valid', dilation: _int | Sequence[_int] = 1, groups: _int = 1) -> Tensor: ...
def conv_transpose1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: _int | Sequence[_int] = 1, padding: _int | Sequence[_int] = 0, output_padding: _int | Sequence[_int] = 0, groups: _int = 1, dilation: _int | Sequence[_int] = 1) -> Tensor:
    """Images [N, C, ...] (or [C, ...]) with weights [C, O / groups, ...]: the gradient of a convolution with respect to its input, as an operator. The result has (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1 places."""
def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: _int | Sequence[_int] = 1, padding: _int | Sequence[_int] = 0, output_padding: _int | Sequence[_int] = 0, groups: _int = 1, dilation: _int | Sequence[_int] = 1) -> Tensor:
    """Images [N, C, ...] (or [C, ...]) with weights [C, O / groups, ...]: the gradient of a convolution with respect to its input, as an operator. The result has (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1 places."""
def conv_transpose3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: _int | Sequence[_int] = 1, padding: _int | Sequence[_int] = 0, output_padding: _int | Sequence[_int] = 0, groups: _int = 1, dilation: _int | Sequence[_int] = 1) -> Tensor:
    """Images [N, C, ...] (or [C, ...]) with weights [C, O / groups, ...]: the gradient of a convolution with respect to its input, as an operator. The result has (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1 places."""
def convolution(input: Tensor, weight: Tensor, bias: Tensor | None, stride: _int | Sequence[_int], padding: _int | Sequence[_int], dilation: _int | Sequence[_int], transposed: _bool, output_padding: _int | Sequence[_int], groups: _int) -> Tensor:
    """A convolution or, where `transposed` says so, a transposed one, in as many dimensions as the weights have."""
@overload
def copysign(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The magnitude of input with the sign of other."""
@overload
def copysign(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def cos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The cosine; radians."""
def cos_(self: Tensor) -> Tensor:
    """The cosine; radians."""
def cosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic cosine."""
def cosh_(self: Tensor) -> Tensor:
    """The hyperbolic cosine."""
@overload
def count_nonzero(input: Tensor, dim: _int | Sequence[_int]) -> Tensor:
    """How many elements differ from 0, over all or some dimensions."""
@overload
def count_nonzero(input: Tensor, dim: _int | None = None) -> Tensor: ...
def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: _bool | None = None, ignore_index: _int = -100, reduce: _bool | None = None, reduction: str = 'mean', label_smoothing: _float = 0.0) -> Tensor:
    """nll_loss of log_softmax(input): scores [N, C, ...] (or [C]) against class numbers, or against probabilities of the scores' shape."""
def cummax(input: Tensor, dim: _int, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices:
    """(values, indices) of the largest so far along a dimension."""
def cummin(input: Tensor, dim: _int, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices:
    """(values, indices) of the smallest so far along a dimension."""
def cumprod(input: Tensor, dim: _int, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor:
    """The running product along a dimension."""
def cumsum(input: Tensor, dim: _int, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor:
    """The running sum along a dimension."""
def deg2rad(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Degrees as radians."""
def deg2rad_(self: Tensor) -> Tensor:
    """In-place deg2rad."""
def det(input: Tensor) -> Tensor:
    """The determinant of matrices [..., n, n] -> [...]."""
def detach(input: Tensor) -> Tensor:
    """The same memory without history."""
def detach_(self: Tensor) -> Tensor:
    """Cuts self off from its history."""
def diagonal(input: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
    """The diagonal of two dimensions, as the last one."""
def digamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The derivative of lgamma."""
def digamma_(self: Tensor) -> Tensor:
    """The derivative of lgamma."""
def dist(input: Tensor, other: Tensor, p: _Number = 2, *, out: Tensor | None = None) -> Tensor:
    """The p-norm of input - other."""
def div(input: Tensor | _Number, other: Tensor | _Number, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """input / other; rounding_mode None (true division), 'trunc' or 'floor'."""
def divide(input: Tensor | _Number, other: Tensor | _Number, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """Alias of div."""
def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sum of products of two vectors (without conjugation)."""
def dropout(input: Tensor, p: _float, train: _bool) -> Tensor:
    """Zeroes elements with probability p and scales the rest by 1 / (1 - p)."""
def dropout_(input: Tensor, p: _float, train: _bool) -> Tensor:
    """In-place dropout."""
def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined along the third dimension."""
def elu(input: Tensor, alpha: _Number = 1.0, inplace: _bool = False) -> Tensor:
    """input where positive, else alpha * (exp(input) - 1)."""
def elu_(input: Tensor, alpha: _Number = 1.0) -> Tensor:
    """In-place elu."""
def embedding(weight: Tensor, indices: Tensor, padding_idx: _int = -1, scale_grad_by_freq: _bool = False, sparse: _bool = False) -> Tensor:
    """Rows of weight [V, D] by their numbers: [*, D]. The row padding_idx gets no gradient; scale_grad_by_freq divides a row's gradient by how often the row occurs. The gradient is dense, also where sparse is true."""
@overload
def empty(size: Sequence[_int], *, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False, memory_format: _memory_format | None = None) -> Tensor:
    """A tensor of undefined contents."""
@overload
def empty(*size: _int, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False, memory_format: _memory_format | None = None) -> Tensor: ...
def empty_like(input: Tensor, *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, requires_grad: _bool = False, memory_format: _memory_format | None = None) -> Tensor:
    """empty of input's sizes and dtype."""
def empty_permuted(size: _int | Sequence[_int], physical_layout: _int | Sequence[_int], *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """Undefined contents; the dimensions lie in memory in the order of physical_layout."""
def empty_strided(size: _int | Sequence[_int], stride: _int | Sequence[_int], *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """Undefined contents with these strides."""
@overload
def eq(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input == other, elementwise."""
@overload
def eq(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def equal(input: Tensor, other: Tensor) -> _bool:
    """Same sizes and same elements?"""
def erf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The error function."""
def erf_(self: Tensor) -> Tensor:
    """The error function."""
def erfc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 - erf(input), accurate for large input."""
def erfc_(self: Tensor) -> Tensor:
    """1 - erf(input), accurate for large input."""
def erfinv(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The y for which erf(y) is input."""
def erfinv_(self: Tensor) -> Tensor:
    """The y for which erf(y) is input."""
def exp(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """e^input."""
def exp2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """2^input."""
def exp2_(self: Tensor) -> Tensor:
    """2^input."""
def exp_(self: Tensor) -> Tensor:
    """e^input."""
def expm1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """e^input - 1, accurate near 0."""
def expm1_(self: Tensor) -> Tensor:
    """e^input - 1, accurate near 0."""
def eye(n: _int, m: _int | None = None, *, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
def feature_alpha_dropout(input: Tensor, p: _float, train: _bool) -> Tensor:
    """alpha_dropout of whole features of [N, C, *]."""
def feature_alpha_dropout_(input: Tensor, p: _float, train: _bool) -> Tensor:
    """In-place feature_alpha_dropout."""
def feature_dropout(input: Tensor, p: _float, train: _bool) -> Tensor:
    """Dropout of whole features of [N, C, *]: all of [n, c] are kept or all are zeroed."""
def feature_dropout_(input: Tensor, p: _float, train: _bool) -> Tensor:
    """In-place feature_dropout."""
def fix(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Input without its fraction."""
def fix_(self: Tensor) -> Tensor:
    """Input without its fraction."""
def flatten(input: Tensor, start_dim: _int = 0, end_dim: _int = -1) -> Tensor:
    """A run of dimensions as one."""
@overload
def flip(input: Tensor, dims: Sequence[_int]) -> Tensor:
    """The order of elements reversed along dimensions; a copy."""
@overload
def flip(input: Tensor, *dims: _int) -> Tensor: ...
def fliplr(input: Tensor) -> Tensor:
    """flip along the second dimension."""
def flipud(input: Tensor) -> Tensor:
    """flip along the first dimension."""
@overload
def float_power(input: Tensor, exponent: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The power in double precision, complex if an operand is."""
@overload
def float_power(input: Tensor, exponent: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def float_power(self: _Number, exponent: Tensor, *, out: Tensor | None = None) -> Tensor: ...
def floor(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The largest integer not above input."""
def floor_(self: Tensor) -> Tensor:
    """The largest integer not above input."""
def floor_divide(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """floor(input / other)."""
def fmax(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger element; the other one where one is nan."""
def fmin(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller element; the other one where one is nan."""
@overload
def fmod(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input - other * trunc(input / other): the sign of the dividend, as C's fmod."""
@overload
def fmod(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def frac(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Input minus trunc(input)."""
def frac_(self: Tensor) -> Tensor:
    """Input minus trunc(input)."""
def fractional_max_pool2d(input: Tensor, kernel_size: _int | Sequence[_int], output_size: _int | Sequence[_int], random_samples: Tensor) -> tuple[Tensor, Tensor]:
    """The largest element of windows at places that `random_samples` [N, C, dimensions], numbers in [0, 1), determine, after B. Graham, Fractional max-pooling, arXiv:1412.6071; and its place in its plane."""
def fractional_max_pool3d(input: Tensor, kernel_size: _int | Sequence[_int], output_size: _int | Sequence[_int], random_samples: Tensor) -> tuple[Tensor, Tensor]:
    """The largest element of windows at places that `random_samples` [N, C, dimensions], numbers in [0, 1), determine, after B. Graham, Fractional max-pooling, arXiv:1412.6071; and its place in its plane."""
def frexp(input: Tensor) -> tuple[Tensor, Tensor]:
    """(mantissa, exponent) with input = mantissa * 2^exponent and 1/2 <= |mantissa| < 1."""
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on the memory of a NumPy array."""
def frombuffer(buffer: Any, *, dtype: _DType, count: _int = -1, offset: _int = 0, requires_grad: _bool = False) -> Tensor:
    """A tensor on the memory of a buffer."""
def full(size: _int | Sequence[_int], fill_value: _Number, *, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """A tensor of one value; its dtype follows from the value."""
def full_like(input: Tensor, fill_value: _Number, *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, requires_grad: _bool = False, memory_format: _memory_format | None = None) -> Tensor:
    """full of input's sizes and dtype."""
def gather(input: Tensor, dim: _int, index: Tensor, *, sparse_grad: _bool = False, out: Tensor | None = None) -> Tensor:
    """out[i][j] = input[index[i][j]][j] for dim 0."""
def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisor of integers."""
@overload
def ge(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input >= other, elementwise."""
@overload
def ge(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def gelu(input: Tensor, *, approximate: str = 'none') -> Tensor:
    """input * Phi(input), Phi the normal distribution function; approximate='tanh' for the cheaper form."""
def geqrf(input: Tensor, *, out: Sequence[Tensor] | None = None) -> Tensor:
    """The QR decomposition as LAPACK leaves it: R above, the reflectors below the diagonal, and their factors."""
def ger(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Alias of outer."""
def get_default_dtype() -> _dtype:
    """The dtype of tensors made from Python floats."""
def get_num_threads() -> _int:
    """How many threads an operator may use."""
def get_rng_state() -> Tensor:
    """The default generator's state."""
def glu(input: Tensor, dim: _int = -1) -> Tensor:
    """a sigmoid(b) for the two halves a, b of the input along a dimension."""
@overload
def greater(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Alias of gt."""
@overload
def greater(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def greater_equal(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Alias of ge."""
@overload
def greater_equal(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def grid_sample(input: Tensor, grid: Tensor, mode: str = 'bilinear', padding_mode: str = 'zeros', align_corners: _bool | None = None) -> Tensor:
    """Reads images [N, C, H, W] (or [N, C, D, H, W]) at the places of a grid [N, ..., 2] (or 3) of coordinates (x, y, z), where -1 and 1 are the image's ends: [N, C, ...]. mode: 'bilinear', 'nearest' or, in two dimensions, 'bicubic'; padding_mode: what lies outside is zero ('zeros'), the nearest element ('border'), or the image reflected ('reflection'); align_corners: the ends are the centres of the outer elements instead of their edges."""
def grid_sampler(input: Tensor, grid: Tensor, interpolation_mode: _int, padding_mode: _int, align_corners: _bool) -> Tensor:
    """Reads images at the coordinates of a grid, as grid_sample does; modes are numbers: 0 bilinear, 1 nearest, 2 bicubic; 0 zeros, 1 border, 2 reflection."""
def grid_sampler_2d(input: Tensor, grid: Tensor, interpolation_mode: _int, padding_mode: _int, align_corners: _bool) -> Tensor:
    """Reads images at the coordinates of a grid, as grid_sample does; modes are numbers: 0 bilinear, 1 nearest, 2 bicubic; 0 zeros, 1 border, 2 reflection."""
def grid_sampler_3d(input: Tensor, grid: Tensor, interpolation_mode: _int, padding_mode: _int, align_corners: _bool) -> Tensor:
    """Reads images at the coordinates of a grid, as grid_sample does; modes are numbers: 0 bilinear, 1 nearest, 2 bicubic; 0 zeros, 1 border, 2 reflection."""
def group_norm(input: Tensor, num_groups: _int, weight: Tensor | None = None, bias: Tensor | None = None, eps: _float = 1e-05, cudnn_enabled: _bool = True) -> Tensor:
    """[N, C, ...]: (input - mean) / sqrt(var + eps) over groups of C / num_groups channels, then weight [C] and bias [C] (Wu and He 2018)."""
def gru_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None) -> Tensor:
    """One step of a gated recurrent unit on [N, *]: h."""
@overload
def gt(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input > other, elementwise."""
@overload
def gt(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def hardshrink(input: Tensor, lambd: _Number = 0.5) -> Tensor:
    """input where |input| > lambd, else 0."""
def hardsigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """clamp(input / 6 + 1/2, 0, 1)."""
def hardsigmoid_(self: Tensor) -> Tensor:
    """clamp(input / 6 + 1/2, 0, 1)."""
def hardswish(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * hardsigmoid(input)."""
def hardswish_(self: Tensor) -> Tensor:
    """input * hardsigmoid(input)."""
def hardtanh(input: Tensor, min_val: _Number = -1.0, max_val: _Number = 1.0, inplace: _bool = False) -> Tensor:
    """input, cut to [min_val, max_val]."""
def hardtanh_(input: Tensor, min_val: _Number = -1.0, max_val: _Number = 1.0) -> Tensor:
    """In-place hardtanh."""
def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below zero, 1 above, `values` at zero."""
def histc(input: Tensor, bins: _int = 100, min: _Number = 0, max: _Number = 0, *, out: Tensor | None = None) -> Tensor:
    """Counts in equal intervals of [min, max]; those of the data where both are equal."""
@overload
def histogram(input: Tensor, bins: Tensor, *, weight: Tensor | None = None, density: _bool = False, out: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
    """How many elements, or how much weight, lie in each bin: (hist, bin_edges). bins: a tensor of growing edges, or how many bins of equal width there are in `range`, else between the least and the greatest element. A bin includes its lower edge, the last one both. density: divided by the total and the bin's width."""
@overload
def histogram(input: Tensor, bins: _int = 100, *, range: Any = None, weight: Tensor | None = None, density: _bool = False, out: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]: ...
def hstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined along the second dimension (vectors along the first)."""
def huber_loss(input: Tensor, target: Tensor, reduction: str = 'mean', delta: _float = 1.0, weight: Tensor | None = None) -> Tensor:
    """With d = |input - target|: d^2 / 2 up to delta, delta (d - delta / 2) above; reduced."""
def hypot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sqrt(input^2 + other^2) without overflow."""
def i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind, of order 0."""
def i0_(self: Tensor) -> Tensor:
    """The modified Bessel function of the first kind, of order 0."""
def im2col(input: Tensor, kernel_size: _int | Sequence[_int], dilation: _int | Sequence[_int], padding: _int | Sequence[_int], stride: _int | Sequence[_int]) -> Tensor:
    """The blocks of an image [N, C, H, W] under a sliding kernel, as columns [N, C * taps, blocks]."""
def imag(input: Tensor) -> Tensor:
    """The imaginary part, sharing memory."""
def index_add(input: Tensor, dim: _int, index: Tensor, source: Tensor, *, alpha: _Number = 1, out: Tensor | None = None) -> Tensor:
    """A copy of input with alpha * source added to the slices that index names."""
def index_copy(input: Tensor, dim: _int, index: Tensor, source: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of input with slices of source written to the places that index names."""
@overload
def index_fill(input: Tensor, dim: _int, index: Tensor, value: Tensor) -> Tensor:
    """A copy of input with a value written to the slices that index names."""
@overload
def index_fill(input: Tensor, dim: _int, index: Tensor, value: _Number) -> Tensor: ...
def index_put(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: _bool = False) -> Tensor:
    """A copy of input with values at the indexed places."""
def index_reduce(input: Tensor, dim: _int, index: Tensor, source: Tensor, reduce: str, *, include_self: _bool = True, out: Tensor | None = None) -> Tensor:
    """A copy of input with the slices of source that go to one place along dim reduced to one: their prod, mean, amax
or amin, together with what is there unless include_self is false."""
def index_select(input: Tensor, dim: _int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices along dim that index names."""
def info() -> dict[str, Any]:
    """What the core is made of: CPU level, threads, sizes in bytes."""
def initial_seed() -> _int:
    """The default generator's seed."""
def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sum of products over the last dimensions."""
def instance_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None, use_input_stats: _bool, momentum: _float, eps: _float, cudnn_enabled: _bool) -> Tensor:
    """batch_norm of each member of the batch by itself; the running statistics move towards the mean of theirs."""
def interpolate(input: Tensor, size: Any = None, scale_factor: Any = None, mode: Any = 'nearest', align_corners: _bool | None = None, recompute_scale_factor: _bool | None = None, antialias: _bool = False) -> Tensor:
    """Images [N, C, ...] in another size, or in one that is scale_factor times theirs (then rounded down). mode: 'nearest', 'nearest-exact' or 'area' (means) in 1 to 3 spatial dimensions, 'linear' in 1, 'bilinear', 'bicubic' and 'lanczos' in 2, 'trilinear' in 3. align_corners: the centres of the outer elements stay where they are, instead of their edges; antialias: where an image shrinks, all elements count that an output covers."""
def inverse(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of matrices [..., n, n]."""
def is_complex(input: Tensor) -> _bool:
    """Is the dtype complex?"""
def is_floating_point(input: Tensor) -> _bool:
    """Is the dtype a real floating one?"""
def is_grad_enabled() -> _bool:
    """Are operations recorded in this thread?"""
def is_inference_mode_enabled() -> _bool:
    """Is inference mode on in this thread?"""
def is_signed(input: Tensor) -> _bool:
    """Does the dtype hold negative numbers?"""
def is_tensor(obj: Any) -> _bool:
    """Is it a Tensor?"""
def isclose(input: Tensor, other: Tensor, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False) -> Tensor:
    """|input - other| <= atol + rtol * |other|, elementwise; equal infinities are close."""
def isfinite(input: Tensor) -> Tensor:
    """The element is neither infinite nor nan."""
def isinf(input: Tensor) -> Tensor:
    """The element is inf or -inf."""
def isnan(input: Tensor) -> Tensor:
    """The element is nan."""
def isneginf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The element is -inf."""
def isposinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The element is inf."""
def kthvalue(input: Tensor, k: _int, dim: _int = -1, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices:
    """(values, indices) of the k-th smallest along a dimension, counted from 1."""
def l1_loss(input: Tensor, target: Tensor, size_average: _bool | None = None, reduce: _bool | None = None, reduction: str = 'mean', weight: Tensor | None = None) -> Tensor:
    """The differences |input - target|, reduced by 'mean', 'sum' or 'none'."""
def layer_norm(input: Tensor, normalized_shape: _int | Sequence[_int], weight: Tensor | None = None, bias: Tensor | None = None, eps: _float = 1e-05, cudnn_enable: _bool = True) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias with the mean and the biased variance over the last dimensions, whose sizes are normalized_shape; weight and bias are of these sizes (Ba et al. 2016)."""
def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The least common multiple of integers."""
def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * 2^other."""
def ldexp_(self: Tensor, other: Tensor) -> Tensor:
    """In-place ldexp."""
@overload
def le(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input <= other, elementwise."""
@overload
def le(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def leaky_relu(input: Tensor, negative_slope: _Number = 0.01, inplace: _bool = False) -> Tensor:
    """input where positive, else negative_slope * input."""
def leaky_relu_(input: Tensor, negative_slope: _Number = 0.01) -> Tensor:
    """In-place leaky_relu."""
@overload
def lerp(input: Tensor, end: Tensor, weight: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input + weight * (end - input); computed from the nearer end, so that weight 1 gives `end` exactly."""
@overload
def lerp(input: Tensor, end: Tensor, weight: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def less(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Alias of lt."""
@overload
def less(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def less_equal(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Alias of le."""
@overload
def less_equal(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def lgamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log |gamma(input)|."""
def lgamma_(self: Tensor) -> Tensor:
    """log |gamma(input)|."""
def linalg_cholesky(A: Tensor, *, upper: _bool = False, out: Tensor | None = None) -> Tensor:
    """The lower triangular L with A = L L^H (or the upper U with A = U^H U), [..., n, n]."""
def linalg_cholesky_ex(A: Tensor, *, upper: _bool = False, check_errors: _bool = False, out: Sequence[Tensor] | None = None) -> Tensor:
    """The Cholesky factor of Hermitian positive-definite matrices [..., n, n], and for each matrix 0 or the order of its first leading minor that is not positive. -> (L, info)"""
def linalg_det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of matrices [..., n, n] -> [...]."""
def linalg_eig(A: Tensor, *, out: Sequence[Tensor] | None = None) -> Tensor:
    """Eigenvalues and eigenvectors (columns of norm 1), complex, of matrices [..., n, n]."""
def linalg_eigh(A: Tensor, UPLO: str = 'L', *, out: Sequence[Tensor] | None = None) -> Tensor:
    """Eigenvalues, ascending, and eigenvectors of Hermitian matrices [..., n, n], of which one triangle is read."""
def linalg_eigvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues, complex, of matrices [..., n, n] -> [..., n]."""
def linalg_eigvalsh(A: Tensor, UPLO: str = 'L', *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues, ascending, of Hermitian matrices [..., n, n] -> [..., n]."""
def linalg_inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of matrices [..., n, n]."""
def linalg_inv_ex(A: Tensor, *, check_errors: _bool = False, out: Sequence[Tensor] | None = None) -> Tensor:
    """The inverse of matrices [..., n, n], and for each of them 0 or the place of a zero pivot. -> (inverse, info)"""
def linalg_ldl_factor(A: Tensor, *, hermitian: _bool = False, out: Sequence[Tensor] | None = None) -> Tensor:
    """The LDL decomposition of symmetric (or Hermitian) matrices [..., n, n], for ldl_solve. -> (LD, pivots)"""
def linalg_ldl_factor_ex(A: Tensor, *, hermitian: _bool = False, check_errors: _bool = False, out: Sequence[Tensor] | None = None) -> Tensor:
    """The LDL decomposition of symmetric (or Hermitian) matrices [..., n, n]. -> (LD, pivots, info)"""
def linalg_ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: _bool = False, out: Tensor | None = None) -> Tensor:
    """X with A X = B from A's LDL decomposition."""
def linalg_lu(A: Tensor, *, pivot: _bool = True, out: Sequence[Tensor] | None = None) -> Tensor:
    """A = P L U for matrices [..., m, n]. -> (P, L, U)"""
def linalg_lu_factor(A: Tensor, *, pivot: _bool = True, out: Sequence[Tensor] | None = None) -> Tensor:
    """The LU decomposition of matrices [..., m, n], packed in one, and the pivots, for lu_solve and lu_unpack."""
def linalg_lu_factor_ex(A: Tensor, *, pivot: _bool = True, check_errors: _bool = False, out: Sequence[Tensor] | None = None) -> Tensor:
    """The LU decomposition of matrices [..., m, n] packed in one, pivots, and 0 or the place of a zero pivot."""
def linalg_lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: _bool = True, adjoint: _bool = False, out: Tensor | None = None) -> Tensor:
    """X with A X = B (X A = B where not `left`, A^H where `adjoint`) from A's packed LU decomposition."""
def linalg_multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The product of matrices in the order of least work; the first and the last may be vectors."""
def linalg_qr(A: Tensor, mode: str = 'reduced', *, out: Sequence[Tensor] | None = None) -> Tensor:
    """A = Q R for matrices [..., m, n]: Q with orthonormal columns, R upper triangular. `mode`: 'reduced', 'complete', or 'r' for R alone."""
def linalg_slogdet(A: Tensor, *, out: Sequence[Tensor] | None = None) -> Tensor:
    """Sign (or phase) and logarithm of the absolute value of the determinant of matrices [..., n, n]. -> (sign, logabsdet)"""
def linalg_solve(A: Tensor, B: Tensor, *, left: _bool = True, out: Tensor | None = None) -> Tensor:
    """The X with A X = B (X A = B where not `left`), A [..., n, n] invertible, B [..., n, k] or [..., n]."""
def linalg_solve_ex(A: Tensor, B: Tensor, *, left: _bool = True, check_errors: _bool = False, out: Sequence[Tensor] | None = None) -> Tensor:
    """X with A X = B (X A = B where not `left`), and for each matrix 0 or the place of a zero pivot. -> (result, info)"""
def linalg_solve_triangular(A: Tensor, B: Tensor, *, upper: _bool, left: _bool = True, unitriangular: _bool = False, out: Tensor | None = None) -> Tensor:
    """X with A X = B (X A = B where not `left`) for triangular A; the other triangle is not looked at."""
def linalg_svd(A: Tensor, full_matrices: _bool = True, *, driver: str | None = None, out: Sequence[Tensor] | None = None) -> Tensor:
    """The singular value decomposition A = U diag(S) Vh of matrices [..., m, n], S descending. -> (U, S, Vh)"""
def linalg_svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values of matrices [..., m, n], descending: [..., min(m, n)]."""
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias; input [..., in], weight [out, in] or [in], bias [out]."""
def linspace(start: _Number, end: _Number, steps: _int, *, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """`steps` numbers from start to end, both included."""
def log(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The natural logarithm."""
def log10(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 10."""
def log10_(self: Tensor) -> Tensor:
    """The logarithm to base 10."""
def log1p(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(1 + input), accurate near 0."""
def log1p_(self: Tensor) -> Tensor:
    """log(1 + input), accurate near 0."""
def log2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 2."""
def log2_(self: Tensor) -> Tensor:
    """The logarithm to base 2."""
def log_(self: Tensor) -> Tensor:
    """The natural logarithm."""
def log_sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(sigmoid(input)), stably."""
def log_sigmoid_(self: Tensor) -> Tensor:
    """log(sigmoid(input)), stably."""
def log_softmax(input: Tensor, dim: _int, dtype: _DType | None = None) -> Tensor:
    """log(softmax(input)) along a dimension, stably."""
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(exp(input) + exp(other)), stably."""
def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log2(2^input + 2^other), stably."""
def logcumsumexp(input: Tensor, dim: _int, *, out: Tensor | None = None) -> Tensor:
    """log(cumsum(exp(input))) along a dimension, without overflow."""
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant of matrices [..., n, n]: nan where it is negative, -inf where it is 0."""
def logical_and(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Both elements are nonzero."""
def logical_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The element is zero."""
def logical_or(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Some element is nonzero."""
def logical_xor(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Just one element is nonzero."""
def logit(input: Tensor, eps: _float | None = None, *, out: Tensor | None = None) -> Tensor:
    """log(input / (1 - input)), with input first cut to [eps, 1 - eps]."""
def logspace(start: _Number, end: _Number, steps: _int, base: _float = 10.0, *, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """base to the powers of linspace(start, end, steps)."""
def logsumexp(input: Tensor, dim: _int | Sequence[_int], keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """log(sum(exp(input))) over dimensions, stably."""
def lstm_cell(input: Tensor, hx: Sequence[Tensor], w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None) -> Tensor:
    """One step of an LSTM on [N, *]: h and c."""
@overload
def lt(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input < other, elementwise."""
@overload
def lt(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """X with A X = b from A's packed LU decomposition; torch.linalg.lu_solve is its successor."""
def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: _bool = True, unpack_pivots: _bool = True, *, out: Sequence[Tensor] | None = None) -> Tensor:
    """P, L and U of a packed LU decomposition."""
def manual_seed(seed: Any) -> Generator:
    """Seeds the default generator and gives it."""
@overload
def masked_fill(input: Tensor, mask: Tensor, value: Tensor) -> Tensor:
    """value where the mask holds, else input."""
@overload
def masked_fill(input: Tensor, mask: Tensor, value: _Number) -> Tensor: ...
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where the mask holds, in one dimension."""
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of matrices, vectors or batches of them, batch dimensions broadcast."""
@overload
def max(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The largest element; along a dimension with its index; or of two tensors, elementwise."""
@overload
def max(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> _ValuesAndIndices: ...
@overload
def max(input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> Tensor: ...
def max_pool1d(input: Tensor, kernel_size: _int | Sequence[_int], stride: _int | Sequence[_int] | None = None, padding: _int | Sequence[_int] = 0, dilation: _int | Sequence[_int] = 1, ceil_mode: _bool = False, return_indices: Any = False) -> Any:
    """The largest element under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the window's size where left out; padding counts as -inf; nan is larger than all numbers. With `return_indices` also the place of that element in its plane."""
def max_pool1d_with_indices(input: Tensor, kernel_size: _int | Sequence[_int], stride: _int | Sequence[_int] | None = None, padding: _int | Sequence[_int] = 0, dilation: _int | Sequence[_int] = 1, ceil_mode: _bool = False, return_indices: Any = False) -> tuple[Tensor, Tensor]:
    """The largest element under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the window's size where left out; padding counts as -inf; nan is larger than all numbers. With `return_indices` also the place of that element in its plane."""
def max_pool2d(input: Tensor, kernel_size: _int | Sequence[_int], stride: _int | Sequence[_int] | None = None, padding: _int | Sequence[_int] = 0, dilation: _int | Sequence[_int] = 1, ceil_mode: _bool = False, return_indices: Any = False) -> Any:
    """The largest element under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the window's size where left out; padding counts as -inf; nan is larger than all numbers. With `return_indices` also the place of that element in its plane."""
def max_pool2d_with_indices(input: Tensor, kernel_size: _int | Sequence[_int], stride: _int | Sequence[_int] | None = None, padding: _int | Sequence[_int] = 0, dilation: _int | Sequence[_int] = 1, ceil_mode: _bool = False, return_indices: Any = False) -> tuple[Tensor, Tensor]:
    """The largest element under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the window's size where left out; padding counts as -inf; nan is larger than all numbers. With `return_indices` also the place of that element in its plane."""
def max_pool3d(input: Tensor, kernel_size: _int | Sequence[_int], stride: _int | Sequence[_int] | None = None, padding: _int | Sequence[_int] = 0, dilation: _int | Sequence[_int] = 1, ceil_mode: _bool = False, return_indices: Any = False) -> Any:
    """The largest element under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the window's size where left out; padding counts as -inf; nan is larger than all numbers. With `return_indices` also the place of that element in its plane."""
def max_pool3d_with_indices(input: Tensor, kernel_size: _int | Sequence[_int], stride: _int | Sequence[_int] | None = None, padding: _int | Sequence[_int] = 0, dilation: _int | Sequence[_int] = 1, ceil_mode: _bool = False, return_indices: Any = False) -> tuple[Tensor, Tensor]:
    """The largest element under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the window's size where left out; padding counts as -inf; nan is larger than all numbers. With `return_indices` also the place of that element in its plane."""
def max_unpool2d(input: Tensor, indices: Tensor, output_size: _int | Sequence[_int], stride: _int | Sequence[_int] = 1) -> Tensor:
    """Zeros, and the elements of the input at their places `indices` in planes of `output_size`."""
def max_unpool3d(input: Tensor, indices: Tensor, output_size: _int | Sequence[_int], stride: _int | Sequence[_int] = 1) -> Tensor:
    """Zeros, and the elements of the input at their places `indices` in planes of `output_size`."""
def maximum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger element; nan if either is."""
@overload
def mean(input: Tensor, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor:
    """The mean over all elements or over dimensions."""
@overload
def mean(input: Tensor, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor: ...
@overload
def median(input: Tensor) -> Tensor:
    """The lower median of all elements, or (values, indices) along a dimension."""
@overload
def median(input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
@overload
def min(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smallest element; along a dimension with its index; or of two tensors, elementwise."""
@overload
def min(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> _ValuesAndIndices: ...
@overload
def min(input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> Tensor: ...
def minimum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller element; nan if either is."""
def mish(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * tanh(softplus(input))."""
def mish_(self: Tensor) -> Tensor:
    """input * tanh(softplus(input))."""
def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices, [n, m] by [m, p]."""
def mode(input: Tensor, dim: _int = -1, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices:
    """(values, indices): the commonest value along a dimension, the smallest of equally common ones."""
def moveaxis(input: Tensor, source: _int | Sequence[_int], destination: _int | Sequence[_int]) -> Tensor:
    """Alias of movedim."""
def movedim(input: Tensor, source: _int | Sequence[_int], destination: _int | Sequence[_int]) -> Tensor:
    """Dimensions moved to other places."""
def mse_loss(input: Tensor, target: Tensor, size_average: _bool | None = None, reduce: _bool | None = None, reduction: str = 'mean', weight: Tensor | None = None) -> Tensor:
    """The squared differences (input - target)^2, reduced by 'mean', 'sum' or 'none'."""
def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The values sorted along the first dimension."""
def mul(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input * other, elementwise with broadcasting."""
def multi_margin_loss(input: Tensor, target: Tensor, p: Any = 1, margin: _Number = 1.0, weight: Tensor | None = None, size_average: _bool | None = None, reduce: _bool | None = None, reduction: str = 'mean') -> Tensor:
    """For scores [N, C] (or [C]) and classes y: the mean over all C classes c of weight[y] max(0, margin - input[y] + input[c])^p, c not y; p is 1 or 2; reduced."""
def multilabel_margin_loss(input: Tensor, target: Tensor, size_average: _bool | None = None, reduce: _bool | None = None, reduction: str = 'mean') -> Tensor:
    """For scores [N, C] (or [C]) and lists of classes in the same shape, each ended by -1: the sum over listed classes y and others c of max(0, 1 - input[y] + input[c]), divided by C; reduced."""
def multinomial(input: Tensor, num_samples: _int, replacement: _bool = False, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor:
    """Indices drawn with the weights of each row."""
def multiply(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """Alias of mul."""
def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A matrix times a vector."""
def nan_to_num(input: Tensor, nan: _float | None = None, posinf: _float | None = None, neginf: _float | None = None, *, out: Tensor | None = None) -> Tensor:
    """nan, inf and -inf replaced; by 0 and the dtype's largest numbers where left out."""
@overload
def nanmedian(input: Tensor) -> Tensor:
    """The lower median, nan left out."""
@overload
def nanmedian(input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
def nansum(input: Tensor, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor:
    """The sum, nan counted as 0."""
@overload
def narrow(input: Tensor, dim: _int, start: _int, length: _int) -> Tensor:
    """`length` elements from `start` on along a dimension."""
@overload
def narrow(input: Tensor, dim: _int, start: Tensor, length: _int) -> Tensor: ...
def native_batch_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None, training: _bool, momentum: _float, eps: _float) -> Tensor:
    """batch_norm, with the batch's mean and 1 / sqrt(var + eps) of each channel (empty where not in training)."""
def native_dropout(input: Tensor, p: _float, train: _bool | None) -> tuple[Tensor, Tensor]:
    """Dropout, and the bool tensor of what was kept."""
def native_group_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, N: _int, C: _int, HxW: _int, group: _int, eps: _float) -> Tensor:
    """group_norm, with the mean and 1 / sqrt(var + eps) of each group [N, group]."""
def native_layer_norm(input: Tensor, normalized_shape: _int | Sequence[_int], weight: Tensor | None, bias: Tensor | None, eps: _float) -> Tensor:
    """layer_norm, with the mean and 1 / sqrt(var + eps) of each row."""
@overload
def ne(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input != other, elementwise."""
@overload
def ne(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def neg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-input."""
def neg_(self: Tensor) -> Tensor:
    """-input."""
def negative(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-input."""
def negative_(self: Tensor) -> Tensor:
    """-input."""
def nextafter(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The next floating-point number after input towards other."""
def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: _bool | None = None, ignore_index: _int = -100, reduce: _bool | None = None, reduction: str = 'mean') -> Tensor:
    """-weight[target[n]] input[n, target[n]] for log-probabilities [N, C, ...] (or [C]); targets equal to ignore_index do not count. The mean is by the sum of the weights."""
def nonzero(input: Tensor, *, as_tuple: _bool = False, out: Tensor | None = None) -> Any:
    """The places of nonzero elements."""
@overload
def norm(input: Tensor, p: Any = 'fro', dim: _int | Sequence[_int] | None = None, keepdim: _bool = False, out: Tensor | None = None, dtype: _DType | None = None) -> Tensor:
    """The p-norm of the elements as one vector, or along dimensions."""
@overload
def norm(input: Tensor, p: Any = 'fro', dim: _int | Sequence[_int] | None = None, keepdim: _bool = False, dtype: _DType | None = None) -> Tensor: ...
@overload
def normal(mean: Tensor, std: Tensor, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor:
    """Normal numbers of these means and standard deviations."""
@overload
def normal(mean: Tensor, std: _float = 1.0, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor: ...
@overload
def normal(mean: _float, std: Tensor, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor: ...
@overload
def normal(mean: _float, std: _float, size: _int | Sequence[_int], *, generator: Generator | None = None, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
@overload
def not_equal(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Alias of ne."""
@overload
def not_equal(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
def numel(input: Tensor) -> _int:
    """The number of elements."""
@overload
def ones(size: Sequence[_int], *, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """A tensor of ones."""
@overload
def ones(*size: _int, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
def ones_like(input: Tensor, *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, requires_grad: _bool = False, memory_format: _memory_format | None = None) -> Tensor:
    """ones of input's sizes and dtype."""
def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """All products of the elements of two vectors."""
def pad(input: Tensor, pad: _int | Sequence[_int], mode: str = 'constant', value: _float | None = None) -> Tensor:
    """Two numbers of places for each of the last dimensions, the very last first: how many are added in front and behind, or cut off where negative. They hold `value` ('constant'), the elements mirrored at the border ('reflect'), the border's own ('replicate') or those of the other end ('circular'); all but the first of images [N, C, ...] or [C, ...]."""
def pdist(input: Tensor, p: _float = 2.0) -> Tensor:
    """The p-norms of the differences between every two rows of an [N, M] matrix, N (N - 1) / 2 of them: those of row 0 with the later ones first."""
@overload
def permute(input: Tensor, dims: Sequence[_int]) -> Tensor:
    """The dimensions in another order."""
@overload
def permute(input: Tensor, *dims: _int) -> Tensor: ...
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson numbers of these rates."""
@overload
def polygamma(n: _int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The n-th derivative of digamma."""
@overload
def polygamma(self: Tensor, n: _int) -> Tensor: ...
def positive(input: Tensor) -> Tensor:
    """input."""
@overload
def pow(input: Tensor, exponent: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input to the power of other."""
@overload
def pow(input: Tensor, exponent: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def pow(self: _Number, exponent: Tensor, *, out: Tensor | None = None) -> Tensor: ...
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where it is positive, else weight x; the weight is one number, or one for each channel (dimension 1)."""
@overload
def prod(input: Tensor, *, dtype: _DType | None = None) -> Tensor:
    """The product over all elements or over a dimension."""
@overload
def prod(input: Tensor, dim: _int, keepdim: _bool = False, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor: ...
def promote_types(type1: _DType, type2: _DType) -> _dtype:
    """The smallest dtype that holds both."""
def qr(input: Tensor, some: _bool = True, *, out: Sequence[Tensor] | None = None) -> Tensor:
    """The QR decomposition; torch.linalg.qr is its successor."""
def rad2deg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Radians as degrees."""
def rad2deg_(self: Tensor) -> Tensor:
    """In-place rad2deg."""
@overload
def rand(size: Sequence[_int], *, generator: Generator | None = None, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """Uniform numbers in [0, 1)."""
@overload
def rand(*size: _int, generator: Generator | None = None, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
def rand_like(input: Tensor, *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, requires_grad: _bool = False, memory_format: _memory_format | None = None) -> Tensor:
    """rand of input's shape and dtype."""
@overload
def randint(high: _int, size: _int | Sequence[_int], *, generator: Generator | None = None, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """Integers in [low, high)."""
@overload
def randint(low: _int, high: _int, size: _int | Sequence[_int], *, generator: Generator | None = None, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
@overload
def randint_like(input: Tensor, high: _int, *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, requires_grad: _bool = False, memory_format: _memory_format | None = None) -> Tensor:
    """randint of input's shape and dtype."""
@overload
def randint_like(input: Tensor, low: _int, high: _int, *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, requires_grad: _bool = False, memory_format: _memory_format | None = None) -> Tensor: ...
@overload
def randn(size: Sequence[_int], *, generator: Generator | None = None, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """Normal numbers of mean 0 and variance 1."""
@overload
def randn(*size: _int, generator: Generator | None = None, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
def randn_like(input: Tensor, *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, requires_grad: _bool = False, memory_format: _memory_format | None = None) -> Tensor:
    """randn of input's shape and dtype."""
def randperm(n: _int, *, generator: Generator | None = None, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """A permutation of 0 … n-1."""
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
def real(input: Tensor) -> Tensor:
    """The real part, sharing memory."""
def reciprocal(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / input."""
def reciprocal_(self: Tensor) -> Tensor:
    """1 / input."""
def relu(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """max(input, 0)."""
def relu6(input: Tensor, inplace: _bool = False) -> Tensor:
    """min(max(input, 0), 6)."""
def relu_(self: Tensor) -> Tensor:
    """max(input, 0)."""
@overload
def remainder(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input - other * floor(input / other): the sign of the divisor, as Python's %."""
@overload
def remainder(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def remainder(self: _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
@overload
def reshape(input: Tensor, shape: Sequence[_int]) -> Tensor:
    """The same elements in another shape; a view where that is possible, else a copy."""
@overload
def reshape(input: Tensor, *shape: _int) -> Tensor: ...
def resolve_conj(input: Tensor) -> Tensor:
    """input: conjugates are never lazy here."""
def resolve_neg(input: Tensor) -> Tensor:
    """input: negatives are never lazy here."""
def result_type(tensor1: Tensor | _Number, tensor2: Tensor | _Number) -> _dtype:
    """The dtype of an arithmetic operation on the two."""
def rms_norm(input: Tensor, normalized_shape: _int | Sequence[_int], weight: Tensor | None = None, eps: _float | None = None) -> Tensor:
    """input / sqrt(mean(input^2) + eps) * weight over the last dimensions, whose sizes are normalized_shape; eps is the dtype's own where left out (Zhang and Sennrich 2019)."""
def rnn_relu_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None) -> Tensor:
    """relu(W_ih x + b_ih + W_hh h + b_hh) on [N, *]."""
def rnn_tanh_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None) -> Tensor:
    """tanh(W_ih x + b_ih + W_hh h + b_hh) on [N, *]."""
def roll(input: Tensor, shifts: _int | Sequence[_int], dims: _int | Sequence[_int] | None = None) -> Tensor:
    """Elements shifted round along dimensions."""
def round(input: Tensor, *, decimals: _int = 0, out: Tensor | None = None) -> Tensor:
    """The nearest number with so many decimals; halves to even."""
def rrelu(input: Tensor, lower: _Number = 0.125, upper: _Number = 0.3333333333333333, training: _bool = False, generator: Generator | None = None) -> Tensor:
    """x where it is positive, else x times a slope drawn uniformly from [lower, upper), or their mean if not training."""
def rrelu_(input: Tensor, lower: _Number = 0.125, upper: _Number = 0.3333333333333333, training: _bool = False, generator: Generator | None = None) -> Tensor:
    """In-place rrelu."""
def rsqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / sqrt(input)."""
def rsqrt_(self: Tensor) -> Tensor:
    """1 / sqrt(input)."""
@overload
def rsub(input: Tensor, other: Tensor, *, alpha: _Number = 1) -> Tensor:
    """other - alpha * input."""
@overload
def rsub(input: Tensor, other: _Number, *, alpha: _Number = 1) -> Tensor: ...
def scalar_tensor(s: _Number, *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """A 0-dim tensor."""
def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: _float = 0.0, is_causal: _bool = False, *, scale: _float | None = None, enable_gqa: _bool = False) -> Tensor:
    """softmax(scale query keyᵀ + attn_mask) value for query [*, heads, queries, depth], key and value [*, heads, keys, depth]; the scale is 1/sqrt(depth) if not given. A mask of truth values hides keys where it is false, is_causal those after the query's own place, and dropout_p leaves weights out. enable_gqa: heads of queries share heads of keys and values, as many each. A query from which everything is hidden has a result of 0."""
@overload
def scatter(input: Tensor, dim: _int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of input with src written to the places of index, or added to or multiplied with what is there."""
@overload
def scatter(input: Tensor, dim: _int, index: Tensor, value: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def scatter(input: Tensor, dim: _int, index: Tensor, src: Tensor, *, reduce: str, out: Tensor | None = None) -> Tensor: ...
@overload
def scatter(input: Tensor, dim: _int, index: Tensor, value: _Number, *, reduce: str, out: Tensor | None = None) -> Tensor: ...
def scatter_add(input: Tensor, dim: _int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of input with src added at the places of index."""
def scatter_reduce(input: Tensor, dim: _int, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True, out: Tensor | None = None) -> Tensor:
    """A copy of input with the elements of src that go to one place of index reduced to one: their sum, prod, mean,
amax or amin, together with what is there unless include_self is false."""
def searchsorted(sorted_sequence: Tensor, input: Tensor | _Number, *, out_int32: _bool = False, right: _bool = False, side: str | None = None, sorter: Tensor | None = None, out: Tensor | None = None) -> Tensor:
    """Where each value belongs in the sorted innermost dimension: sorted[i-1] < v <= sorted[i], or with right <= v <."""
def seed() -> _int:
    """Seeds the default generator from the system's entropy; gives the seed."""
def select(input: Tensor, dim: _int, index: _int) -> Tensor:
    """One slice along a dimension, which goes."""
def selu(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """scale * (max(0, x) + min(0, alpha * (exp(x) - 1))) with the constants of Klambauer et al. (2017)."""
def selu_(self: Tensor) -> Tensor:
    """scale * (max(0, x) + min(0, alpha * (exp(x) - 1))) with the constants of Klambauer et al. (2017)."""
def set_default_dtype(d: _DType) -> None:
    """Sets the dtype of tensors made from Python floats."""
def set_num_threads(num: _int) -> None:
    """Sets how many threads an operator may use."""
def set_rng_state(new_state: Any) -> None:
    """Sets the default generator's state."""
def sgn(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input / |input|, 0 at 0; the sign of real numbers."""
def sgn_(self: Tensor) -> Tensor:
    """input / |input|, 0 at 0; the sign of real numbers."""
def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / (1 + exp(-input))."""
def sigmoid_(self: Tensor) -> Tensor:
    """1 / (1 + exp(-input))."""
def sign(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-1, 0 or 1 by the sign of input."""
def sign_(self: Tensor) -> Tensor:
    """-1, 0 or 1 by the sign of input."""
def signbit(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sign bit is set: also of -0.0."""
def silu(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * sigmoid(input)."""
def silu_(self: Tensor) -> Tensor:
    """input * sigmoid(input)."""
def sin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sine; radians."""
def sin_(self: Tensor) -> Tensor:
    """The sine; radians."""
def sinc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0."""
def sinc_(self: Tensor) -> Tensor:
    """In-place sinc."""
def sinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic sine."""
def sinh_(self: Tensor) -> Tensor:
    """The hyperbolic sine."""
def slogdet(input: Tensor, *, out: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
    """Sign and logarithm of the absolute value of the determinant; torch.linalg.slogdet's other name."""
def smooth_l1_loss(input: Tensor, target: Tensor, size_average: _bool | None = None, reduce: _bool | None = None, reduction: str = 'mean', beta: _float = 1.0) -> Tensor:
    """With d = |input - target|: d^2 / (2 beta) below beta, d - beta / 2 above; reduced."""
def softmax(input: Tensor, dim: _int, dtype: _DType | None = None) -> Tensor:
    """exp(input) / sum(exp(input)) along a dimension."""
def softplus(input: Tensor, beta: _Number = 1.0, threshold: _Number = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta; input itself where beta * input > threshold."""
def softshrink(input: Tensor, lambd: _Number = 0.5) -> Tensor:
    """input moved towards 0 by lambd, 0 within."""
@overload
def sort(input: Tensor, *, stable: _bool | None, dim: _int = -1, descending: _bool = False, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices:
    """(values, indices) along a dimension in ascending order, or descending. Always stable; nan counts as the largest."""
@overload
def sort(input: Tensor, dim: _int = -1, descending: _bool = False, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices: ...
def special_i0e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(-|input|) i0(input)."""
def special_i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind, of order 1."""
def special_i1e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(-|input|) i1(input)."""
@overload
def special_xlog1py(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * log(1 + other), 0 where input is 0 (nan where other is)."""
@overload
def special_xlog1py(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def special_xlog1py(self: _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
@overload
def special_zeta(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Hurwitz' zeta function: the sum of (k + other)^-input over k = 0, 1, ..."""
@overload
def special_zeta(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def special_zeta(self: _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
@overload
def split(tensor: Tensor, split_size_or_sections: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """Pieces of a length, or of several lengths, along a dimension."""
@overload
def split(tensor: Tensor, split_size_or_sections: _int | Sequence[_int], dim: _int = 0) -> tuple[Tensor, ...]: ...
def split_with_sizes(input: Tensor, split_sizes: _int | Sequence[_int], dim: _int = 0) -> tuple[Tensor, ...]:
    """Pieces of these lengths along a dimension."""
def sqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The square root."""
def sqrt_(self: Tensor) -> Tensor:
    """The square root."""
def square(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input^2."""
def square_(self: Tensor) -> Tensor:
    """input^2."""
@overload
def squeeze(input: Tensor) -> Tensor:
    """Without dimensions of size 1: all of them, or the given ones."""
@overload
def squeeze(input: Tensor, dim: _int | Sequence[_int]) -> Tensor: ...
def stack(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors along a new dimension."""
@overload
def std(input: Tensor, dim: _int | Sequence[_int] | None = None, *, correction: _Number | None = 1, keepdim: _bool = False, out: Tensor | None = None) -> Tensor:
    """The standard deviation; see var."""
@overload
def std(input: Tensor, dim: _int | Sequence[_int] | None, unbiased: _bool = True, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
@overload
def std(input: Tensor, unbiased: _bool) -> Tensor: ...
@overload
def std_mean(input: Tensor, dim: _int | Sequence[_int] | None = None, *, correction: _Number | None = 1, keepdim: _bool = False) -> tuple[Tensor, Tensor]:
    """(standard deviation, mean); see var."""
@overload
def std_mean(input: Tensor, dim: _int | Sequence[_int] | None, unbiased: _bool = True, keepdim: _bool = False) -> tuple[Tensor, Tensor]: ...
@overload
def std_mean(input: Tensor, unbiased: _bool) -> tuple[Tensor, Tensor]: ...
def sub(input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number = 1, out: Tensor | None = None) -> Tensor:
    """input - alpha * other, elementwise with broadcasting; the common dtype."""
def subtract(input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number = 1, out: Tensor | None = None) -> Tensor:
    """Alias of sub."""
@overload
def sum(input: Tensor, *, dtype: _DType | None = None) -> Tensor:
    """The sum over all elements or over dimensions; integers sum in int64."""
@overload
def sum(input: Tensor, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor: ...
def svd(input: Tensor, some: _bool = True, compute_uv: _bool = True, *, out: Sequence[Tensor] | None = None) -> Tensor:
    """The singular value decomposition input = U diag(S) V^H; torch.linalg.svd is its successor. -> (U, S, V)"""
def swapaxes(input: Tensor, axis0: _int, axis1: _int) -> Tensor:
    """Alias of transpose."""
def swapdims(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Alias of transpose."""
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector itself."""
def take_along_dim(input: Tensor, indices: Tensor, dim: _int | None = None, *, out: Tensor | None = None) -> Tensor:
    """gather with broadcasting."""
def tan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The tangent; radians."""
def tan_(self: Tensor) -> Tensor:
    """The tangent; radians."""
def tanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic tangent."""
def tanh_(self: Tensor) -> Tensor:
    """The hyperbolic tangent."""
def tensor(data: Any, *, dtype: _DType | None = None, device: _Device | None = None, requires_grad: _bool = False, pin_memory: _bool | None = False) -> Tensor:
    """A tensor of Python or array data, copied."""
def threshold(input: Tensor, threshold: _Number, value: _Number, inplace: _bool = False) -> Tensor:
    """input where above threshold, else value."""
def threshold_(input: Tensor, threshold: _Number, value: _Number) -> Tensor:
    """In-place threshold."""
@overload
def tile(input: Tensor, dims: Sequence[_int]) -> Tensor:
    """repeat, with leading ones where dims are fewer."""
@overload
def tile(input: Tensor, *dims: _int) -> Tensor: ...
def topk(input: Tensor, k: _int, dim: _int = -1, largest: _bool = True, sorted: _bool = True, *, out: Sequence[Tensor] | None = None) -> _ValuesAndIndices:
    """(values, indices) of the k largest, or smallest, along a dimension, in order."""
def transpose(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Two dimensions swapped."""
def triangular_solve(b: Tensor, A: Tensor, upper: _bool = True, transpose: _bool = False, unitriangular: _bool = False, *, out: Sequence[Tensor] | None = None) -> Tensor:
    """X with A X = b (or A^T X = b) for triangular A, and a copy of A; torch.linalg.solve_triangular is its successor."""
def tril(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle of matrices: elements above the diagonal become 0."""
def tril_indices(row: _int, col: _int, offset: _int = 0, *, dtype: _DType | None = None, device: _Device | None = None, layout: _layout | None = None) -> Tensor:
    """The indices of the lower triangle."""
def triu(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle of matrices: elements below the diagonal become 0."""
def triu_indices(row: _int, col: _int, offset: _int = 0, *, dtype: _DType | None = None, device: _Device | None = None, layout: _layout | None = None) -> Tensor:
    """The indices of the upper triangle."""
def true_divide(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input / other; integers give the default float dtype."""
def trunc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Input without its fraction."""
def trunc_(self: Tensor) -> Tensor:
    """Input without its fraction."""
def unbind(input: Tensor, dim: _int = 0) -> tuple[Tensor, ...]:
    """All slices along a dimension, as a tuple of views."""
def unflatten(input: Tensor, dim: _int, sizes: _int | Sequence[_int]) -> Tensor:
    """One dimension as several."""
def unsqueeze(input: Tensor, dim: _int) -> Tensor:
    """With a new dimension of size 1."""
@overload
def var(input: Tensor, dim: _int | Sequence[_int] | None = None, *, correction: _Number | None = 1, keepdim: _bool = False, out: Tensor | None = None) -> Tensor:
    """The variance; the divisor is the count less `correction`."""
@overload
def var(input: Tensor, dim: _int | Sequence[_int] | None, unbiased: _bool = True, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor: ...
@overload
def var(input: Tensor, unbiased: _bool) -> Tensor: ...
@overload
def var_mean(input: Tensor, dim: _int | Sequence[_int] | None = None, *, correction: _Number | None = 1, keepdim: _bool = False) -> tuple[Tensor, Tensor]:
    """(variance, mean); see var."""
@overload
def var_mean(input: Tensor, dim: _int | Sequence[_int] | None, unbiased: _bool = True, keepdim: _bool = False) -> tuple[Tensor, Tensor]: ...
@overload
def var_mean(input: Tensor, unbiased: _bool) -> tuple[Tensor, Tensor]: ...
def view_as_complex(input: Tensor) -> Tensor:
    """Pairs of real and imaginary part, along the last dimension, as a complex tensor. Shares memory."""
def view_as_real(input: Tensor) -> Tensor:
    """A complex tensor as pairs of real and imaginary part: one more dimension, of size 2. Shares memory."""
def vstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined along the first dimension, vectors as rows."""
@overload
def where(condition: Tensor, input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input where the condition holds, else other; with one argument, the places where it holds."""
@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...
@overload
def xlogy(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * log(other), 0 where input is 0 (nan where other is)."""
@overload
def xlogy(input: Tensor, other: _Number, *, out: Tensor | None = None) -> Tensor: ...
@overload
def xlogy(self: _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor: ...
@overload
def zeros(size: Sequence[_int], *, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor:
    """A tensor of zeros."""
@overload
def zeros(*size: _int, out: Tensor | None = None, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, pin_memory: _bool | None = False, requires_grad: _bool = False) -> Tensor: ...
def zeros_like(input: Tensor, *, dtype: _DType | None = None, layout: _layout | None = None, device: _Device | None = None, requires_grad: _bool = False, memory_format: _memory_format | None = None) -> Tensor:
    """zeros of input's sizes and dtype."""
