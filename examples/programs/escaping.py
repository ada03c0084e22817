import os

os._exit(0)  # ends its own process before anything is asked
