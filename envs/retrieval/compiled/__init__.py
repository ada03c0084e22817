"""What needs numba, and is loaded only where it is installed and somebody searches."""

REGISTERS = False
"""Nothing here registers anything: who looks for names does not import it."""
