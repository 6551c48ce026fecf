"""Limited-memory BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _core
from .._core import Tensor, enable_grad, no_grad
from .optimizer import Optimizer, ParamsT, _check_lr, _to_scalar

__all__ = ["LBFGS"]


def _cubic_interpolate(x1: Any, f1: Any, g1: Any, x2: Any, f2: Any, g2: Any, bounds: Any = None) -> Any:
    """Where the cubic through two points with these values and slopes is least, within the bounds."""
    low, high = bounds if bounds is not None else (x1, x2) if x1 <= x2 else (x2, x1)
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square.sqrt()
    if x1 <= x2:
        least = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        least = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(least, low), high)


#: A trial point of a line search: (step, loss, gradient, slope along the direction).
_Point = tuple[Any, Any, Any, Any]


def _strong_wolfe(
    evaluate: Callable[[Any], tuple[Any, Tensor]],
    t: Any,
    d: Tensor,
    f: Any,
    g: Tensor,
    gtd: Any,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[Any, Tensor, Any, int]:
    """A step t along d that satisfies the strong Wolfe conditions: (loss, gradient, t, evaluations).

    First the step grows until an interval brackets such a step; then the interval shrinks by cubic interpolation.
    """
    d_norm = d.abs().max()

    def trial(step: Any) -> _Point:
        loss, gradient = evaluate(step)
        return step, loss, gradient, gradient.dot(d)

    start: _Point = (0, f, g.clone(), gtd)
    before, now = start, trial(t)
    evaluations, rounds, done = 1, 0, False
    bracket: list[_Point] = []
    while rounds < max_ls:
        _, f_now, _, slope = now
        if f_now > f + c1 * now[0] * gtd or (rounds > 1 and f_now >= before[1]):
            bracket = [before, now]
            break
        if abs(slope) <= -c2 * gtd:
            bracket, done = [now], True
            break
        if slope >= 0:
            bracket = [before, now]
            break
        bounds = (now[0] + 0.01 * (now[0] - before[0]), now[0] * 10)
        step = _cubic_interpolate(before[0], before[1], before[3], now[0], f_now, slope, bounds=bounds)
        before, now = now, trial(step)
        evaluations += 1
        rounds += 1
    if rounds == max_ls:
        bracket = [start, now]

    stuck = False
    low, high = (0, 1) if bracket[0][1] <= bracket[-1][1] else (1, 0)
    while not done and rounds < max_ls:
        a, b = bracket
        if abs(b[0] - a[0]) * d_norm < tolerance_change:
            break
        step = _cubic_interpolate(a[0], a[1], a[3], b[0], b[1], b[3])
        # Steps too near an end twice in a row, or beyond it, are moved a tenth of the interval inside.
        left, right = min(a[0], b[0]), max(a[0], b[0])
        margin = 0.1 * (right - left)
        if min(right - step, step - left) < margin:
            if stuck or step >= right or step <= left:
                step = right - margin if abs(step - right) < abs(step - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        now = trial(step)
        evaluations += 1
        rounds += 1
        if now[1] > f + c1 * step * gtd or now[1] >= bracket[low][1]:
            bracket[high] = now
            low, high = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
        else:
            if abs(now[3]) <= -c2 * gtd:
                done = True
            elif now[3] * (bracket[high][0] - bracket[low][0]) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = now
    t, f_new, g_new, _ = bracket[low]
    return f_new, g_new, t, evaluations


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history_size` changes; `line_search_fn` is None or "strong_wolfe".

    `step(closure)` evaluates the loss up to `max_eval` times in up to `max_iter` iterations. One parameter group only.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        _check_lr(lr)
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    @staticmethod
    def _real(t: Tensor) -> Tensor:
        return _core.view_as_real(t) if t.is_complex() else t

    def _gather_flat_grad(self) -> Tensor:
        parts = [self._real(_core.zeros_like(p) if p.grad is None else p.grad).view(-1) for p in self._params]
        return _core.cat(parts, 0)

    def _add_grad(self, step_size: Any, update: Tensor) -> None:
        offset = 0
        for p in map(self._real, self._params):
            p.add_(update[offset : offset + p.numel()].view_as(p), alpha=step_size)
            offset += p.numel()

    def _directional_evaluate(self, closure: Any, x: list[Tensor], t: Any, d: Tensor) -> tuple[float, Tensor]:
        self._add_grad(t, d)
        loss = float(closure())
        gradient = self._gather_flat_grad()
        for p, old in zip(self._params, x, strict=True):
            p.copy_(old)
        return loss, gradient

    @no_grad()
    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """One step of several iterations. `closure` clears the gradients, computes the loss and calls backward."""
        closure = enable_grad()(closure)
        group = self.param_groups[0]
        lr, max_iter, max_eval = _to_scalar(group["lr"]), group["max_iter"], group["max_eval"]
        tolerance_grad, tolerance_change = group["tolerance_grad"], group["tolerance_change"]

        # The state is the first parameter's.
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        gradient = self._gather_flat_grad()
        flat = gradient.abs().max() <= tolerance_grad
        if flat:
            return first_loss

        d, t = state.get("d"), state.get("t")
        changes, steps, ro = state.get("old_dirs"), state.get("old_stps"), state.get("ro")
        scale, old_gradient, old_loss = state.get("H_diag"), state.get("prev_flat_grad"), state.get("prev_loss")
        for n_iter in range(1, max_iter + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d = gradient.neg()
                changes, steps, ro, scale = [], [], [], 1
            else:
                y, s = gradient.sub(old_gradient), d.mul(t)
                ys = y.dot(s)
                if ys > 1e-10:
                    if len(changes) == group["history_size"]:
                        changes.pop(0)
                        steps.pop(0)
                        ro.pop(0)
                    changes.append(y)
                    steps.append(s)
                    ro.append(1.0 / ys)
                    scale = ys / y.dot(y)
                d = self._direction(gradient, changes, steps, ro, scale, state, group["history_size"])
            if old_gradient is None:
                old_gradient = gradient.clone()
            else:
                old_gradient.copy_(gradient)
            old_loss = loss

            t = min(1.0, 1.0 / gradient.abs().sum()) * lr if state["n_iter"] == 1 else lr
            slope = gradient.dot(d)
            if slope > -tolerance_change:
                break
            extra = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                x = [p.clone() for p in self._params]
                direction: Tensor = d

                def evaluate(step: Any, x: Any = x, direction: Tensor = direction) -> tuple[float, Tensor]:
                    return self._directional_evaluate(closure, x, step, direction)

                loss, gradient, t, extra = _strong_wolfe(
                    evaluate, t, d, loss, gradient, slope, max_ls=max_eval - evaluations
                )
                self._add_grad(t, d)
                flat = gradient.abs().max() <= tolerance_grad
            else:
                self._add_grad(t, d)
                if n_iter != max_iter:
                    loss = float(closure())
                    gradient = self._gather_flat_grad()
                    flat = gradient.abs().max() <= tolerance_grad
                    extra = 1
            evaluations += extra
            state["func_evals"] += extra
            if (
                n_iter == max_iter
                or evaluations >= max_eval
                or flat
                or d.mul(t).abs().max() <= tolerance_change
                or abs(loss - old_loss) < tolerance_change
            ):
                break
        state["d"], state["t"] = d, t
        state["old_dirs"], state["old_stps"], state["ro"] = changes, steps, ro
        state["H_diag"], state["prev_flat_grad"], state["prev_loss"] = scale, old_gradient, old_loss
        return first_loss

    @staticmethod
    def _direction(
        gradient: Tensor, changes: Any, steps: Any, ro: Any, scale: Any, state: dict[str, Any], history_size: int
    ) -> Tensor:
        """-H gradient by the two-loop recursion."""
        al = state.setdefault("al", [None] * history_size)
        q = gradient.neg()
        for i in reversed(range(len(changes))):
            al[i] = steps[i].dot(q) * ro[i]
            q.add_(changes[i], alpha=-al[i])
        r = q.mul(scale)
        for i in range(len(changes)):
            r.add_(steps[i], alpha=al[i] - changes[i].dot(r) * ro[i])
        return r
