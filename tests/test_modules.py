"""Modules against PyTorch's own samples for them (`module_db`), and what Module does around a call."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")
from torch.testing._internal.common_modules import module_db  # noqa: E402

INFOS = [info for info in module_db if info.module_cls.__name__ in rl.nn.modules.__all__]


def ours(value):
    """The sample with rushlight's tensors in the place of PyTorch's."""
    if isinstance(value, torch.Tensor):
        return rl.tensor(value.detach().numpy().copy()).requires_grad_(value.requires_grad)
    if isinstance(value, torch.dtype):
        return getattr(rl, str(value).removeprefix("torch."))
    if isinstance(value, (list, tuple)):
        return type(value)(ours(v) for v in value)
    if isinstance(value, dict):
        return {k: ours(v) for k, v in value.items()}
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        attention, linear = value.self_attn, value.linear1
        layer = rl.nn.TransformerEncoderLayer(
            attention.embed_dim, attention.num_heads, linear.out_features, value.dropout.p, ours(value.activation), value.norm1.eps, batch_first=attention.batch_first,
            norm_first=value.norm_first, bias=linear.bias is not None, dtype=ours(linear.weight.dtype),
        )  # fmt: skip
        layer.load_state_dict({name: ours(v) for name, v in value.state_dict().items()})
        return layer
    if callable(value) and getattr(torch.nn.functional, getattr(value, "__name__", ""), None) is value:
        return getattr(rl.nn.functional, value.__name__)
    return value


def fresh(value):
    """The sample with leaves in the place of its tensors."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, (list, tuple)):
        return type(value)(fresh(v) for v in value)
    return {k: fresh(v) for k, v in value.items()} if isinstance(value, dict) else value


def close(a, b, what, times=1):
    """Same shape and dtype, same numbers within `times` what PyTorch's tests allow."""
    if b is None:
        assert a is None, what
        return
    if isinstance(b, (list, tuple)):
        for x, y in zip(a, b, strict=True):
            close(x, y, what, times)
        return
    assert str(a.dtype) == str(b.dtype), what
    if isinstance(b, (torch.nn.UninitializedParameter, torch.nn.UninitializedBuffer)):
        assert type(a).__name__ == type(b).__name__
        return
    assert tuple(a.shape) == tuple(b.shape), what
    rtol, atol = (1.3e-6 * times, 1e-5 * times) if b.dtype == torch.float32 else (1e-7, 1e-7)
    expected = b.detach().numpy()
    # What a sum loses goes with its terms.
    atol = max(atol, rtol * np.abs(expected, where=np.isfinite(expected), out=np.zeros_like(expected)).max(initial=0))
    np.testing.assert_allclose(a.detach().numpy(), expected, rtol, atol, err_msg=what)


def compared(info, dtype, training):
    """For each sample of the database nothing, or how it differs."""
    samples = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
    for i, sample in enumerate(samples):
        try:
            compare_sample(info, dtype, training, i, sample)
            yield None
        except AssertionError as error:
            yield error


def compare_sample(info, dtype, training, i, sample):
    what = f"{info.name} sample {i}"
    # Rounding adds up over a dozen layers.
    times = 5 if "Transformer" in info.name else 1
    made = []
    for lib in (rl, torch):
        convert = ours if lib is rl else lambda v: v
        args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
        lib.manual_seed(i)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = getattr(lib.nn, info.module_cls.__name__)(*convert(args), **convert(kwargs))
        made.append(module.to(convert(dtype)).train(training))
    a, b = made
    assert repr(a) == repr(b)
    assert list(a.state_dict()) == list(b.state_dict())
    for key, value in b.state_dict().items():
        close(a.state_dict()[key], value, f"{what}: {key}")
    if sample.forward_input is None:
        return
    args, kwargs = sample.forward_input.args, sample.forward_input.kwargs
    args, kwargs = fresh(args), fresh(kwargs)
    my_args, my_kwargs = ours(args), ours(kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rl.manual_seed(1)
        out = a(*my_args, **my_kwargs)
        torch.manual_seed(1)
        expected = b(*args, **kwargs)
    close(out, expected, what, times)
    if isinstance(expected, torch.Tensor) and expected.requires_grad:
        weights = torch.arange(expected.numel(), dtype=torch.float64).cos().to(expected.dtype).reshape(expected.shape)
        expected.backward(weights)
        out.backward(ours(weights))
        for x, y in zip(my_args, args, strict=True):
            if isinstance(y, torch.Tensor):
                close(x.grad, y.grad, f"{what}: gradient of an input", times)
        for (name, p), q in zip(a.named_parameters(), b.parameters(), strict=True):
            close(p.grad, q.grad, f"{what}: gradient of {name}", times)


@pytest.mark.parametrize("info", INFOS, ids=lambda info: info.name)
def test_agrees_with_pytorch(info, record_property):
    found = [
        error
        for dtype in (torch.float32, torch.float64)
        for training in ((True, False) if info.train_and_eval_differ else (True,))
        for error in compared(info, dtype, training)
    ]
    wrong = [error for error in found if error is not None]
    record_property("samples", ("module_db", info.name, len(found) - len(wrong), len(found)))
    if wrong:
        raise wrong[0]


def test_modules_without_samples_are_missing():
    """What of module_db is not compared does not exist here."""
    compared_here = {info.module_cls.__name__ for info in INFOS}
    others = {info.module_cls.__name__ for info in module_db} - compared_here
    assert sorted(name for name in others if hasattr(rl.nn, name)) == []


def both(function):
    """What the function gives, or the error, for rushlight and PyTorch."""
    found = []
    for lib in (rl, torch):
        lib.manual_seed(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(function(lib))
        except Exception as error:
            found.append((type(error).__name__, str(error)))
    assert found[0] == found[1]
    return found[0]


def net(lib):
    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = lib.nn.Linear(2, 3)
            self.rest = lib.nn.Sequential(lib.nn.ReLU(), lib.nn.Linear(3, 1, bias=False))
            self.register_buffer("mean", lib.zeros(2))
            self.register_buffer("scratch", lib.zeros(1), persistent=False)

        def forward(self, x, scale=1):
            return self.rest(self.first(x - self.mean)) * scale

    return Net()


@pytest.mark.parametrize(
    "act",
    [
        lambda lib: repr(net(lib)),
        lambda lib: [n for n, _ in net(lib).named_modules()],
        lambda lib: [n for n, _ in net(lib).named_parameters()] + [n for n, _ in net(lib).named_buffers()],
        lambda lib: list(net(lib).state_dict(prefix="a.")),
        lambda lib: {k: dict(v) for k, v in net(lib).state_dict()._metadata.items()},
        lambda lib: net(lib).load_state_dict({"first.weight": lib.zeros(2, 2), "extra": lib.zeros(1)}),
        lambda lib: repr(net(lib).load_state_dict({"mean": lib.ones(2), "x.y": lib.ones(1)}, strict=False)),
        lambda lib: repr(net(lib).load_state_dict(net(lib).state_dict())),
        lambda lib: net(lib).load_state_dict([]),
        lambda lib: setattr(net(lib), "first", 3),
        lambda lib: setattr(net(lib).first, "weight", lib.zeros(1)),
        lambda lib: setattr(net(lib), "mean", 3),
        lambda lib: net(lib).register_buffer("first", None),
        lambda lib: net(lib).register_buffer("a.b", None),
        lambda lib: net(lib).register_parameter("", None),
        lambda lib: net(lib).register_parameter("w", lib.zeros(1)),
        lambda lib: net(lib).add_module("forward", None),
        lambda lib: net(lib).add_module("x", 3),
        lambda lib: net(lib).get_submodule("rest.1").in_features,
        lambda lib: net(lib).get_submodule("rest.7"),
        lambda lib: net(lib).get_parameter("mean"),
        lambda lib: net(lib).get_buffer("first.weight"),
        lambda lib: net(lib).missing,
        lambda lib: net(lib).to(lib.int32),
        lambda lib: net(lib).train(3),
        lambda lib: lib.nn.Module()(1),
        lambda lib: lib.nn.Module(3),
        lambda lib: lib.nn.Module(a=3),
        lambda lib: str(net(lib).half().first.bias.dtype),
        lambda lib: str(lib.nn.Parameter(lib.ones(2, 2))),
        lambda lib: repr(lib.nn.ModuleList([lib.nn.Linear(1, 2), lib.nn.Linear(1, 2), lib.nn.ReLU()])),
        lambda lib: repr(lib.nn.ModuleDict({"a": lib.nn.Tanh()})),
        lambda lib: repr(lib.nn.ParameterList([lib.ones(2), lib.ones(1, 2)])),
        lambda lib: repr(lib.nn.ParameterDict({"a": lib.ones(2)})),
        lambda lib: repr(lib.nn.Sequential(lib.nn.Tanh(), lib.nn.ReLU(), lib.nn.Tanh())[1:]),
        lambda lib: lib.nn.Sequential(lib.nn.Tanh())[3],
        lambda lib: lib.nn.Dropout(2),
    ],
)
def test_same_result_or_error(act):
    both(act)


def test_a_parameter_is_a_tensor_and_its_results_are_plain():
    p = rl.nn.Parameter(rl.ones(2))
    assert isinstance(p, rl.Tensor) and isinstance(p, rl.nn.Parameter) and p.requires_grad and p.is_leaf
    for result in (p + 1, 1 - p, p.sum(), p.detach(), p.data, p[0], p.view(1, 2), rl.exp(p), rl.stack([p, p])):
        assert type(result) is rl.Tensor
    (p * p).sum().backward()
    assert p.grad.tolist() == [2, 2] and type(p.grad) is rl.Tensor
    for twin in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(twin) is rl.nn.Parameter and twin.tolist() == [1, 1] and twin.requires_grad


def test_copies_and_pickles_are_whole():
    model = rl.nn.Sequential(rl.nn.Linear(2, 3), rl.nn.ReLU(), rl.nn.Linear(3, 1))
    model[2].weight = rl.nn.Parameter(model[0].weight.detach().T.reshape(2, 3))
    model.tied = model[0]
    x = rl.randn(4, 2)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.tied is twin[0] and twin[0].weight is not model[0].weight
        assert rl.equal(twin[0](x), model[0](x)) and len(list(twin.parameters())) == 4


def test_hooks_see_what_pytorch_shows_them():
    def record(lib):
        model, seen = net(lib), []

        def show(v):
            return [show(i) for i in v] if isinstance(v, tuple) else None if v is None else round(float(v.sum()), 4)

        model.register_forward_pre_hook(lambda m, args: seen.append(("pre", show(args))) or (args[0] * 2,))
        model.register_forward_pre_hook(lambda m, a, k: (a, {"scale": 3}), with_kwargs=True, prepend=True)
        model.register_forward_hook(lambda m, a, k, out: seen.append((k, show(out))) or out + 1, with_kwargs=True)
        model.rest.register_full_backward_pre_hook(lambda m, g: seen.append(("back", show(g))) or (g[0] * 2,))
        model.rest.register_full_backward_hook(lambda m, gi, go: seen.append(("full", show(gi), show(go))))
        handle = model.rest[0].register_full_backward_hook(lambda m, gi, go: (gi[0] * 0.5,))
        x = lib.ones(1, 2, requires_grad=True)
        for _ in range(2):
            out = model(x)
            out.sum().backward()
            seen.append((show(out), show(x.grad), show(model.first.weight.grad)))
            handle.remove()
        model.forward = lambda *a, **k: 1 / 0
        model.register_forward_hook(lambda m, a, out: seen.append("always"), always_call=True)
        with pytest.raises(ZeroDivisionError):
            model(x)
        return seen

    assert len(both(record)) > 8


def test_global_hooks_and_state_dict_hooks():
    def record(lib):
        module, seen = lib.nn.modules.module, []
        handles = [
            module.register_module_forward_pre_hook(lambda m, a: seen.append("pre " + type(m).__name__)),
            module.register_module_forward_hook(lambda m, a, out: seen.append("after " + type(m).__name__)),
            module.register_module_parameter_registration_hook(lambda m, name, p: seen.append("new " + name)),
        ]
        try:
            model = net(lib)
            model(lib.ones(1, 2))
        finally:
            for handle in handles:
                handle.remove()
        model(lib.ones(1, 2))
        model.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("saving", prefix, keep)))
        model.register_state_dict_post_hook(lambda m, state, prefix, meta: seen.append(sorted(state)))
        model.register_load_state_dict_pre_hook(lambda m, state, *rest: seen.append(("loading", *rest)))
        model.register_load_state_dict_post_hook(lambda m, keys: seen.append(list(keys.missing_keys)))
        state = model.state_dict()
        del state["mean"]
        model.load_state_dict(state, strict=False)
        return str(seen)

    both(record)


def test_extra_state_and_assign():
    class Counting(rl.nn.Module):
        count = 3

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    m = Counting()
    m.w = rl.nn.Parameter(rl.ones(1))
    state = m.state_dict()
    assert list(state) == ["w", "_extra_state"]
    new = Counting()
    new.count, new.w = 0, rl.nn.Parameter(rl.zeros(1))
    new.load_state_dict(state, assign=True)
    assert new.count == 3 and new.w.data_ptr() == m.w.data_ptr() and isinstance(new.w, rl.nn.Parameter)


@pytest.mark.parametrize(
    "call",
    ["uniform_(t)", "normal_(t, 1, 2)", "trunc_normal_(t)", "trunc_normal_(t, 0, 1, 1, 3)", "xavier_uniform_(t, 2)", "xavier_normal_(t)", "kaiming_uniform_(t)",
     "kaiming_normal_(t, mode='fan_out', nonlinearity='relu')", "orthogonal_(t)", "sparse_(t, 0.3)", "eye_(t)", "ones_(t)",
     "calculate_gain('tanh')", "calculate_gain('x')", "dirac_(t)"],
)  # fmt: skip
def test_initial_values(call):
    for shape in ((5, 3), (3, 7), (4, 2, 3), (2,)):

        def act(lib):
            t = lib.zeros(shape)
            out = eval(call, {**vars(lib.nn.init), "t": t})
            return out if isinstance(out, float) else [round(v, 5) + 0.0 for v in out.flatten().tolist()]

        both(act)


def test_clipping_vectors_and_packed_sequences():
    def act(lib):
        utils = lib.nn.utils
        model = net(lib)
        model(lib.ones(3, 2)).sum().backward()
        total = utils.clip_grad_norm_(model.parameters(), 0.5)
        utils.clip_grad_value_(model.parameters(), 0.1)
        vector = utils.parameters_to_vector(model.parameters())
        utils.vector_to_parameters(vector * 2, model.parameters())
        seqs = [lib.ones(n, 2) * n for n in (2, 4, 1)]
        packed = utils.rnn.pack_sequence(seqs, enforce_sorted=False)
        padded, lengths = utils.rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1)
        numbers = [p.grad for p in model.parameters()] + [total, vector, *model.parameters(), *packed, padded, lengths]
        numbers += utils.rnn.unpack_sequence(packed) + [utils.rnn.pad_sequence(seqs, padding_side="left")]
        return [[round(float(v), 4) for v in t.flatten()] for t in numbers]

    both(act)


def shapes_of_lazy(lib, name, args, kwargs, shape, other):
    """What a lazy layer is before and after it has seen its first input, and what it refuses."""
    lib.manual_seed(0)
    make = getattr(lib.nn, "Lazy" + name)
    lazy = make(*args, **kwargs)
    seen = [
        repr(lazy),
        lazy.has_uninitialized_params(),
        [type(p).__name__ for p in lazy.parameters()],
        list(lazy.state_dict()),
    ]
    x = lib.linspace(-1, 1, torch.Size(shape).numel()).reshape(shape)
    seen += [lazy(x).sum().item(), repr(lazy), type(lazy).__name__, [p.flatten().tolist() for p in lazy.parameters()]]
    twin = make(*args, **kwargs)
    seen += [
        str(twin.load_state_dict(lazy.state_dict())),
        [list(p.shape) for p in twin.parameters()],
        type(twin).__name__,
    ]
    again = make(*args, **kwargs)
    again.load_state_dict(make(*args, **kwargs).state_dict())
    seen.append([type(p).__name__ for p in again.parameters()])
    for attempt in (
        lambda: twin(x).sum().item(),
        lambda: make(*args, **kwargs)(x.flatten()[0]),
        lambda: lazy.load_state_dict(make(*args, **kwargs).state_dict()),
        lambda: make(*args, **kwargs).weight.shape,
        lambda: make(*args, **kwargs)(x[other]),
    ):
        try:
            found = attempt()
            seen.append(found if isinstance(found, float) else None)
        except Exception as error:
            seen += [type(error).__name__, str(error)]
    return seen


LAZY = [
    ("Linear", (3,), {}, (4, 5), 0),
    ("Linear", (3,), {"bias": False}, (4, 5), 0),
    ("Conv1d", (4, 3), {"padding": "same"}, (2, 4, 7), 0),
    ("Conv2d", (4, 3), {"stride": 2, "groups": 2}, (2, 4, 7, 7), 0),
    ("Conv3d", (2, (1, 2, 3)), {"bias": False}, (1, 2, 3, 4, 5), 0),
    ("ConvTranspose1d", (4, 3), {"output_padding": 1, "stride": 2}, (2, 4, 7), 0),
    ("ConvTranspose2d", (4, 3), {"groups": 2, "bias": False}, (2, 4, 5, 5), 0),
    ("BatchNorm1d", (), {}, (2, 4, 7), 0),
    ("BatchNorm2d", (), {"affine": False}, (2, 4, 3, 3), 0),
    ("BatchNorm3d", (), {"bias": False, "momentum": None}, (2, 4, 2, 3, 3), 0),
    ("InstanceNorm1d", (), {}, (2, 4, 7), 0),
    ("InstanceNorm2d", (), {"track_running_stats": False}, (2, 4, 3, 3), 0),
    ("InstanceNorm3d", (), {}, (2, 4, 2, 3, 3), 0),
    ("ConvTranspose3d", (2, 2), {}, (1, 2, 3, 3, 3), 0),
]


@pytest.mark.parametrize("case", LAZY, ids=lambda case: case[0])
def test_lazy_layers(case):
    from both import compare

    ours, theirs = (shapes_of_lazy(lib, *case) for lib in (rl, torch))
    compare(ours, theirs, 1e-4)


CONV = {
    "groups": lambda nn, x: nn.Conv2d(4, 6, 3, groups=3),
    "groups out": lambda nn, x: nn.Conv2d(4, 6, 3, groups=4),
    "no groups": lambda nn, x: nn.Conv2d(4, 6, 3, groups=0),
    "same strided": lambda nn, x: nn.Conv2d(4, 6, 3, stride=2, padding="same"),
    "transposed mode": lambda nn, x: nn.ConvTranspose2d(4, 6, 3, padding_mode="circular"),
    "transposed size": lambda nn, x: nn.ConvTranspose2d(4, 6, 3)(x, output_size=[5]),
    "transposed range": lambda nn, x: nn.ConvTranspose2d(4, 6, 3, stride=2)(x, output_size=[15, 15]),
    "chosen": lambda nn, x: nn.ConvTranspose2d(4, 6, 3, stride=2)(x, output_size=[10, 9]),
    "chosen whole": lambda nn, x: nn.ConvTranspose2d(4, 6, 3, stride=2)(x, output_size=[1, 6, 10, 10]),
    "same": lambda nn, x: nn.Conv2d(4, 2, (2, 4), padding="same"),
    "dimensions": lambda nn, x: nn.Conv2d(4, 6, 3)(x[0, 0]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize(
    "make", [lambda nn: nn.Linear(0, 3), lambda nn: nn.Conv1d(0, 3, 1), lambda nn: nn.Conv2d(2, 3, 0)]
)
def test_biases_without_weights_begin_as_zeros(make):
    def scenario(lib):
        lib.manual_seed(3)
        return make(lib.nn).bias.tolist(), lib.rand(3).tolist()

    both(scenario)


@pytest.mark.parametrize("name", CONV)
def test_convolutions_say_what_pytorch_says(name):
    def scenario(lib):
        found = CONV[name](lib.nn, lib.ones(1, 4, 4, 4))
        return repr(found) if isinstance(found, lib.nn.Module) else list(found.shape)

    both(scenario)
