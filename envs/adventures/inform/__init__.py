"""The second backend: a game as Inform 7 text, compiled to a Z-machine file, and played from that file.

    path = compile_story(game)            GameNotCompiled says why not, part by part
    CompiledGame(stage, path)             plays the file in a process of its own

Needs the extra `textworld`: it brings the compilers (Inform 7 build 6M62, Inform 6.33) and Jericho, which plays.
Nothing here imports either.
"""

REGISTERS = False
