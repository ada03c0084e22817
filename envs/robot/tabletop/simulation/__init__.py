"""What needs MuJoCo, and is loaded only where somebody asks for it."""

REGISTERS = False
"""Nothing here registers anything: who looks for names does not import it."""
