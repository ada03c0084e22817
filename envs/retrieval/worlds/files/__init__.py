"""Worlds out of files that people have: question sets in the shapes in which their authors published them."""
