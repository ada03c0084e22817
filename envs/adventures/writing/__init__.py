"""From an idea to a game: outlines, which people or models write, and the code that makes a proven game of one.

    outlines_of(text)                 outlines that a person wrote as lines of text
    build(outline)                    its game: the map drawn, points and limits set; Unbuilt says why there is none
    WriterDesk(idea, difficulty, 7)   asks slot by slot for what an outline needs, and ends with a game or with reasons

A desk asks nobody by itself: whoever holds it reads `prompt` and `choices`, and calls `answer`.
"""

REGISTERS = False
