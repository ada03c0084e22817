"""Critics: how probable is it that what was found suffices?"""
