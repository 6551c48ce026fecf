"""torch.fft, and what goes with it."""

from __future__ import annotations

from ..rows import Row

NAMES = "fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft hfft2 ihfft2 hfftn ihfftn"

# Rounding: MKL and pocketfft divide a transform differently.
ROUNDING = dict.fromkeys(("float32", "complex64"), (2e-5, 5e-5))
CONJ = {"node": "the node of conj() is named ConjPhysicalBackward0 here"}


# It writes the transform and loses the conjugation; that of an empty out= is refused.
OUT = {"out": "PyTorch's ihfftn along one dimension gives with out= the conjugate of what it gives without"}


def fft(name: str) -> Row:
    return Row(
        f"fft.{name}",
        "fo",
        core=(f"fft_{name}",),
        tolerance=ROUNDING,
        reason="another order of the sums",
        accepts="MKL refuses empty batches, whose transform is empty; PyTorch's out= of ifft and ihfft converts nothing",
        unlike=(CONJ if name in ("ifft", "ihfft", "ihfft2", "ihfftn") else {}) | (OUT if name == "ihfftn" else {}),
    )


TABLE: tuple[Row, ...] = (
    *(fft(name) for name in NAMES.split()),
    *(Row(f"fft.{name}", "f", core=(f"fft_{name}",)) for name in ("fftshift", "ifftshift")),
)
