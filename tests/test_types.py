"""`device`, `layout`, `memory_format`, `finfo`, `iinfo`."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest

import rushlight as rl

# --- device -----------------------------------------------------------------------------------------------------------

DEVICES = [
    (("cpu",), "cpu", None, "device(type='cpu')", "cpu"),
    (("cpu:0",), "cpu", 0, "device(type='cpu', index=0)", "cpu:0"),
    (("cpu", 0), "cpu", 0, "device(type='cpu', index=0)", "cpu:0"),
    (("cuda:1",), "cuda", 1, "device(type='cuda', index=1)", "cuda:1"),
    (("cuda", 12), "cuda", 12, "device(type='cuda', index=12)", "cuda:12"),
    (("cuda", None), "cuda", None, "device(type='cuda')", "cuda"),
    (("meta",), "meta", None, "device(type='meta')", "meta"),
    (("privateuseone:0",), "privateuseone", 0, "device(type='privateuseone', index=0)", "privateuseone:0"),
]


@pytest.mark.parametrize(("args", "kind", "index", "text", "short"), DEVICES)
def test_device(args, kind, index, text, short):
    d = rl.device(*args)
    assert d.type == kind
    assert d.index == index
    assert repr(d) == text
    assert str(d) == short
    assert d == rl.device(d) == rl.device(short)
    assert hash(d) == hash(rl.device(short))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(d, protocol)) == d
    assert copy.copy(d) == copy.deepcopy(d) == d


def test_device_keywords():
    assert rl.device(type="cuda", index=2) == rl.device("cuda:2")
    assert rl.device("cuda", index=2) == rl.device("cuda:2")
    assert rl.device(device="cuda:2") == rl.device("cuda:2")


def test_devices_differ():
    different = [rl.device("cpu"), rl.device("cpu:0"), rl.device("cuda"), rl.device("cuda:0"), rl.device("cuda:1")]
    assert len(set(different)) == len(different)
    assert rl.device("cpu") != "cpu"


KINDS = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, "
    "privateuseone"
)
BAD_DEVICES = [
    (("foo",), RuntimeError, f"Expected one of {KINDS} device type at start of device string: foo"),
    (("foo:1",), RuntimeError, f"Expected one of {KINDS} device type at start of device string: foo"),
    (("CPU",), RuntimeError, f"Expected one of {KINDS} device type at start of device string: CPU"),
    (("",), RuntimeError, "Device string must not be empty"),
    (("cuda:",), RuntimeError, "Invalid device string: 'cuda:'"),
    (("cuda:01",), RuntimeError, "Invalid device string: 'cuda:01'"),
    (("cuda:-1",), RuntimeError, "Invalid device string: 'cuda:-1'"),
    (("cuda:1:2",), RuntimeError, "Invalid device string: 'cuda:1:2'"),
    ((" cpu",), RuntimeError, "Invalid device string: ' cpu'"),
    (("cpu1",), RuntimeError, "Invalid device string: 'cpu1'"),
    (("cpu\x00",), RuntimeError, "Invalid device string: 'cpu\x00'"),
    (("cuda:\u0663",), RuntimeError, "Invalid device string: 'cuda:\u0663'"),
    (("cpu", -1), RuntimeError, "Device index must not be negative"),
    (("cpu:0", 0), RuntimeError, "type (string) must not include an index because index was passed explicitly: cpu:0"),
    (("cpu", 1.5), TypeError, "device(): argument 'index' (position 2) must be int, not float"),
    ((0,), RuntimeError, "Cannot access accelerator device when none is available."),
    (
        (1.5,),
        TypeError,
        (
            "device() received an invalid combination of arguments - got (float), but expected one of:\n"
            " * (torch.device device)\n"
            "      didn't match because some of the arguments have invalid types: (!float!)\n"
            " * (str type, int index = -1)\n"
        ),
    ),
    (
        (),
        TypeError,
        (
            "device() received an invalid combination of arguments - got (), but expected one of:\n"
            " * (torch.device device)\n"
            " * (str type, int index = -1)\n"
        ),
    ),
]


@pytest.mark.parametrize(("args", "error", "text"), BAD_DEVICES)
def test_bad_device(args, error, text):
    with pytest.raises(error) as caught:
        rl.device(*args)
    assert str(caught.value) == text


@pytest.mark.parametrize("args", [a for a, _, _ in BAD_DEVICES if a != ("cpu\x00",)])
def test_bad_device_as_in_pytorch(args):
    torch = pytest.importorskip("torch")
    errors = []
    for library in (torch, rl):
        with pytest.raises((RuntimeError, TypeError)) as caught:
            library.device(*args)
        errors.append((caught.type, str(caught.value)))
    if args == ("cuda:\u0663",):  # PyTorch names the bytes differently
        return
    assert errors[0] == errors[1]


def test_device_cannot_be_changed_or_inherited_from():
    d = rl.device("cpu")
    with pytest.raises(AttributeError, match=r"attribute 'type' of 'torch\.device' objects is not writable"):
        d.type = "cuda"
    with pytest.raises(AttributeError, match=r"'torch\.device' object has no attribute 'speed'"):
        d.speed = 1
    with pytest.raises(TypeError, match=r"type 'torch\.device' is not an acceptable base type"):
        type("Other", (rl.device,), {})


def test_device_as_context():
    with rl.device("cpu") as d:
        assert d == rl.device("cpu")
        assert rl.ones(1).device == d
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"), rl.device("cuda"):
        pass
    assert rl.device("cpu")(lambda x: x + 1)(1) == 2


def test_tensors_lie_on_the_cpu():
    x = rl.ones(2)
    assert x.device == rl.device("cpu")
    assert x.layout is rl.strided
    assert x.is_cpu
    assert not x.is_cuda
    assert x.get_device() == -1
    assert x.cpu() is x
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        x.cuda()


# --- layout and memory format -----------------------------------------------------------------------------------------

CONSTANTS = [
    ("strided", "layout"),
    ("contiguous_format", "memory_format"),
    ("preserve_format", "memory_format"),
    ("channels_last", "memory_format"),
    ("channels_last_3d", "memory_format"),
]


@pytest.mark.parametrize(("name", "kind"), CONSTANTS)
def test_constants(name, kind):
    value = getattr(rl, name)
    assert type(value) is getattr(rl, kind)
    assert repr(value) == str(value) == f"torch.{name}"
    assert copy.copy(value) is copy.deepcopy(value) is value
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(value, protocol)) is value
    assert value == getattr(rl, name)
    assert {value: 1}[value] == 1
    with pytest.raises(TypeError, match=rf"cannot create 'torch\.{kind}' instances"):
        type(value)()
    with pytest.raises(AttributeError):
        value.other = 1


def test_memory_formats_differ():
    formats = [rl.contiguous_format, rl.preserve_format, rl.channels_last, rl.channels_last_3d]
    assert len(set(formats)) == 4


# --- numeric limits ---------------------------------------------------------------------------------------------------

FINFO = {
    "float16": "finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, smallest_normal=6.10352e-05, "
    "tiny=6.10352e-05, dtype=float16)",
    "bfloat16": "finfo(resolution=0.01, min=-3.38953e+38, max=3.38953e+38, eps=0.0078125, "
    "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=bfloat16)",
    "float32": "finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, "
    "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=float32)",
    "float64": "finfo(resolution=1e-15, min=-1.79769e+308, max=1.79769e+308, eps=2.22045e-16, "
    "smallest_normal=2.22507e-308, tiny=2.22507e-308, dtype=float64)",
}
FINFO["complex64"], FINFO["complex128"] = FINFO["float32"], FINFO["float64"]
IINFO = {
    "uint8": "iinfo(min=0, max=255, dtype=uint8)",
    "int8": "iinfo(min=-128, max=127, dtype=int8)",
    "int16": "iinfo(min=-32768, max=32767, dtype=int16)",
    "int32": "iinfo(min=-2.14748e+09, max=2.14748e+09, dtype=int32)",
    "int64": "iinfo(min=-9.22337e+18, max=9.22337e+18, dtype=int64)",
}


@pytest.mark.parametrize("name", FINFO)
def test_finfo(name):
    f = rl.finfo(getattr(rl, name))
    assert repr(f) == str(f) == FINFO[name]
    part = {"complex64": "float32", "complex128": "float64"}.get(name, name)
    assert f.dtype == part
    assert f.min == -f.max
    assert f.tiny == f.smallest_normal
    if part != "bfloat16":
        numpy = pytest.importorskip("numpy")
        n = numpy.finfo(part)
        assert (f.bits, f.eps, f.max, f.tiny) == (n.bits, n.eps, n.max, n.tiny)


@pytest.mark.parametrize("name", IINFO)
def test_iinfo(name):
    i = rl.iinfo(getattr(rl, name))
    assert repr(i) == IINFO[name]
    numpy = pytest.importorskip("numpy")
    n = numpy.iinfo(name)
    assert (i.bits, i.max, i.min, i.dtype) == (n.bits, n.max, n.min, name)


@pytest.mark.parametrize("name", [*FINFO, *IINFO])
def test_limits_as_in_pytorch(name):
    torch = pytest.importorskip("torch")
    infos = [(m.finfo if name in FINFO else m.iinfo)(getattr(m, name)) for m in (torch, rl)]
    for attribute in dir(infos[0]):
        if not attribute.startswith("_"):
            values = [getattr(i, attribute) for i in infos]
            assert values[0] == values[1], attribute
            assert type(values[0]) is type(values[1]), attribute
    assert repr(infos[0]) == repr(infos[1])


def test_limits_of_the_default_dtype():
    assert rl.finfo() == rl.finfo(rl.float32) == rl.finfo(rl.complex64)
    assert rl.finfo(rl.float64) != rl.finfo(rl.float32)
    try:
        rl.set_default_dtype(rl.float64)
        assert rl.finfo().bits == 64
    finally:
        rl.set_default_dtype(rl.float32)


BAD_LIMITS = [
    (
        lambda m: m.finfo(m.int32),
        "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'",
    ),
    (lambda m: m.finfo("float32"), "finfo(): argument 'type' (position 1) must be torch.dtype, not str"),
    (lambda m: m.finfo(None), "finfo(): argument 'type' (position 1) must be torch.dtype, not NoneType"),
    (lambda m: m.iinfo(), 'iinfo() missing 1 required positional arguments: "type"'),
    (lambda m: m.iinfo(m.bool), "torch.bool is not supported by torch.iinfo"),
    (
        lambda m: m.iinfo(m.float32),
        "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'",
    ),
]


@pytest.mark.parametrize(("function", "text"), BAD_LIMITS)
def test_bad_limits(function, text):
    with pytest.raises(TypeError) as caught:
        function(rl)
    assert str(caught.value) == text


def test_limits_are_read_only_values():
    f = rl.finfo(rl.float32)
    with pytest.raises(AttributeError, match=r"attribute 'max' of 'torch\.finfo' objects is not writable"):
        f.max = 1
    with pytest.raises(TypeError, match="unhashable type"):
        hash(f)
    with pytest.raises(TypeError, match=r"cannot pickle 'torch\.finfo' object"):
        pickle.dumps(f)
    assert f != rl.iinfo(rl.int8)
    assert f != 1


def test_module_is_light():
    """Importing it pulls in nothing: it stands on the path of `import rushlight`."""
    code = (
        "import sys, importlib.util as u; before = set(sys.modules)\n"
        f"spec = u.spec_from_file_location('light', {rl._types.__file__!r})\n"
        "spec.loader.exec_module(u.module_from_spec(spec))\n"
        "new = set(sys.modules) - before; assert new <= {'__future__'}, new\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
