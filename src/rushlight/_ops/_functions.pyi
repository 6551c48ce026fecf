# Written by tools/stubs.py from the annotations in this folder; not to be edited.
from builtins import bool as _bool, bytes as _bytes, complex as _complex, float as _float, int as _int, type as _type
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .._core import Generator, Size, Tensor, dtype as _dtype

def alias_copy(input: Tensor, *, out: Tensor | None=None) -> Tensor:
    """All elements."""
def as_strided_copy(input: Tensor, size: Sequence[_int], stride: Sequence[_int], storage_offset: _int | None=None, *, out: Tensor | None=None) -> Tensor:
    """The elements of `input.as_strided(...)`."""
def detach_copy(input: Tensor, *, out: Tensor | None=None) -> Tensor:
    """All elements. The result has a history, as PyTorch's has, which has no derivative."""
def diagonal_copy(input: Tensor, offset: _int=0, dim1: _int=0, dim2: _int=1, *, out: Tensor | None=None) -> Tensor:
    """The elements of a diagonal, in the last dimension."""
def expand_copy(input: Tensor, size: Sequence[_int], *, implicit: _bool=False, out: Tensor | None=None) -> Tensor:
    """The elements repeated to this size."""
def permute_copy(input: Tensor, dims: Sequence[_int], *, out: Tensor | None=None) -> Tensor:
    """The dimensions in this order."""
def select_copy(input: Tensor, dim: _int, index: _int, *, out: Tensor | None=None) -> Tensor:
    """The elements at an index of a dimension, which goes."""
def slice_copy(input: Tensor, dim: _int=0, start: _int | None=None, end: _int | None=None, step: _int=1, *, out: Tensor | None=None) -> Tensor:
    """The elements of a slice of a dimension."""
def split_copy(input: Tensor, split_size: _int, dim: _int=0, *, out: Any=None) -> Any:
    """The pieces of this size along a dimension."""
def split_with_sizes_copy(input: Tensor, split_sizes: Sequence[_int], dim: _int=0, *, out: Any=None) -> Any:
    """The pieces of these sizes along a dimension."""
def squeeze_copy(input: Tensor, dim: Any=None, *, out: Tensor | None=None) -> Tensor:
    """The elements without dimensions of size 1: all, or those of `dim`."""
def t_copy(input: Tensor, *, out: Tensor | None=None) -> Tensor:
    """The transposed matrix."""
def transpose_copy(input: Tensor, dim0: _int, dim1: _int, *, out: Tensor | None=None) -> Tensor:
    """Two dimensions exchanged."""
def unbind_copy(input: Tensor, dim: _int=0, *, out: Any=None) -> Any:
    """The pieces along a dimension, which goes."""
def unfold_copy(input: Tensor, dimension: _int, size: _int, step: _int, *, out: Tensor | None=None) -> Tensor:
    """The windows of a dimension, as a new last dimension."""
def unsqueeze_copy(input: Tensor, dim: _int, *, out: Tensor | None=None) -> Tensor:
    """The elements with a new dimension of size 1."""
def view_copy(input: Tensor, size: Any=None, dtype: _dtype | None=None, *, out: Tensor | None=None) -> Tensor:
    """The elements in another shape, or their bytes as another dtype."""
def view_as_real_copy(input: Tensor, *, out: Tensor | None=None) -> Tensor:
    """Real and imaginary parts as a last dimension of size 2."""
def view_as_complex_copy(input: Tensor, *, out: Tensor | None=None) -> Tensor:
    """The pairs of the last dimension as complex numbers."""
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: _float, norm_type: _float) -> Tensor:
    """Scales the rows of input [V, D] that are among the indices so that their norm is at most max_norm, in place."""
def one_hot(input: Tensor, num_classes: _int=-1) -> Tensor:
    """Class numbers [*] as vectors [*, num_classes] of a 1 among zeros (int64); -1: as many classes as there are."""
def embedding_bag(weight: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: _bool=False, mode: _int=0, sparse: _bool=False, per_sample_weights: Tensor | None=None, include_last_offset: _bool=False, padding_idx: _int | None=None) -> tuple[Tensor, ...]:
    """Sums (mode 0), means (1) or maxima (2) of rows of weight [V, D] over bags: [B, D].

Bag i has the indices from offsets[i] to offsets[i + 1]; the last one ends with the indices, or with the last offset
where that is included. Rows are multiplied by per_sample_weights; padding_idx does not count. Three more results are
the bag of each index, the sizes of the bags and (for maxima) which rows were the largest, where a mode needs them."""
def pixel_shuffle(input: Tensor, upscale_factor: _int) -> Tensor:
    """[*, C r^2, H, W] to [*, C, H r, W r]: channels become places, r is the upscale factor."""
def pixel_unshuffle(input: Tensor, downscale_factor: _int) -> Tensor:
    """[*, C, H r, W r] to [*, C r^2, H, W]: the inverse of pixel_shuffle."""
def channel_shuffle(input: Tensor, groups: _int) -> Tensor:
    """[N, C, *]: channels seen as [groups, C / groups] and transposed."""
def native_channel_shuffle(input: Tensor, groups: _int) -> Tensor:
    """The same as channel_shuffle."""
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None=None) -> Tensor:
    """[*, I], [*, J] and [O, I, J] to [*, O]: out[o] = input1 weight[o] input2 + bias[o]."""
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: _int=0) -> Tensor:
    """conv1d with time first: [T, B, I] by [K, I, O] to [T + 2 pad - K + 1, B, O], plus the bias [O]."""
def affine_grid_generator(theta: Tensor, size: Sequence[_int], align_corners: _bool) -> Tensor:
    """Where matrices theta [N, d, d + 1] map the places of an image of `size` [N, C, *d sizes]: [N, *d sizes, d].

Coordinates are those of grid_sample: width first, -1 and 1 at the image's ends."""
def lu(input: Tensor, pivot: _bool=True, get_infos: _bool=False) -> Any:
    """The packed LU decomposition and the pivots; torch.linalg.lu_factor is its successor."""
def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """The product of Householder reflections; torch.linalg.householder_product's other name."""
def ormqr(input: Tensor, tau: Tensor, other: Tensor, left: _bool=True, transpose: _bool=False, *, out: Tensor | None=None) -> Tensor:
    """Q other, other Q, or with Q^H, for the Q of Householder reflections; Q is never formed."""
def pinverse(input: Tensor, rcond: _float=1e-15) -> Tensor:
    """The Moore-Penrose inverse; torch.linalg.pinv is its successor."""
def matrix_power(input: Tensor, n: _int) -> Tensor:
    """The n-th power of matrices [..., m, m] by squaring; n < 0: of the inverse."""
def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of matrices [..., n, n]."""
def svd_lowrank(A: Tensor, q: _int | None=6, niter: _int | None=2, M: Tensor | None=None) -> Any:
    """The q largest singular values and vectors, roughly: N. Halko, P. Martinsson, J. Tropp, SIAM Review 53 (2011),
algorithms 4.4 and 5.1. -> (U, S, V)"""
def pca_lowrank(A: Tensor, q: _int | None=None, center: _bool=True, niter: _int=2) -> Any:
    """The q principal directions of the rows of A, roughly. -> (U, S, V)"""
def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: _int=0, reduction: _int=0, zero_infinity: _bool=False) -> Tensor:
    """nn.functional.ctc_loss."""
def kl_div(input: Tensor, target: Tensor, reduction: _int=0, *, log_target: _bool=False) -> Tensor:
    """nn.functional.kl_div."""
def poisson_nll_loss(input: Tensor, target: Tensor, log_input: _bool, full: _bool, eps: _float, reduction: _int) -> Tensor:
    """nn.functional.poisson_nll_loss."""
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: _float=1.0, reduction: _int=0) -> Tensor:
    """nn.functional.hinge_embedding_loss."""
def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: _float=0.0, reduction: _int=0) -> Tensor:
    """nn.functional.margin_ranking_loss."""
def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: _float=0.0, reduction: _int=0) -> Tensor:
    """nn.functional.cosine_embedding_loss."""
def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: _float=1.0, p: _float=2, eps: _float=1e-06, swap: _bool=False, reduction: _int=0) -> Tensor:
    """nn.functional.triplet_margin_loss."""
def cosine_similarity(x1: Tensor, x2: Tensor, dim: _int=1, eps: _float=1e-08) -> Tensor:
    """nn.functional.cosine_similarity."""
def pairwise_distance(x1: Tensor, x2: Tensor, p: _float=2, eps: _float=1e-06, keepdim: _bool=False) -> Tensor:
    """nn.functional.pairwise_distance."""
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """The complex tensor real + i imag, from float or double parts of one dtype."""
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """The complex tensor of these absolute values and angles in radians."""
def isreal(input: Tensor) -> Tensor:
    """Where the imaginary part is 0."""
def is_nonzero(input: Tensor) -> _bool:
    """Whether the only element differs from 0."""
def isin(elements: Any, test_elements: Any, *, assume_unique: _bool=False, invert: _bool=False) -> Tensor:
    """Where an element is among `test_elements`."""
def nanmean(input: Tensor, dim: Any=None, keepdim: _bool=False, *, dtype: _dtype | None=None, out: Tensor | None=None) -> Tensor:
    """The mean of what is not nan."""
def quantile(input: Tensor, q: Any, dim: _int | None=None, keepdim: _bool=False, *, interpolation: str='linear', out: Tensor | None=None) -> Tensor:
    """The q-quantiles over all elements or along a dimension; nan where there is one."""
def nanquantile(input: Tensor, q: Any, dim: _int | None=None, keepdim: _bool=False, *, interpolation: str='linear', out: Tensor | None=None) -> Tensor:
    """The q-quantiles of what is not nan."""
def diff(input: Tensor, n: _int=1, dim: _int=-1, prepend: Tensor | None=None, append: Tensor | None=None, *, out: Tensor | None=None) -> Tensor:
    """The n-th difference along a dimension, after `prepend` and `append` were joined to it."""
def trapezoid(y: Tensor, x: Tensor | None=None, *, dx: Any=1, dim: _int=-1) -> Tensor:
    """The integral of sampled values along a dimension by the trapezoidal rule."""
def trapz(y: Tensor, x: Tensor | None=None, *, dx: Any=1, dim: _int=-1) -> Tensor:
    """The integral of sampled values along a dimension by the trapezoidal rule."""
def cumulative_trapezoid(y: Tensor, x: Tensor | None=None, *, dx: Any=1, dim: _int=-1) -> Tensor:
    """The running integral of sampled values along a dimension by the trapezoidal rule."""
def cov(input: Tensor, *, correction: _int=1, fweights: Tensor | None=None, aweights: Tensor | None=None) -> Tensor:
    """The covariance of variables (rows) over observations (columns)."""
def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables (rows)."""
def renorm(input: Tensor, p: _float, dim: _int, maxnorm: _float, *, out: Tensor | None=None) -> Tensor:
    """Scales each sub-tensor along `dim` whose p-norm exceeds maxnorm down to it."""
def unique_consecutive(input: Tensor, return_inverse: _bool=False, return_counts: _bool=False, dim: _int | None=None) -> Any:
    """The elements (or slices along `dim`) without what repeats the one before; also where each went, and how often each came."""
def unique(input: Tensor, sorted: _bool=True, return_inverse: _bool=False, return_counts: _bool=False, dim: _int | None=None) -> Any:
    """The distinct elements (or slices along `dim`) in ascending order; also where each went, and how often each came."""
def gradient(input: Tensor, *, spacing: Any=None, dim: Any=None, edge_order: _int=1) -> tuple[Tensor, ...]:
    """The derivative of sampled values along dimensions by central differences, one-sided at the edges."""
def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """A network of LSTM layers: the outputs and the last states h and c (Hochreiter and Schmidhuber 1997).

`lstm(input, (h, c), params, has_biases, num_layers, dropout, train, bidirectional, batch_first)` on [L, N, *] or, with
batch_first, [N, L, *]; `lstm(data, batch_sizes, (h, c), params, has_biases, num_layers, dropout, train, bidirectional)`
on packed sequences. The parameters are those of each layer and direction, one after another."""
def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """A network of gated recurrent units: the outputs and the last states (Cho et al. 2014). Arguments as of `lstm`."""
def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """A network of h' = tanh(W_ih x + b_ih + W_hh h + b_hh): the outputs and the last states. Arguments as of `lstm`."""
def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """A network of h' = relu(W_ih x + b_ih + W_hh h + b_hh): the outputs and the last states. Arguments as of `lstm`."""
def diag(input: Tensor, diagonal: _int=0) -> Tensor:
    """A vector as a matrix's diagonal, or a matrix's diagonal as a vector."""
def diag_embed(input: Tensor, offset: _int=0, dim1: _int=-2, dim2: _int=-1) -> Tensor:
    """The last dimension as the diagonal of two, zeros elsewhere."""
def diagflat(input: Tensor, offset: _int=0) -> Tensor:
    """All elements as a matrix's diagonal."""
def diagonal_scatter(input: Tensor, src: Tensor, offset: _int=0, dim1: _int=0, dim2: _int=1) -> Tensor:
    """A copy of input with `src` written to a diagonal."""
def select_scatter(input: Tensor, src: Tensor, dim: _int, index: _int) -> Tensor:
    """A copy of input with `src` written at an index of a dimension."""
def slice_scatter(input: Tensor, src: Tensor, dim: _int=0, start: _int | None=None, end: _int | None=None, step: _int=1) -> Tensor:
    """A copy of input with `src` written to a slice of a dimension."""
def as_strided_scatter(input: Tensor, src: Tensor, size: Sequence[_int], stride: Sequence[_int], storage_offset: _int | None=None) -> Tensor:
    """A copy of input with `src` written to a strided part."""
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least one dimension."""
def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least two dimensions, new ones in front."""
def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least three dimensions: [n] as [1, n, 1], [m, n] as [m, n, 1]."""
def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of one, zeros elsewhere."""
def broadcast_tensors(*tensors: Any) -> Any:
    """The tensors expanded to their common shape."""
def meshgrid(*tensors: Any, indexing: str | None=None) -> Any:
    """Coordinate grids of vectors: one tensor each, expanded along the others' dimensions."""
def cartesian_prod(*tensors: Any) -> Tensor:
    """All tuples of elements, one from each vector, as rows."""
def combinations(input: Tensor, r: _int=2, with_replacement: _bool=False) -> Tensor:
    """All combinations of r elements of a vector, as rows, in the order of their places."""
def tensor_split(input: Tensor, indices_or_sections: Any, dim: _int=0) -> tuple[Tensor, ...]:
    """Cuts a dimension into sections of nearly equal size, or before the given places."""
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split along the second dimension (the first of a vector)."""
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split along the first dimension."""
def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split along the third dimension."""
def unsafe_chunk(input: Tensor, chunks: _int, dim: _int=0) -> tuple[Tensor, ...]:
    """chunk."""
def unsafe_split(input: Tensor, split_size: _int, dim: _int=0) -> tuple[Tensor, ...]:
    """split."""
def repeat_interleave(input: Tensor, repeats: Any=None, dim: _int | None=None, *, output_size: _int | None=None) -> Tensor:
    """Each element (or slice along `dim`) repeated in place; with one argument, the indices that do it."""
def rot90(input: Tensor, k: _int=1, dims: Sequence[_int]=(0, 1)) -> Tensor:
    """Turns the plane of two dimensions by k quarters, from the first towards the second."""
def take(input: Tensor, index: Tensor, *, out: Tensor | None=None) -> Tensor:
    """Elements of the flattened input at these places."""
def nonzero_static(input: Tensor, *, size: _int, fill_value: _int=-1) -> Tensor:
    """The first `size` places of nonzero elements as rows, as many as that: rows of `fill_value` follow."""
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: _bool=False) -> Tensor:
    """A copy of input with `source` written (or added) at places of the flattened tensor."""
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy of input whose elements under the mask are the first ones of `source`, in order."""
def narrow_copy(input: Tensor, dim: _int, start: _int, length: _int, *, out: Tensor | None=None) -> Tensor:
    """A copy of narrow(dim, start, length)."""
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like input, all of whose elements are `value`: a number or a 0-dim tensor."""
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any=None) -> Tensor:
    """resize_ to another tensor's sizes."""
def adjoint(input: Tensor) -> Tensor:
    """The conjugate transpose of the last two dimensions."""
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product."""
def tensordot(a: Tensor, b: Tensor, dims: Any=2, *, out: Tensor | None=None) -> Tensor:
    """Sums products over the last `dims` dimensions of a and the first of b, or over two lists of dimensions."""
def vdot(input: Tensor, other: Tensor, *, out: Tensor | None=None) -> Tensor:
    """The dot product of two vectors, the first conjugated."""
def chain_matmul(*matrices: Tensor, out: Tensor | None=None) -> Tensor:
    """The product of matrices."""
def cross(input: Tensor, other: Tensor, dim: _int | None=None, *, out: Tensor | None=None) -> Tensor:
    """The cross product along a dimension of size 3 (the first such one by default)."""
def vander(x: Tensor, N: _int | None=None, increasing: _bool=False) -> Tensor:
    """The Vandermonde matrix: powers of x as columns, descending unless `increasing`."""
def hann_window(window_length: _int, periodic: _bool=True, *, dtype: _dtype | None=None, layout: Any=None, device: Any=None, pin_memory: Any=None, requires_grad: _bool=False) -> Tensor:
    """0.5 - 0.5 cos(2 pi n / N); N is the length, or one less unless `periodic`."""
def hamming_window(window_length: _int, periodic: _bool=True, alpha: _float=0.54, beta: _float=0.46, *, dtype: _dtype | None=None, layout: Any=None, device: Any=None, pin_memory: Any=None, requires_grad: _bool=False) -> Tensor:
    """alpha - beta cos(2 pi n / N); N is the length, or one less unless `periodic`."""
def blackman_window(window_length: _int, periodic: _bool=True, *, dtype: _dtype | None=None, layout: Any=None, device: Any=None, pin_memory: Any=None, requires_grad: _bool=False) -> Tensor:
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N); N is the length, or one less unless `periodic`."""
def bartlett_window(window_length: _int, periodic: _bool=True, *, dtype: _dtype | None=None, layout: Any=None, device: Any=None, pin_memory: Any=None, requires_grad: _bool=False) -> Tensor:
    """A triangle: 1 - |2 n / N - 1|; N is the length, or one less unless `periodic`."""
def kaiser_window(window_length: _int, periodic: _bool=True, beta: _float=12.0, *, dtype: _dtype | None=None, layout: Any=None, device: Any=None, pin_memory: Any=None, requires_grad: _bool=False) -> Tensor:
    """i0(beta sqrt(1 - (2 n / N - 1)^2)) / i0(beta); N is the length, or one less unless `periodic`."""
def stft(input: Tensor, n_fft: _int, hop_length: _int | None=None, win_length: _int | None=None, window: Tensor | None=None, center: _bool=True, pad_mode: str='reflect', normalized: _bool=False, onesided: _bool | None=None, return_complex: _bool | None=None, align_to_window: _bool | None=None) -> Tensor:
    """The Fourier transforms of overlapping frames of a signal [L] or [B, L]: [*, frequencies, frames].

Frame t begins at element t hop_length (n_fft / 4 unless given), is n_fft long and multiplied by the window, which is
win_length long and lies in the frame's middle. center: the signal is padded by n_fft / 2 at both ends, as pad_mode says,
so that frame t is centred at t hop_length; else align_to_window says that it is the window of frame t, not the frame, that
begins at t hop_length.
normalized: divided by sqrt(n_fft); onesided: the first n_fft / 2 + 1 frequencies, the default for real signals.
return_complex must be given for real signals; False gives real and imaginary parts in a last dimension."""
def istft(input: Tensor, n_fft: _int, hop_length: _int | None=None, win_length: _int | None=None, window: Tensor | None=None, center: _bool=True, normalized: _bool=False, onesided: _bool | None=None, length: _int | None=None, return_complex: _bool=False) -> Tensor:
    """The signal [*, L] whose stft is nearest to input [*, frequencies, frames] in least squares (Griffin and Lim, IEEE
Transactions on Acoustics, Speech and Signal Processing 32 (1984) 236): frames are transformed back, multiplied by the
window, summed where they overlap, and divided by the sum of the windows' squares, which must nowhere be zero.

Arguments as those of stft; length: of the signal, which is cut or padded with zeros."""
def histogramdd(input: Tensor, bins: Any, range: Any=None, weight: Tensor | None=None, density: _bool=False) -> tuple[Tensor, tuple[Tensor, ...]]:
    """How many points [..., N], or how much weight [...], lie in each cell of a grid: (hist, bin_edges).

bins: a tensor of growing edges for each of the N dimensions, or how many bins of equal width each has (or all have)
between the ends in range (min, max, min, max, ...), else where the points lie. density: divided by the total and by the
cell's volume."""
