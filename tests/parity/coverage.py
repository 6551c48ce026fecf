"""Which entries of PyTorch's operator database are compared, and why the others are not."""

from __future__ import annotations

from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo

from .table import TABLE

#: Entries without a row, by the reason. A name ends in `*` where it stands for all that begin so.
WITHOUT = {
    "an operator of PyTorch's own internals, which programs do not call": "_* torch.ops.* torch._* slice native_dropout_backward max_pool2d_with_indices_backward",
    "compiles CUDA source": "jiterator_*",
    "there are no sparse tensors": "sparse.* to_sparse",
    "there is no complex32": "chalf",
    "there is no uint64, which it returns": "hash_tensor",
}

#: Entries whose operators rushlight lacks; docs/differences.md names each.
MISSING: set[str] = set()


def reason(name: str) -> str:
    """Why an entry of this name has no row, or nothing."""
    for why, names in WITHOUT.items():
        for left_out in names.split():
            if name == left_out or (left_out.endswith("*") and name.startswith(left_out[:-1]) and name[:2] != "__"):
                return why
    return ""


def public() -> dict[str, OpInfo]:
    """The entries that count, by name and variant ("norm/fro")."""
    return {
        info.name + (f"/{info.variant_test_name}" if info.variant_test_name else ""): info
        for info in op_db
        if not reason(info.name)
    }


#: The row of each entry that has one, by name and variant.
COVERED: dict[str, str] = {}
for _row in TABLE:
    for _entry, _info in public().items():
        if isinstance(_row.source, str):
            _found = _row.source in (_entry, _info.name)
        else:
            # Samples of our own; for the random fillings the name of the method in place.
            _found = _row.name in (_info.name, _info.name + "_")
        if _found and (_entry not in COVERED or _row.name == _info.name):
            COVERED[_entry] = _row.name
