"""The base of all optimisers: parameter groups, state, hooks; and of those that treat each element alone."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any, TypeAlias, cast

from .. import _core
from .._core import Tensor, enable_grad, set_grad_enabled
from ..utils.hooks import RemovableHandle, add_hook

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

ParamsT: TypeAlias = Iterable[Any]

_global_optimizer_pre_hooks: OrderedDict[int, Any] = OrderedDict()
_global_optimizer_post_hooks: OrderedDict[int, Any] = OrderedDict()


class _Required:
    """Stands for an option without a default."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def _type_name(value: Any) -> str:
    if isinstance(value, Tensor):
        return str(value.type())
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _use_grad_for_differentiable(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step that records if, and only if, the optimiser is to be differentiated through."""

    @functools.wraps(step)
    def recorded(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = _core.is_grad_enabled()
        set_grad_enabled(self.defaults["differentiable"])
        try:
            return step(self, *args, **kwargs)
        finally:
            set_grad_enabled(before)

    return recorded


def _to_scalar(value: Any) -> Any:
    """A tensor of one element without dimensions; anything else as it is."""
    return value.squeeze() if isinstance(value, Tensor) and value.ndim != 0 else value


def _get_scalar_dtype(is_fused: bool | None = None) -> Any:
    """The dtype that steps are counted in."""
    if is_fused or _core.get_default_dtype() != _core.float64:
        return _core.float32
    return _core.float64


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(optimizer, args, kwargs)` before every step of every optimiser; it may give new (args, kwargs)."""
    return add_hook(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(optimizer, args, kwargs)` after every step of every optimiser."""
    return add_hook(_global_optimizer_post_hooks, hook)


class Optimizer:
    """What all optimisers have in common.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with an entry "params" of these and options of their own
            (parameter groups).
        defaults: the options, for groups that do not have their own.
    """

    _HOOKS = (
        "_optimizer_step_pre_hooks",
        "_optimizer_step_post_hooks",
        "_optimizer_state_dict_pre_hooks",
        "_optimizer_state_dict_post_hooks",
        "_optimizer_load_state_dict_pre_hooks",
        "_optimizer_load_state_dict_post_hooks",
    )
    _optimizer_step_pre_hooks: OrderedDict[int, Any]
    _optimizer_step_post_hooks: OrderedDict[int, Any]
    _optimizer_state_dict_pre_hooks: OrderedDict[int, Any]
    _optimizer_state_dict_post_hooks: OrderedDict[int, Any]
    _optimizer_load_state_dict_pre_hooks: OrderedDict[int, Any]
    _optimizer_load_state_dict_post_hooks: OrderedDict[int, Any]

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        for name in self._HOOKS:
            setattr(self, name, OrderedDict())
        self._patch_step_function()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + _type_name(params)
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in self._HOOKS:
            if name not in self.__dict__:
                setattr(self, name, OrderedDict())
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    # --- the step and its hooks

    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """The step with the hooks around it."""

        @functools.wraps(func)
        def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
            if not (
                _global_optimizer_pre_hooks
                or _global_optimizer_post_hooks
                or self._optimizer_step_pre_hooks
                or self._optimizer_step_post_hooks
            ):
                return func(self, *args, **kwargs)
            # The hooks see the optimiser among the arguments, and so may what they give back.
            given: tuple[Any, ...] = (self, *args)
            for hook in [*_global_optimizer_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()]:
                result = hook(self, given, kwargs)
                if result is None:
                    continue
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(
                        f"{func} must return None or a tuple of (new_args, new_kwargs), but got {result}."
                    )
                given, kwargs = result
            out = func(*given, **kwargs)
            for hook in [*self._optimizer_step_post_hooks.values(), *_global_optimizer_post_hooks.values()]:
                hook(self, given, kwargs)
            return out

        return hooked

    def _patch_step_function(self) -> None:
        cls: Any = type(self)
        if not getattr(cls.step, "hooked", None):
            cls.step = self.profile_hook_step(cls.step)
            cls.step.hooked = True

    def step(self, closure: Any = None) -> Any:
        """One step. `closure` computes the loss again and gives it."""
        raise NotImplementedError

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` before every step; it may give new (args, kwargs)."""
        return add_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` after every step."""
        return add_hook(self._optimizer_step_post_hooks, hook)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Takes the gradients of all parameters away, or makes them zero."""
        if set_to_none:
            for group in self.param_groups:
                _core._clear_grads(group["params"])
            return
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    if p.grad.grad_fn is not None:
                        p.grad.detach_()
                    else:
                        p.grad.requires_grad_(False)
                    p.grad.zero_()

    # --- groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a parameter group: a dict with "params" and, where they differ from the defaults, options."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        given = [given] if isinstance(given, Tensor) else list(given)
        names = [p[0] for p in given if isinstance(p, tuple)]
        params = param_group["params"] = [p[1] if isinstance(p, tuple) else p for p in given]
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + _type_name(p))
            if not self.defaults.get("differentiable", None) and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        known: set[Any] = set()
        for group in self.param_groups:
            known.update(group["params"])
            if ("param_names" in param_group) != ("param_names" in group):
                which = "with names" if "param_names" in param_group else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {which} to the optimizer"
                )
        if not known.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # --- state dicts

    def state_dict(self) -> dict[str, Any]:
        """The state as plain dicts: "state" by the number of the parameter, "param_groups" with numbers as "params"."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        start = 0
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for i, p in enumerate(group["params"], start):
                numbers.setdefault(id(p), i)
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            start += len(packed["params"])
            groups.append(packed)
        state = {(numbers[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave: copies of its groups, and its state in the dtypes of the parameters."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        groups = self.param_groups
        saved = deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(own["params"]) != len(new["params"]) for own, new in zip(groups, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        params = dict(
            zip(
                chain.from_iterable(group["params"] for group in saved),
                chain.from_iterable(group["params"] for group in groups),
                strict=True,
            )
        )
        saved_groups = state_dict["param_groups"]

        def fitted(param: Tensor, value: Any, number: Any, key: Any = None) -> Any:
            if isinstance(value, Tensor):
                return self._process_value_according_to_param_policy(param, value, number, saved_groups, key)
            if isinstance(value, dict):
                return {k: fitted(param, v, number, k) for k, v in value.items()}
            if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
                return cast(Any, type(value))(fitted(param, v, number) for v in value)
            return value

        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in params:
                state[params[key]] = fitted(params[key], value, key)
            else:
                state[key] = value
        for own, new in zip(groups, saved, strict=True):
            new["params"] = own["params"]
            if "param_names" in own:
                new.setdefault("param_names", own["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    @staticmethod
    def _process_value_according_to_param_policy(
        param: Tensor, value: Tensor, param_id: Any, param_groups: list[dict[str, Any]], key: Any = None
    ) -> Tensor:
        if key == "step":
            # Counters keep their dtype, but where a fused step asks for its own.
            group = next((g for g in param_groups if param_id in g["params"]), {})
            return value.to(_core.float32) if group.get("capturable") or group.get("fused") else value
        return value.to(param.dtype) if param.is_floating_point() else value

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer)` before `state_dict`."""
        return add_hook(self._optimizer_state_dict_pre_hooks, hook, prepend=prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` with what `state_dict` is to give; it may give another."""
        return add_hook(self._optimizer_state_dict_post_hooks, hook, prepend=prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` before a state is loaded; it may give another."""
        return add_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend=prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer)` after a state was loaded."""
        return add_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend=prepend)


# --- checks of options ------------------------------------------------------------------------------------------------


def _check(ok: Any, what: str, value: Any) -> None:
    if not ok:
        raise ValueError(f"Invalid {what}: {value}")


def _check_lr(lr: Any, text: str = "Invalid learning rate") -> None:
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not 0.0 <= lr:
        raise ValueError(f"{text}: {lr}")


def _check_betas(betas: Any) -> None:
    for i in (0, 1):
        _check(0.0 <= betas[i] < 1.0, f"beta parameter at index {i}", betas[i])


def _check_moments(lr: Any, betas: Any, eps: float, weight_decay: float) -> None:
    """The options that Adam and its kin have in common."""
    _check_lr(lr)
    _check(0.0 <= eps, "epsilon value", eps)
    _check_betas(betas)
    _check(0.0 <= weight_decay, "weight_decay value", weight_decay)


def _decay_flags(group: dict[str, Any]) -> tuple[int, float]:
    """What the core is told of maximize and of weight decay: flags, and the decay of the parameter itself."""
    flags, decay = MAXIMIZE if group["maximize"] else 0, group["weight_decay"]
    if decay == 0:
        return flags, 0.0
    return (flags, decay) if group.get("decoupled_weight_decay") else (flags | DECAY, 0.0)


# --- optimisers that treat each element alone --------------------------------------------------------------------------

#: What the core's kernels are called by (native/kernels/optim.h), and its flags.
SGD, ADAM, RMSPROP, ADAGRAD, ADADELTA, ADAMAX, RADAM, NADAM = range(8)
MAXIMIZE, DECAY, MOMENTUM, NESTEROV, EXTRA = 1, 2, 4, 8, 16

_CAPTURABLE = ["cuda", "xpu", "hpu", "privateuseone", "xla"]


class _Elementwise(Optimizer):
    """An optimiser that treats each element alone: one call of the core for a group of plain parameters (`_whole`),
    operators for each of the others (`_single`)."""

    #: Options that came after the optimiser, with what they are in older pickles.
    _LATER: dict[str, Any] = {}
    #: What must be on a device that captures graphs, in words.
    _CAPTURED = "params and state_steps"
    _DEVICES = _CAPTURABLE
    _SPARSE = ""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self._LATER.items():
                group.setdefault(name, value)
            for p in group["params"]:
                own = self.state.get(p)
                if own and "step" in own and not isinstance(own["step"], Tensor):
                    dtype = _get_scalar_dtype(group.get("fused"))
                    own["step"] = _core.tensor(float(own["step"]), dtype=dtype)

    def _choose(self, fused: Any, foreach: Any, differentiable: Any) -> None:
        """What follows from `fused`, which here is only checked: the core has one way for all."""
        if not fused:
            return
        if differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        self._step_supports_amp_scaling = True
        if foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

    def _own_state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return self.state[p]

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        """Fills the state of a parameter before its first step."""
        raise NotImplementedError

    def _whole(self, group: dict[str, Any]) -> Any:
        """A step of the whole group by the core; False, with nothing changed, if it takes operators."""
        return False

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        """A step of one parameter by operators. Complex numbers come as pairs of real ones."""
        raise NotImplementedError

    def _counter(self, group: dict[str, Any]) -> Tensor:
        return _core.zeros((), dtype=_get_scalar_dtype(group.get("fused")))

    @_use_grad_for_differentiable
    def step(self, closure: Any = None) -> Any:
        """One step. `closure` computes the loss again and gives it."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        plain = not self.defaults["differentiable"] and not hasattr(self, "grad_scale")
        for group in self.param_groups:
            if not (plain and not group.get("capturable") and self._whole(group)):
                self._step_group(group, plain)
        return loss

    def _step_group(self, group: dict[str, Any], plain: bool) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        capturable = group.get("capturable")
        if group.get("fused"):
            for p in params:
                if not p.is_floating_point():
                    raise RuntimeError(
                        "`fused=True` requires all the params to be floating point Tensors of supported devices: "
                        f"['mps', 'cuda', 'xpu', 'hpu', 'cpu', 'mtia', 'privateuseone'] but {p.dtype} and "
                        f"{p.device.type}"
                    )
        begun = False
        for p in params:
            grad: Any = p.grad
            if grad.is_sparse and self._SPARSE:
                raise RuntimeError(self._SPARSE)
            state = self._own_state(group, p)
            if not state:
                self._start(group, p, state)
                begun = True
            if group.get("foreach") and isinstance(group["lr"], Tensor) and not group.get("capturable", True):
                raise RuntimeError("lr as a Tensor is not supported for capturable=False and foreach=True")
        if capturable and params:
            raise AssertionError(f"If capturable=True, {self._CAPTURED} must be on supported devices: {self._DEVICES}.")
        if begun and plain and self._whole(group):
            return
        scale, skipped = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)
        if scale is not None or skipped is not None:
            if not group.get("fused"):
                raise AssertionError("Expected grad_scale and found_inf to be None")
            if skipped is not None and float(skipped) == 1:
                return
        for p in params:
            grad = p.grad
            if scale is not None:
                grad.div_(scale)
            state = self._own_state(group, p)
            if group.get("maximize"):
                grad = -grad
            if p.is_complex():
                self._single_complex(group, p, grad, state)
            else:
                self._single(group, p, grad, state)

    def _single_complex(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        view = _core.view_as_real
        pairs = {k: view(v) if isinstance(v, Tensor) and v.is_complex() else v for k, v in state.items()}
        known = set(pairs)
        self._single(group, view(p), view(grad), pairs)
        for key in pairs.keys() - known:  # made by the step (SGD's momentum)
            state[key] = _core.view_as_complex(pairs[key])
