"""torch.masked."""

from __future__ import annotations

from ..rows import COMPOSED, Row

NAMES = "prod cumsum cumprod amax amin mean var std softmax softmin normalize logsumexp"

TABLE: tuple[Row, ...] = (
    *(Row(f"masked.{name}", "f") for name in NAMES.split()),
    *(Row(f"masked.{name}", "f", grad=False) for name in ("argmax", "argmin")),
    Row("masked.sum", "f", unlike={"node": "the sum of a 0-dim tensor names the node of a whole sum"}),
    Row("masked.log_softmax", "f", tolerance={"float16": (3e-2, 1e-3), "bfloat16": (2e-2, 4e-3)},
        reason="as log_softmax: PyTorch rounds the logarithm of the sum to 16 bits before it subtracts"),
    Row("masked.median", "f", unlike={"strided": "as for median: expanded elements are equal, and which of them is chosen is left open"}),
    Row("masked.norm", "f", unlike={"node": COMPOSED, "errors": "of order 10**13 the norm is 1 or inf here; PyTorch's root underflows"}),
    Row("masked.logaddexp", "f", unlike={"grad2": "where both elements are masked, the derivative of log(0 + 0) is nan in one place more or less"}),
)  # fmt: skip
