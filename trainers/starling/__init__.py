"""The STARLING protocol: does pre-training on adventures help on adventures that were never seen?"""
