"""Checkpoints: PyTorch's files and ours, both ways; hostile files; interrupted saves."""

from __future__ import annotations

import collections
import io
import os
import pickle
import stat
import struct
import zipfile
from typing import Any

import pytest

import rushlight
from rushlight import serialization

torch = pytest.importorskip("torch")

DTYPES = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128".split()


def example(library: Any) -> dict[str, Any]:
    base = library.arange(12.0).reshape(3, 4)
    return {
        "base": base,
        "row": base[1],
        "turned": base.t(),
        "part": base[:, 1:3],
        "leaf": library.ones(2, requires_grad=True),
        "number": library.tensor(3),
        "empty": library.zeros(0, 3),
        "size": base.shape,
        "dtype": library.float16,
        "device": library.device("cpu"),
        "nest": [1, 2.5, -(2**80), None, True, "ü", b"\x00\xff", bytearray(b"x"), (1, (2,)), {3, 4}, 1 + 2j],
        "ordered": collections.OrderedDict([("b", 1), ("a", library.ones(1))]),
        **{name: library.tensor([0, 1, 2]).to(getattr(library, name)) for name in DTYPES},
    }


def described(value: Any) -> Any:
    if isinstance(value, (torch.Tensor, rushlight.Tensor)):
        data = str(value.dtype), tuple(value.shape), tuple(value.stride()), value.storage_offset(), value.requires_grad
        return ("tensor", *data, value.tolist())
    if isinstance(value, dict):
        return type(value).__name__, [(k, described(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [described(v) for v in value]
    return str(value)


def crossed(writer: Any, reader: Any, value: Any, **options: Any) -> Any:
    file = io.BytesIO()
    writer.save(value, file, **options)
    file.seek(0)
    return reader.load(file)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("writer, reader", [(torch, rushlight), (rushlight, torch), (rushlight, rushlight)])
def test_files_go_both_ways(writer: Any, reader: Any, legacy: bool) -> None:
    got = crossed(writer, reader, example(writer), _use_new_zipfile_serialization=not legacy)
    assert described(got) == described(example(reader))
    # What shared memory still does.
    got["base"][1, 0] = 100
    assert got["row"][0] == 100 and got["turned"][0, 1] == 100
    got["part"][0, 0] = 7
    assert got["base"][0, 1] == 7


def test_paths_and_bytes_are_pytorchs(tmp_path: Any) -> None:
    for library in (torch, rushlight):
        library.save(example(library), tmp_path / f"{library.__name__}.pt")
    theirs, ours = (zipfile.ZipFile(tmp_path / f"{name}.pt") for name in ("torch", "rushlight"))
    names = [n.partition("/")[2] for n in theirs.namelist()]
    assert [n.partition("/")[2] for n in ours.namelist()] == [n for n in names if not n.startswith(".data/")]
    assert ours.namelist()[0] == "rushlight/data.pkl"
    for name in names:
        if name != "data.pkl" and not name.startswith(".data/"):
            assert ours.read(f"rushlight/{name}") == theirs.read(f"torch/{name}"), name
    for member in ours.infolist():
        if "/data/" in member.filename:
            start = member.header_offset + 30 + len(member.filename) + len(member.extra)
            assert start % 64 == 0
    assert described(torch.load(tmp_path / "rushlight.pt", mmap=True)) == described(example(torch))


def test_parameters_and_state_dicts_of_pytorch(tmp_path: Any) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    got = crossed(torch, rushlight, {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    assert list(got["model"]) == list(model.state_dict())
    assert got["model"]._metadata == model.state_dict()._metadata
    for key, value in model.state_dict().items():
        assert got["model"][key].tolist() == value.tolist()
    assert got["optimizer"]["state"][0]["exp_avg"].tolist() == optimizer.state_dict()["state"][0]["exp_avg"].tolist()
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.note = "kept"
    loaded = crossed(torch, rushlight, parameter)
    assert loaded.requires_grad and loaded.tolist() == [1, 1] and loaded.note == "kept"


def test_attributes_stay() -> None:
    t = rushlight.ones(2)
    t.note = [1, 2]
    for reader in (rushlight, torch):
        assert crossed(rushlight, reader, t).note == [1, 2]


def test_mmap(tmp_path: Any) -> None:
    path = tmp_path / "big.pt"
    torch.save(example(torch), path)
    before = path.read_bytes()
    got = rushlight.load(path, mmap=True)
    assert described(got) == described(example(rushlight))
    got["base"].mul_(2)  # in memory only
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        rushlight.load(io.BytesIO(before), mmap=True)
    torch.save(1, path, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        rushlight.load(path, mmap=True)


def located(location: str) -> io.BytesIO:
    """A file whose storage was on another device."""
    file, changed = io.BytesIO(), io.BytesIO()
    torch.save(torch.ones(2), file)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("data.pkl"):
                text = location.encode()
                data = data.replace(b"X\x03\x00\x00\x00cpu", b"X" + struct.pack("<I", len(text)) + text)
            new.writestr(name, data)
    changed.seek(0)
    return changed


def test_map_location() -> None:
    for target in ("cpu", rushlight.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage):
        assert rushlight.load(located("cuda:0"), map_location=target).tolist() == [1, 1]
    for library in (torch, rushlight):
        with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device but"):
            library.load(located("cuda:0"))
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        rushlight.load(located("moon"))


def test_an_interrupted_save_leaves_the_old_file(tmp_path: Any) -> None:
    class Breaks:
        def __reduce__(self) -> Any:
            raise KeyboardInterrupt

    path = tmp_path / "a.pt"
    rushlight.save([1], path)
    os.chmod(path, 0o640)
    with pytest.raises(KeyboardInterrupt):
        rushlight.save([rushlight.ones(10), Breaks()], path)
    assert rushlight.load(path) == [1]
    assert os.listdir(tmp_path) == ["a.pt"]
    rushlight.save([2], path)
    assert rushlight.load(path) == [2]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    os.symlink(path, tmp_path / "link.pt")
    rushlight.save([3], tmp_path / "link.pt")
    assert rushlight.load(path) == [3] and os.path.islink(tmp_path / "link.pt")
    rushlight.save([4], "/dev/null")


def test_what_cannot_be_saved() -> None:
    for library in (torch, rushlight):
        a = library.ones(4)
        with pytest.raises(RuntimeError, match="Cannot save multiple tensors or storages that view the same data"):
            library.save([a, a.view(library.int32)], io.BytesIO())
        with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object"):
            library.save(1, 3)
        with pytest.raises(EOFError):
            library.load(io.BytesIO())


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


def test_safe_globals() -> None:
    for library in (torch, rushlight):
        file = io.BytesIO()
        library.save({"p": Point(3)}, file)
        file.seek(0)
        with pytest.raises(
            pickle.UnpicklingError, match="(?s)Weights only load failed.*Point was not an allowed global"
        ):
            library.load(file)
        with library.serialization.safe_globals([Point]):
            assert Point in library.serialization.get_safe_globals()
            file.seek(0)
            assert library.load(file)["p"].x == 3
        assert Point not in library.serialization.get_safe_globals()
        file.seek(0)
        assert library.load(file, weights_only=False)["p"].x == 3


# --- hostile files ---------------------------------------------------------------------------------------------------


class Runs:
    def __init__(self, function: Any, *args: Any) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> Any:
        return self.function, self.args


def archive(pickled: bytes, compress: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compress) as z:
        z.writestr("archive/data.pkl", pickled)
        for name, data in members.items():
            z.writestr(f"archive/{name.replace('_', '/')}", data)
    return file.getvalue()


def tensor_pickle(key: str = "0", numel: int = 4, size: Any = (4,), stride: Any = (1,), offset: Any = 0) -> bytes:
    """A pickle of one tensor, as a hostile writer would make it."""
    file = io.BytesIO()
    pickler = serialization._Pickler(file, 2)
    name = serialization.Name
    reference = serialization._Reference(("storage", name("torch", "FloatStorage"), key, "cpu", numel))

    class Tensor:
        def __reduce__(self) -> Any:
            args = reference, offset, size, stride, False, collections.OrderedDict()
            return name("torch._utils", "_rebuild_tensor_v2"), args

    pickler.dump(Tensor())
    return file.getvalue()


FOUR = struct.pack("<4f", 1, 2, 3, 4)
BOMB: Any = []
for _ in range(60):
    BOMB = [BOMB] * 10
GLOBAL = b"\x80\x02c"

HOSTILE: dict[str, bytes] = {
    "runs a command": archive(pickle.dumps(Runs(os.system, "touch /tmp/never"), 2)),
    "evaluates": archive(pickle.dumps(Runs(eval, "1+1"), 2)),
    "evaluates, protocol 4": archive(pickle.dumps(Runs(eval, "1+1"), 4)),
    "finds an attribute": archive(pickle.dumps(Runs(getattr, object, "__subclasses__"), 2)),
    "old command": pickle.dumps(Runs(os.system, "touch /tmp/never"), 2),
    "old instruction": archive(b"\x80\x02(S'touch /tmp/never'\nios\nsystem\n."),
    "extension": archive(b"\x80\x02\x82\x01."),
    "builds on a function": archive(GLOBAL + b"torch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aK\x01sb."),
    "builds on a class": archive(GLOBAL + b"torch\nTensor\n}X\x01\x00\x00\x00aK\x01sb."),
    "memory out of a number": archive(GLOBAL + b"__builtin__\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85R."),
    "a tensor out of a number": archive(GLOBAL + b"torch\nTensor\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85R."),
    "a new tensor out of a number": archive(GLOBAL + b"torch\nTensor\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85\x81."),
    "calls a storage type": archive(GLOBAL + b"torch\nFloatStorage\nK\x05\x85R."),
    "far memo": archive(b"\x80\x02j\xff\xff\xff\x7f."),
    "long string": archive(b"\x80\x02X\xff\xff\xff\xffabc."),
    "huge string": archive(b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc."),
    "empty stack": archive(b"\x80\x020."),
    "no mark": archive(b"\x80\x02K\x01t."),
    "stops early": archive(b"\x80\x02]q\x00("),
    "left over": archive(b"\x80\x02K\x01K\x02."),
    "unhashable key": archive(b"\x80\x02}]K\x01s."),
    "foreign id": archive(b"\x80\x02K\x01Q."),
    "traversal": archive(tensor_pickle("../../../etc/passwd"), data_0=FOUR),
    "no such storage": archive(tensor_pickle("7"), data_0=FOUR),
    "storage too short": archive(tensor_pickle(numel=5), data_0=FOUR),
    "storage far too short": archive(tensor_pickle(numel=2**62), data_0=FOUR),
    "negative storage": archive(tensor_pickle(numel=-1), data_0=FOUR),
    "size out of range": archive(tensor_pickle(size=(5,)), data_0=FOUR),
    "offset out of range": archive(tensor_pickle(offset=1), data_0=FOUR),
    "negative offset": archive(tensor_pickle(offset=-1), data_0=FOUR),
    "negative stride": archive(tensor_pickle(stride=(-1,), offset=3), data_0=FOUR),
    "huge stride": archive(tensor_pickle(size=(2,), stride=(2**62,)), data_0=FOUR),
    "huge expanded size": archive(tensor_pickle(size=(2**62, 2**62), stride=(0, 0)), data_0=FOUR),
    "size is text": archive(tensor_pickle(size="4"), data_0=FOUR),
    "strides missing": archive(tensor_pickle(stride=()), data_0=FOUR),
    "too many dimensions": archive(tensor_pickle(size=(1,) * 100, stride=(1,) * 100), data_0=FOUR),
    "zip bomb": archive(b"\x80\x02N.", zipfile.ZIP_DEFLATED, data_0=bytes(10**6)),
    "no pickle": (lambda f: (zipfile.ZipFile(f, "w").writestr("archive/x", b""), f.getvalue())[1])(io.BytesIO()),
    "no zip": b"PK\x03\x04 and nothing else",
    "text": b"hello, this is no checkpoint",
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_files(name: str, tmp_path: Any) -> None:
    path = tmp_path / "hostile.pt"
    path.write_bytes(HOSTILE[name])
    for options in ({}, {"mmap": True}) if HOSTILE[name][:2] == b"PK" else ({},):
        with pytest.raises((pickle.UnpicklingError, RuntimeError, EOFError)) as caught:
            rushlight.load(path, **options)
        assert str(caught.value)
    assert not os.path.exists("/tmp/never")


def test_bombs_of_references_cost_nothing() -> None:
    assert isinstance(rushlight.load(io.BytesIO(archive(pickle.dumps(BOMB, 2)))), list)


def test_truncated_and_damaged_files() -> None:
    for legacy in (False, True):
        file = io.BytesIO()
        torch.save({"a": torch.ones(20), "b": [1, "two"]}, file, _use_new_zipfile_serialization=not legacy)
        whole = file.getvalue()
        for n in range(0, len(whole) - 1, 37):
            with pytest.raises((pickle.UnpicklingError, RuntimeError, EOFError)):
                rushlight.load(io.BytesIO(whole[:n]))
        for i in range(0, len(whole), 29):
            damaged = whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :]
            try:
                rushlight.load(io.BytesIO(damaged))
            except (pickle.UnpicklingError, RuntimeError, EOFError):
                pass
