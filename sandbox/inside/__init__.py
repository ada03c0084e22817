"""What is copied into every sandbox, as a folder: the fork-server, and how a program runs in it.

It imports the standard library and itself, and nothing else: nothing else of ours is there.
"""
