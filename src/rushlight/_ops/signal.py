"""Windows and short-time Fourier transforms, and histograms of points, out of other operators."""

from __future__ import annotations

import math
from typing import Any

from .. import _core as core
from .._core import Tensor, dtype
from . import BOTH, FUNCTION, operator
from .fft import fft, ifft, irfft, rfft
from .reduce import scalar_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


# --- windows ----------------------------------------------------------------------------------------------------------


def _window(
    name: str,
    length: int,
    periodic: bool,
    kind: dtype | None,
    layout: Any,
    device: Any,
    requires_grad: bool,
    values: Callable[[Tensor, int], Tensor],
) -> Tensor:
    """values(n, N) for n = 0, 1, ..., N, without the last if `periodic`; a window of at most one sample is 1."""
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    kind = core.get_default_dtype() if kind is None else kind
    if not (kind.is_floating_point or kind.is_complex):
        raise RuntimeError(f"{name} expects floating point dtypes, got: {kind}")
    options = {"dtype": kind, "layout": layout, "device": device}
    if length <= 1:
        window = core.ones(length, **options)
    else:
        steps = length if periodic else length - 1
        window = values(core.arange(steps + 1, **options), steps)
        if periodic:
            window = window[:length]
    return window.detach().requires_grad_() if requires_grad else window


def _cosines(*terms: float) -> Callable[[Tensor, int], Tensor]:
    """terms[0] + terms[1] cos(x) + terms[2] cos(2 x) + ... over one period of x."""

    def values(n: Tensor, steps: int) -> Tensor:
        x = n * (2 * math.pi / steps)
        window = x.cos() * terms[1] + terms[0]
        for k, term in enumerate(terms[2:], 2):
            window += (x * k).cos() * term
        return window

    return values


@operator("Creation", where=FUNCTION)
def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """0.5 - 0.5 cos(2 pi n / N); N is the length, or one less unless `periodic`."""
    values = _cosines(0.5, -0.5)
    return _window("hann_window", window_length, periodic, dtype, layout, device, requires_grad, values)


@operator("Creation", where=FUNCTION)
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """alpha - beta cos(2 pi n / N); N is the length, or one less unless `periodic`."""
    values = _cosines(alpha, -beta)
    return _window("hamming_window", window_length, periodic, dtype, layout, device, requires_grad, values)


@operator("Creation", where=FUNCTION)
def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N); N is the length, or one less unless `periodic`."""
    values = _cosines(0.42, -0.5, 0.08)
    return _window("blackman_window", window_length, periodic, dtype, layout, device, requires_grad, values)


@operator("Creation", where=FUNCTION)
def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle: 1 - |2 n / N - 1|; N is the length, or one less unless `periodic`."""

    def values(n: Tensor, steps: int) -> Tensor:
        return 1 - (n * (2 / steps) - 1).abs()

    return _window("bartlett_window", window_length, periodic, dtype, layout, device, requires_grad, values)


@operator("Creation", where=FUNCTION)
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """i0(beta sqrt(1 - (2 n / N - 1)^2)) / i0(beta); N is the length, or one less unless `periodic`."""

    def values(n: Tensor, steps: int) -> Tensor:
        x = n * (2 / steps) - 1
        return ((1 - x * x).clamp(min=0).sqrt() * beta).i0() / core.tensor(beta, dtype=core.float64).i0().item()

    return _window("kaiser_window", window_length, periodic, dtype, layout, device, requires_grad, values)


# --- short-time transforms --------------------------------------------------------------------------------------------


def _shown(call: str, window: Tensor | None, **numbers: Any) -> str:
    """The call as PyTorch's messages show it."""
    shown: dict[str, Any] = {}
    for name, value in numbers.items():
        shown[name] = int(value) if isinstance(value, bool) else value
        if name == "win_length":
            shown["window"] = (
                None if window is None else f"torch.{scalar_name(window.dtype)}Tensor{{{list(window.shape)}}}"
            )
    return f"{call}, {', '.join(f'{k}={v}' for k, v in shown.items())})"


def _widened(window: Tensor | None, like: Tensor, win_length: int, n_fft: int) -> Tensor | None:
    """The window in the middle of a frame, with zeros where it does not reach; None stands for ones everywhere."""
    if win_length == n_fft:
        return window
    if window is None:
        window = like.new_ones(win_length)
    left = (n_fft - win_length) // 2
    return core.cat([window.new_zeros(left), window, window.new_zeros(n_fft - win_length - left)])


_said: set[str] = set()


def _warn_once(text: str) -> None:
    if text not in _said:
        import warnings

        _said.add(text)
        warnings.warn(text, stacklevel=3)


@operator("Linear", where=BOTH)
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The Fourier transforms of overlapping frames of a signal [L] or [B, L]: [*, frequencies, frames].

    Frame t begins at element t hop_length (n_fft / 4 unless given), is n_fft long and multiplied by the window, which is
    win_length long and lies in the frame's middle. center: the signal is padded by n_fft / 2 at both ends, as pad_mode says,
    so that frame t is centred at t hop_length; else align_to_window says that it is the window of frame t, not the frame, that
    begins at t hop_length.
    normalized: divided by sqrt(n_fft); onesided: the first n_fft / 2 + 1 frequencies, the default for real signals.
    return_complex must be given for real signals; False gives real and imaginary parts in a last dimension.
    """
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    if center:
        # As a batch of signals with several channels each, in which `pad` sees one spatial dimension.
        signal = input.reshape([1] * (3 - input.ndim) + list(input.shape)) if 0 < input.ndim < 3 else input
        signal = core.pad(signal, (n_fft // 2, n_fft // 2), pad_mode)
        padded = list(signal.shape[-input.ndim :])
        signal = signal[0] if input.ndim < 3 else signal
    else:
        signal = input if input.ndim != 1 else input.unsqueeze(0)
        padded = list(input.shape)
        if align_to_window and 0 < (win_length or n_fft) <= n_fft <= (padded or [0])[-1] and input.ndim in (1, 2):
            # Frames are longer than their windows: those at the ends reach beyond the signal.
            spare = n_fft - (win_length or n_fft)
            zeros = signal.new_zeros(signal.shape[0], spare)
            signal = core.cat([zeros[:, : spare // 2], signal, zeros[:, spare // 2 :]], -1)
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length

    def fail(what: str) -> RuntimeError:
        call = _shown(
            f"stft(torch.{scalar_name(input.dtype)}Tensor{padded}", window, n_fft=n_fft, hop_length=hop, win_length=win,
            normalized=normalized, onesided=onesided, return_complex=return_complex, align_to_window=align_to_window,
        )  # fmt: skip
        return RuntimeError(f"{call} : {what}")

    if window is None:
        _warn_once(
            "A window was not provided. A rectangular window will be applied,which is known to cause spectral leakage. "
            "Other windows such as torch.hann_window or torch.hamming_window are recommended to reduce spectral leakage.To "
            "suppress this warning and use a rectangular window, explicitly set "
            "`window=torch.ones(n_fft, device=<device>)`."
        )
    complex_given = input.is_complex() or (window is not None and window.is_complex())
    if return_complex is None:
        if not complex_given:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if not (input.is_floating_point() or input.is_complex()):
        raise fail("expected a tensor of floating point or complex values")
    if input.ndim not in (1, 2):
        raise fail("expected a 1D or 2D tensor")
    length = padded[-1]
    if not 0 < n_fft <= length:
        raise fail(f"expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    if hop <= 0:
        raise fail(f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win <= n_fft:
        raise fail(f"expected 0 < win_length <= n_fft, but got win_length={win}")
    if window is not None and (window.ndim != 1 or window.shape[0] != win):
        raise fail(
            f"expected a 1D window tensor of size equal to win_length={win}, but got window with size {list(window.shape)}"
        )
    if not return_complex:
        _warn_once(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors "
            "for all inputs, and return_complex=False will raise an error.\nNote: you can still call "
            "torch.view_as_real on the complex output to recover the old return format."
        )
    onesided = not complex_given if onesided is None else onesided
    if onesided and complex_given:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    shape = _widened(window, input, win, n_fft)
    frames = signal.unfold(-1, n_fft, hop)
    if shape is not None:
        frames = frames * shape
    norm = "ortho" if normalized else None
    transform = rfft if onesided else fft
    result = transform(frames, norm=norm).transpose(1, 2)
    if input.ndim == 1:
        result = result.squeeze(0)
    return result if return_complex else core.view_as_real(result)


@operator("Linear", where=BOTH)
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal [*, L] whose stft is nearest to input [*, frequencies, frames] in least squares (Griffin and Lim, IEEE
    Transactions on Acoustics, Speech and Signal Processing 32 (1984) 236): frames are transformed back, multiplied by the
    window, summed where they overlap, and divided by the sum of the windows' squares, which must nowhere be zero.

    Arguments as those of stft; length: of the signal, which is cut or padded with zeros.
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    call = _shown(
        f"istft({'CPU' if input.is_complex() else 'torch.'}{scalar_name(input.dtype)}{'Type' if input.is_complex() else 'Tensor'}"
        f"{list(input.shape)}", window, n_fft=n_fft, hop_length=hop, win_length=win, center=center, normalized=normalized,
        onesided=onesided, length=length, return_complex=return_complex,
    )  # fmt: skip

    def fail(what: str) -> RuntimeError:
        return RuntimeError(f"{call} : {what}")

    if window is None:
        _warn_once(
            "A window was not provided. A rectangular window will be applied.Please provide the same window used by stft to "
            "make the inversion lossless.To suppress this warning and use a rectangular window, explicitly set "
            "`window=torch.ones(n_fft, device=<device>)`."
        )
    if not input.is_complex():
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    frequencies, frames = input.size(-2), input.size(-1)
    if input.numel() == 0:
        raise fail("input tensor cannot be empty.")
    if input.ndim not in (2, 3):
        raise fail(f"expected a tensor with 3 or 4 dimensions, but got {input.ndim + 1}")
    onesided = frequencies != n_fft if onesided is None else onesided
    if onesided and n_fft // 2 + 1 != frequencies:
        raise fail(
            "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 when "
            f"onesided=True, but got {frequencies}"
        )
    if not onesided and n_fft != frequencies:
        raise fail(
            "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft when onesided=False, but "
            f"got {frequencies}"
        )
    if not 0 < hop <= win:
        raise fail("expected 0 < hop_length <= win_length")
    if not 0 < win <= n_fft:
        raise fail("expected 0 < win_length <= n_fft")
    if window is not None and (window.ndim != 1 or window.shape[0] != win):
        raise fail("Invalid window shape. window has to be 1D and length of `win_length`")
    if onesided and window is not None and window.is_complex() and return_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if return_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if not return_complex and window is not None and window.is_complex():
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    real = input.real
    shape = _widened(window, real, win, n_fft)
    if shape is None:
        shape = real.new_ones(n_fft)
    columns = (input if input.ndim == 3 else input.unsqueeze(0)).transpose(1, 2)
    norm = "ortho" if normalized else None
    if return_complex:
        pieces = ifft(columns, norm=norm)
    else:
        pieces = irfft(columns if onesided else columns[..., : n_fft // 2 + 1], n_fft, norm=norm)
    whole = n_fft + hop * (frames - 1)

    def overlapped(t: Tensor) -> Tensor:
        summed: Tensor = core.col2im(t.transpose(1, 2), (1, whole), (1, n_fft), 1, 0, (1, hop))
        return summed[:, 0, 0]

    signal = overlapped(pieces * shape)
    envelope = overlapped((shape * shape).expand(1, frames, n_fft))
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else whole - n_fft // 2 if center else whole
    signal, envelope = signal[:, start:end], envelope[:, start:end]
    if envelope.numel() == 0:
        raise RuntimeError(
            "min(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' "
            "argument."
        )
    if float(envelope.detach().abs().min()) < 1e-11:
        raise RuntimeError(f"{call} window overlap add min: 1\n[ CPUBoolType{{}} ]")
    signal = signal / envelope
    missing = 0 if length is None else length - signal.shape[-1]
    if missing > 0:
        _warn_once(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please "
            "check your center and hop_length settings."
        )
        signal = core.cat([signal, signal.new_zeros(signal.shape[0], missing)], -1)
    return signal if input.ndim == 3 else signal.squeeze(0)


# --- histograms -------------------------------------------------------------------------------------------------------


@operator("Other", where=FUNCTION)
def histogramdd(
    input: Tensor, bins: Any, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """How many points [..., N], or how much weight [...], lie in each cell of a grid: (hist, bin_edges).

    bins: a tensor of growing edges for each of the N dimensions, or how many bins of equal width each has (or all have)
    between the ends in range (min, max, min, max, ...), else where the points lie. density: divided by the total and by the
    cell's volume.
    """
    from .. import return_types

    hist, *edges = core._histogramdd(input, bins, range, weight, density)
    if isinstance(bins, (list, tuple)) and bins and isinstance(bins[0], Tensor):
        edges = list(bins)  # the very tensors that were given
    return return_types.make("histogramdd", ("hist", "bin_edges"), (hist, tuple(edges)))
