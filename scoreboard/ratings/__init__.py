"""Ratings: strengths with intervals out of who beat whom, and what game theory says of the same games.

`davidson` fits games of two, `plackett_luce` games of more seats; both give the `Ratings` of `strengths`.
`game_theory` has Nash averaging and alpha-rank.
"""
