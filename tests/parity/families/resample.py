"""Images in other sizes and at other places; distances."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ..rows import COMPOSED, FLOAT, Row, own
from ..samples import DTYPES, Maker, Sample, call


def _interpolate(make: Maker) -> Iterator[Sample]:
    """What the database lacks: antialias, recomputed factors, factors that leave a size as it is, and wrong uses."""
    image = (2, 3, 5, 4)
    for mode in ("bilinear", "bicubic"):
        for size in ((3, 7), (9, 2), (5, 4)):
            yield call(make(*image), size, mode=mode, antialias=True)
        yield call(make(*image), None, 0.6, mode, True, antialias=True)
    yield call(make(*image), (3, 2), mode="lanczos", antialias=True)
    yield call(make(*image), None, (1.7, 0.4), recompute_scale_factor=True)
    yield call(make(*image), None, 1.1, "nearest")
    yield call(make(*image), None, 2.1, "nearest")
    yield call(make(*image), None, 2.1, "nearest-exact")
    yield call(make(*image), (10, 8))
    yield call(make(2, 3, 4), 6, mode="linear", align_corners=True)
    yield call(make(2, 2, 3, 4, 2), (4, 2, 3), mode="trilinear", align_corners=True)


def _wrong(make: Maker) -> Iterator[Sample]:
    image = make(2, 3, 5, 4)
    for kwargs in (
        {},
        {"size": 3, "scale_factor": 2},
        {"size": 3, "recompute_scale_factor": True},
        {"size": (3,)},
        {"size": (3, 3, 3)},
        {"size": []},
        {"scale_factor": (2.0,)},
        {"size": 0},
        {"size": -1},
        {"scale_factor": 0.1},
        {"size": 3, "align_corners": True},
        {"size": 3, "mode": "linear"},
        {"size": 3, "mode": "trilinear"},
        {"size": 3, "mode": "lanczos"},
        {"size": 3, "mode": "lanczos", "antialias": True, "align_corners": True},
        {"size": 3, "mode": "nearest", "antialias": True},
        {"size": 3, "mode": "unknown"},
        {"size": ("a", 3)},
        {"size": 2.5},
        {"scale_factor": "a"},
    ):
        yield call(image, **kwargs)
    yield call(make(2, 0, 5, 4), 3)
    yield call(make(2, 3, 0, 4), 3)
    yield call(make(0, 3, 5, 4), 3)
    yield call(make(3, 4), 3)


def _affine(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 2, 3), (2, 1, 3, 4), False)
    yield call(make(2, 2, 3), (2, 1, 3, 4), True)
    yield call(make(2, 2, 3), (2, 1, 1, 4), False)
    yield call(make(1, 3, 4), (1, 2, 3, 4, 2), False)
    yield call(make(1, 3, 4), (1, 2, 3, 4, 2), True)
    yield call(make(2, 2, 3), (3, 1, 3, 4), False)
    yield call(make(2, 2, 3), (2, 1, 3), False)
    yield call(make(2, 3), (2, 1, 3, 4), False)


def _exact(make: Maker) -> Iterator[Sample]:
    """Coordinates in quarters, which 16-bit floats hold, too."""
    for padding, corners in itertools.product(("zeros", "border", "reflection"), (False, True)):
        grid = ((make(2, 4, 3, 2).detach() / 9 * 6).round() / 4).requires_grad_()
        for mode in ("bilinear", "nearest", "bicubic"):
            yield call(make(2, 3, 5, 5), grid, mode, padding, corners)


def _distances(make: Maker) -> Iterator[Sample]:
    inf = float("inf")
    for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, inf):
        yield call(make(3, 4), make(2, 4), p)
    yield call(make(2, 1, 3, 2), make(3, 4, 2))
    yield call(make(30, 2), make(3, 2))
    yield call(make(2, 30, 2), make(1, 3, 2))
    yield call(make(3, 2), make(2, 2), 2.0, "use_mm_for_euclid_dist")
    yield call(make(30, 2), make(2, 2), 2.0, "donot_use_mm_for_euclid_dist")
    yield call(make(0, 2), make(2, 2))
    yield call(make(3, 0), make(2, 0))
    yield call(make(3), make(2, 3))
    yield call(make(3, 2), make(2, 3))
    yield call(make(3, 2), make(2, 2), -1.0)
    yield call(make(3, 2), make(2, 2), 2.0, "unknown")


def _pairs(make: Maker) -> Iterator[Sample]:
    for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf")):
        yield call(make(5, 3), p)
    yield call(make(1, 3))
    yield call(make(3, 0))
    yield call(make(3))
    yield call(make(3, 2), -1.0)


FIRST = "what is no tensor is refused before other arguments are looked at"
SECOND = "PyTorch has no second derivative"
# bicubic: eight products of numbers up to 9 that may cancel; in 16 bits rounded once here.
_ROUNDING = {"float16": (4e-3, 4e-2), "bfloat16": (2e-2, 0.3), "float32": (1e-5, 1e-4)}
_REASON = "sums of products in another order, which may cancel"

# PyTorch computes the places of 16-bit grids in 16 bits, where they may become others.
_NOT_SHORT = tuple(d for d in DTYPES if d not in ("float16", "bfloat16"))

TABLE: tuple[Row, ...] = (
    *(Row(f"nn.functional.interpolate.{mode}", "f", f"nn.functional.interpolate/{mode}", path="nn.functional.interpolate", core=("interpolate",),
          tolerance=_ROUNDING, reason=_REASON) for mode in "nearest nearest-exact linear bilinear bicubic trilinear area".split()),
    own("nn.functional.interpolate", "f", _interpolate, tolerance=_ROUNDING, reason=_REASON),
    own("nn.functional.interpolate.wrong", "f", _wrong, path="nn.functional.interpolate", core=("interpolate",), grad=False, unlike={"errors": FIRST}),
    *(Row("nn.functional." + name, "f", tolerance=_ROUNDING, reason=_REASON) for name in ("upsample_bilinear", "upsample_nearest")),
    Row("nn.functional.grid_sample", "f", dtypes=_NOT_SHORT, tolerance=_ROUNDING, reason=_REASON),
    own("nn.functional.grid_sample.exact", "f", _exact, path="nn.functional.grid_sample", core=("grid_sample",), dtypes=FLOAT, unlike={"errors": "a mode that is no text is a TypeError"}, tolerance=_ROUNDING, reason=_REASON),
    *(Row(name, "f", source, dtypes=_NOT_SHORT, tolerance=_ROUNDING, reason=_REASON, unlike={"errors": "the numbers of modes that there are not are read as 0; PyTorch's result is undefined"})
      for name, source in (("grid_sampler", "grid_sampler_2d"), ("grid_sampler_2d", "grid_sampler_2d"), ("grid_sampler_3d", "grid_sampler_3d"))),
    own("nn.functional.affine_grid", "f", _affine, core=("affine_grid_generator",), dtypes=FLOAT, unlike={"node": COMPOSED},
        tolerance={"float16": (4e-3, 2e-2), "bfloat16": (2e-2, 0.1)}, reason="sums of three products, rounded to 16 bits at another place"),
    own("cdist", "f", _distances, accepts=SECOND, unlike={"errors": FIRST}, dtypes=("int64", *FLOAT)),
    own("nn.functional.pdist", "f", _pairs, core=("pdist",), accepts=SECOND, dtypes=("int64", *FLOAT)),
)  # fmt: skip
