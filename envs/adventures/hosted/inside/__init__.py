"""What runs in the process of a foreign engine. Only here is an engine imported; the standard library is all else.

The process is started from the path of this file, so it loads nothing of the rest of the package.
"""

REGISTERS = False
