"""Attention of several heads, as a function."""

from __future__ import annotations

import math

from .. import _core as core
from .._core import Tensor, scaled_dot_product_attention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import dtype

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def _canonical_mask(
    mask: Tensor | None,
    name: str,
    other_type: dtype | None,
    other_name: str,
    target_type: dtype,
    check_other: bool = True,
) -> Tensor | None:
    """A mask as numbers to add: truth values, true where something is hidden, become -inf and 0."""
    if mask is None:
        return None
    if mask.dtype != core.bool and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        import warnings

        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.is_floating_point():
        return mask
    return core.zeros_like(mask, dtype=target_type).masked_fill_(mask, -math.inf)


def _check_shapes(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None, num_heads: int
) -> bool:
    """Whether there is a batch; raises unless all have the dimensions that go with it."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor"
        )
    batched = query.dim() == 3
    kind = f"For {'batched (3-D)' if batched else 'unbatched (2-D)'} `query`"
    if key.dim() != query.dim() or value.dim() != query.dim():
        raise AssertionError(
            f"{kind}, expected `key` and `value` to be {query.dim()}-D but found {key.dim()}-D and {value.dim()}-D tensors "
            "respectively"
        )
    if padding is not None and padding.dim() != query.dim() - 1:
        raise AssertionError(
            f"{kind}, expected `key_padding_mask` to be `None` or {query.dim() - 1}-D but found {padding.dim()}-D tensor "
            "instead"
        )
    if mask is not None:
        if mask.dim() not in (2, 3):
            raise AssertionError(
                f"{kind}, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.dim()}-D tensor instead"
            )
        if not batched and mask.dim() == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            if mask.shape != expected:
                raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {mask.shape}")
    return batched


def _projected_together(
    q: Tensor, k: Tensor, v: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The three projections by the rows of one weight [3 E, E], in as few products as their inputs allow."""
    size = q.size(-1)
    if q is k and k is v:
        a, b, c = core.linear(q, weight, bias).split(size, -1)
        return a, b, c
    lengths = [size, 2 * size] if k is v else [size, size, size]
    weights = weight.split(lengths)
    biases = [None] * len(lengths) if bias is None else bias.split(lengths)
    parts = [core.linear(x, w, b) for x, w, b in zip((q, k, v), weights, biases)]
    if k is v:
        parts = [parts[0], *parts[1].split(size, -1)]
    return parts[0], parts[1], parts[2]


def _projected_apart(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    weights: tuple[Tensor, Tensor, Tensor],
    biases: tuple[Tensor | None, Tensor | None, Tensor | None],
) -> tuple[Tensor, Tensor, Tensor]:
    """The three projections by a weight each, [E, size of q, k or v]."""
    size_q, size_k, size_v = q.size(-1), k.size(-1), v.size(-1)
    for name, weight, shape in zip("qkv", weights, ((size_q, size_q), (size_q, size_k), (size_q, size_v)), strict=True):
        if weight.shape != shape:
            raise AssertionError(f"expecting {name} weights shape of {shape}, but got {weight.shape}")
    for name, bias in zip("qkv", biases, strict=True):
        if bias is not None and bias.shape != (size_q,):
            raise AssertionError(f"expecting {name} bias shape of {(size_q,)}, but got {bias.shape}")
    return (
        core.linear(q, weights[0], biases[0]),
        core.linear(k, weights[1], biases[1]),
        core.linear(v, weights[2], biases[2]),
    )


def _checked_static(name: str, given: Tensor, heads: int, depth: int) -> Tensor:
    if given.size(0) != heads:
        raise AssertionError(f"expecting {name}.size(0) of {heads}, but got {given.size(0)}")
    if given.size(2) != depth:
        raise AssertionError(f"expecting {name}.size(2) of {depth}, but got {given.size(2)}")
    return given


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of `num_heads` heads, as in "Attention Is All You Need" (Vaswani et al., 2017).

    query [T, N, E], key [S, N, E_k], value [S, N, E_v], or all without N. They are projected (by in_proj_weight [3 E, E], or
    by three weights), cut into heads, put through softmax(q kᵀ / sqrt(E / heads) + masks) v, joined and projected by
    out_proj_weight. attn_mask [T, S] or [N heads, T, S] and key_padding_mask [N, S] hide where they are true, or are
    added. bias_k and bias_v [1, 1, E] are one more key and value, add_zero_attn another one of zeros. Gives the result
    [T, N, E] and, with need_weights, the weights [N, T, S], or [N, heads, T, S] without average_attn_weights.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        # One tensor given three times stays one: it is projected at once.
        same_key, same_value = key is query, value is key
        query = query.unsqueeze(1)
        key = query if same_key else key.unsqueeze(1)
        value = key if same_value else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    targets, batch, size = query.shape
    key_padding_mask = _canonical_mask(
        key_padding_mask, "key_padding_mask", None if attn_mask is None else attn_mask.dtype, "attn_mask", query.dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        if key_padding_mask is not None:
            is_causal = False
    if size != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {size}")
    depth = size // num_heads
    if depth * num_heads != size:
        raise AssertionError(f"embed_dim {size} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
    elif key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")

    if use_separate_proj_weight:
        for name, weight in (("q", q_proj_weight), ("k", k_proj_weight), ("v", v_proj_weight)):
            if weight is None:
                raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
        assert q_proj_weight is not None and k_proj_weight is not None and v_proj_weight is not None
        b_q, b_k, b_v = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
        q, k, v = _projected_apart(query, key, value, (q_proj_weight, k_proj_weight, v_proj_weight), (b_q, b_k, b_v))
    else:
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _projected_together(query, key, value, in_proj_weight, in_proj_bias)

    if attn_mask is not None:
        expected = (targets, key.shape[0])
        if attn_mask.dim() == 2:
            if attn_mask.shape != expected:
                raise RuntimeError(f"The shape of the 2D attn_mask is {attn_mask.shape}, but should be {expected}.")
        elif attn_mask.shape != (batch * num_heads, *expected):
            raise RuntimeError(
                f"The shape of the 3D attn_mask is {attn_mask.shape}, but should be {(batch * num_heads, *expected)}."
            )
        else:
            attn_mask = attn_mask.view(batch, num_heads, *expected)

    if bias_k is not None and bias_v is not None:
        if static_k is not None:
            raise AssertionError("bias cannot be added to static key.")
        if static_v is not None:
            raise AssertionError("bias cannot be added to static value.")
        k = core.cat([k, bias_k.repeat(1, batch, 1)])
        v = core.cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, key_padding_mask = _one_more(attn_mask), _one_more(key_padding_mask)
    elif bias_k is not None or bias_v is not None:
        raise AssertionError("bias_k and bias_v must be both None or both not None")

    # [*, N, E] as [N, heads, *, depth]
    q = q.unflatten(-1, (num_heads, depth)).permute(1, 2, 0, 3)
    if static_k is None:
        k = k.unflatten(-1, (num_heads, depth)).permute(1, 2, 0, 3)
    else:
        k = _checked_static("static_k", static_k, batch * num_heads, depth).unflatten(0, (batch, num_heads))
    if static_v is None:
        v = v.unflatten(-1, (num_heads, depth)).permute(1, 2, 0, 3)
    else:
        v = _checked_static("static_v", static_v, batch * num_heads, depth).unflatten(0, (batch, num_heads))
    if add_zero_attn:
        k = core.cat([k, k.new_zeros(batch, num_heads, 1, depth)], 2)
        v = core.cat([v, v.new_zeros(batch, num_heads, 1, depth)], 2)
        attn_mask, key_padding_mask = _one_more(attn_mask), _one_more(key_padding_mask)
    sources = k.size(2)
    if key_padding_mask is not None:
        if key_padding_mask.shape != (batch, sources):
            raise AssertionError(
                f"expecting key_padding_mask shape of {(batch, sources)}, but got {key_padding_mask.shape}"
            )
        hidden = key_padding_mask.view(batch, 1, 1, sources)
        attn_mask = hidden if attn_mask is None else attn_mask + hidden
    if not training:
        dropout_p = 0.0

    if not need_weights:
        found = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
        weights = None
    else:
        if is_causal and attn_mask is None:
            raise AssertionError("FIXME: is_causal not implemented for need_weights")
        products = (q * math.sqrt(1.0 / depth)) @ k.transpose(-2, -1)
        weights = core.softmax(products if attn_mask is None else products + attn_mask, -1)
        if dropout_p > 0.0:
            weights = core.dropout(weights, dropout_p, True)
        found = weights @ v
        if average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            weights = weights.squeeze(0)
    joined = found.permute(2, 0, 1, 3).reshape(targets * batch, size)
    result = core.linear(joined, out_proj_weight, out_proj_bias).view(targets, batch, -1)
    return (result if batched else result.squeeze(1)), weights


def _one_more(mask: Tensor | None) -> Tensor | None:
    """The mask with another key, which it does not hide."""
    return None if mask is None else core.cat([mask, mask.new_zeros(*mask.shape[:-1], 1)], -1)


core._internal(globals())
