"""Games as data: their schema and rules, the machine that plays them, the solver, the sampler, the proofs.

    game = read_game(text)            InvalidGame says every rule that is broken, and where
    machine = compile_game(game)      states are whole numbers, commands are operators on their bits
    solve(machine)                    the shortest winning plan
    sample_game("train", 7, 3)        a game of a seed, proven winnable

Everything here is pure Python and needs pydantic (the extra `adventures`). Other engines read the same games.
"""

REGISTERS = False
