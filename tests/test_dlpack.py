"""DLPack both ways: capsules of both forms, who owns the memory when, what is refused."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest
import rushlight as rl

np = pytest.importorskip("numpy")

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()


def some(dtype: str) -> Any:
    return rl.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(rl, dtype))


class Exporter:
    """Hands out the capsule of a tensor as an object of an older or newer library would."""

    def __init__(self, tensor: Any, versioned: bool, device: tuple[int, int] = (1, 0)) -> None:
        self.tensor, self.versioned, self.device = tensor, versioned, device

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, **keywords: Any) -> Any:
        if not self.versioned and "max_version" in keywords:
            raise TypeError("unexpected keyword argument 'max_version'")
        return self.tensor.__dlpack__(**keywords)


@pytest.mark.parametrize("version", [None, (0, 8), (1, 0), (1, 2), (2, 0)])
def test_the_form_follows_the_version_asked_for(version: Any) -> None:
    versioned = version is not None and version >= (1, 0)
    assert ('"dltensor_versioned"' if versioned else '"dltensor"') in repr(
        some("int32").__dlpack__(max_version=version)
    )


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip(dtype: str, versioned: bool) -> None:
    t = some(dtype)
    for source in (t, t.t(), t[:, 1], t[1, 1], t[:0], t[:, ::2], t[:, :1].expand(2, 4)):
        back = rl.from_dlpack(Exporter(source, versioned))
        assert back.dtype is source.dtype and back.shape == source.shape and back.stride() == source.stride()
        assert back.tolist() == source.tolist()
        assert back.numel() == 0 or back.data_ptr() == source.data_ptr()


@pytest.mark.parametrize("dtype", DTYPES)
def test_pytorch_reads_and_writes_the_same_memory(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours = some(dtype)
    for exchange in (
        torch.from_dlpack,
        lambda t: torch.from_dlpack(Exporter(t, False)),
        torch.utils.dlpack.from_dlpack,
    ):
        theirs = exchange(ours.t())
        assert (
            theirs.tolist() == ours.t().tolist() and theirs.stride() == (1, 3) and theirs.data_ptr() == ours.data_ptr()
        )
        theirs[0, 0] = 1
        assert ours[0, 0].item() == 1
        ours[0, 0] = 0
    again = rl.from_dlpack(torch.utils.dlpack.to_dlpack(theirs))
    assert again.data_ptr() == ours.data_ptr() and str(again.dtype) == str(theirs.dtype)


def test_numpy_bool_and_scalars() -> None:
    array = np.array([True, False])
    t = rl.from_dlpack(array)
    t[1] = True
    assert t.dtype is rl.bool and array.tolist() == [True, True]
    assert rl.from_dlpack(np.array(2.5)).item() == 2.5
    assert rl.from_dlpack(np.zeros((0, 3))).shape == (0, 3)


def test_a_capsule_serves_once() -> None:
    for versioned in (False, True):
        capsule = some("float32").__dlpack__(max_version=(1, 0) if versioned else None)
        rl.from_dlpack(capsule)
        assert "used_dltensor" in repr(capsule)
        with pytest.raises(RuntimeError, match="received an invalid capsule"):
            rl.from_dlpack(capsule)
    with pytest.raises(RuntimeError, match="received an invalid capsule"):
        rl.from_dlpack(3)


def resident() -> int:
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))


@pytest.mark.parametrize("version", [None, (1, 0)])
@pytest.mark.parametrize("use", ["dropped", "taken", "by numpy"])
def test_memory_is_given_back(version: Any, use: str) -> None:
    def once() -> None:
        t = rl.zeros(250_000)  # 1 MB
        if use == "by numpy":
            np.from_dlpack(t)
            return
        capsule = t.__dlpack__(max_version=version)
        if use == "taken":
            rl.from_dlpack(rl.from_dlpack(capsule))

    for _ in range(20):
        once()
    before = resident()
    for _ in range(300):
        once()
    assert resident() - before < 50_000


def test_the_importer_keeps_the_exporter_alive() -> None:
    class Array(np.ndarray):
        pass

    freed: list[int] = []

    class Owner:
        def __del__(self) -> None:
            freed.append(1)

    array = np.arange(1000.0).view(Array)
    array.owner = Owner()
    t = rl.from_dlpack(array)
    view = t[10:]
    del array, t
    gc.collect()
    assert not freed and view[0].item() == 10.0
    del view
    gc.collect()
    assert freed == [1]


def test_the_last_reference_may_go_in_another_thread() -> None:
    held = [np.from_dlpack(rl.full((1000,), float(i))) for i in range(100)]
    threads = [threading.Thread(target=lambda: [held.pop() for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not held


def test_read_only_memory_is_not_shared_unless_asked_for() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False
    t = rl.from_dlpack(array)
    t[0] = 9
    assert array[0] == 0 and t.data_ptr() != array.ctypes.data
    assert rl.from_dlpack(array, copy=False).data_ptr() == array.ctypes.data


def test_copies() -> None:
    t = some("float32")
    assert rl.from_dlpack(t, copy=True).data_ptr() != t.data_ptr()
    assert rl.from_dlpack(t, copy=False).data_ptr() == t.data_ptr()
    assert rl.from_dlpack(t.__dlpack__(copy=True)).data_ptr() != t.data_ptr()
    assert rl.from_dlpack(t.__dlpack__(copy=True, max_version=(1, 0))).tolist() == t.tolist()
    assert np.from_dlpack(t, copy=True).ctypes.data != t.data_ptr()


def test_what_cannot_be_a_tensor_is_refused_and_given_back() -> None:
    array = np.arange(6.0)
    for bad, text in [
        (array[::-1], "negative"),
        (np.arange(3, dtype="u2"), "no dtype stands for"),
        (np.frombuffer(bytearray(33), "u1")[1:].view("f4"), "aligned"),
    ]:
        with pytest.raises(BufferError, match=text):
            rl.from_dlpack(bad)
    with pytest.raises(BufferError, match="not the CPU's memory"):
        rl.from_dlpack(Exporter(rl.ones(1), True, device=(2, 0)))
    with pytest.raises(BufferError, match="only to"):
        rl.ones(1).__dlpack__(dl_device=(2, 0))
    with pytest.raises(TypeError, match="stream must be"):
        rl.ones(1).__dlpack__(stream="x")
    with pytest.raises(AssertionError, match="stream should be None on cpu"):
        rl.ones(1).__dlpack__(stream=1)


def test_pinned_memory_counts_as_the_cpus() -> None:
    assert rl.from_dlpack(Exporter(rl.ones(2), True, device=(3, 0))).tolist() == [1, 1]


def test_the_module() -> None:
    from rushlight.utils import dlpack

    assert rl.utils.dlpack is dlpack and dlpack.from_dlpack is rl.from_dlpack
    assert rl.ones(1).__dlpack_device__() == (dlpack.DLDeviceType.kDLCPU, 0)
    assert rl.from_dlpack(rl.to_dlpack(rl.ones(2))).tolist() == [1, 1]
    torch = pytest.importorskip("torch")
    assert {d.name: d.value for d in dlpack.DLDeviceType} == {d.name: d.value for d in torch.utils.dlpack.DLDeviceType}
