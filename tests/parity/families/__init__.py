"""The rows of the parity table, a module for each family of operators; each has a TABLE."""
