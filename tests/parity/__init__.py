"""Compares rushlight's operators with PyTorch's: one table (`table.py`), a dozen kinds of check (`checks.py`)."""
