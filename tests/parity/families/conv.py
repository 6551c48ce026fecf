"""Convolutions and what moves elements between images and columns or channels."""

from __future__ import annotations

from ..rows import Row, functional

TABLE: tuple[Row, ...] = (
    *functional("conv1d conv2d conv3d", tolerance={"float32": (1e-5, 1e-4), "complex64": (1e-5, 1e-4)},
                reason="sums of up to 64 products of numbers up to 9, added in another order, which may cancel"),
    *functional("conv_transpose1d conv_transpose2d conv_transpose3d", tolerance={"float16": (1e-2, 0.5), "bfloat16": (2e-2, 0.5), "complex64": (1e-5, 1e-3)},
                reason="sums in another order, which may cancel; in 16 bits PyTorch rounds sums to 16 bits in between, and its mean error is 1.5 times that of rushlight, which rounds once"),
)  # fmt: skip
