"""The steps of the autograd tutorial, for PyTorch and rushlight alike.

python examples/autograd_tutorial.py                       # with PyTorch
python -m rushlight run examples/autograd_tutorial.py      # the same file with rushlight
"""

import torch

# A tensor whose operations are recorded.
x = torch.ones(2, 2, requires_grad=True)
print(x)

# An operation on it: the result knows which function made it.
y = x + 2
print(y)
print(y.grad_fn)

# More operations.
z = y * y * 3
out = z.mean()
print(z, out)

# Without requires_grad nothing is recorded; requires_grad_ changes that in place.
a = torch.randn(2, 2)
a = (a * 3) / (a - 1)
print(a.requires_grad)
a.requires_grad_(True)
print(a.requires_grad)
b = (a * a).sum()
print(b.grad_fn)

# Gradients: out is a scalar, so backward() takes no argument.
out.backward()
print(x.grad)

# The graph is defined by the run: this loop may take any number of turns.
torch.manual_seed(0)
x = torch.randn(3, requires_grad=True)
y = x * 2
while y.data.norm() < 1000:
    y = y * 2
print(y)

# y is not a scalar: backward takes v and gives the vector-Jacobian product.
v = torch.tensor([0.1, 1.0, 0.0001], dtype=torch.float)
y.backward(v)
print(x.grad)

# Recording stops inside no_grad ...
print(x.requires_grad)
print((x**2).requires_grad)
with torch.no_grad():
    print((x**2).requires_grad)

# ... and on what detach returns: the same values, outside the graph.
print(x.requires_grad)
y = x.detach()
print(y.requires_grad)
print(x.eq(y).all())
