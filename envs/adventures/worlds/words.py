"""The words that a game may not use, because the parser of every backend has its own meaning for them."""

from __future__ import annotations

LETTERS_THAT_COUNT = 9
"""A Z-machine's dictionary knows a word by so many letters."""


def dictionary_form(word: str) -> str:
    """What a Z-machine's dictionary keeps of a word: so many letters, and a hyphen takes the room of two."""
    room = LETTERS_THAT_COUNT
    for at, letter in enumerate(word):
        room -= 2 if letter == "-" else 1
        if room < 0:
            return word[:at]
    return word


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PREPOSITIONS = _words("with in on to from at into onto against inside under behind over through off about for by")
PARSER_WORDS = PREPOSITIONS | _words(
    """
    a an the some any other another my your his her its their this that these those here there nowhere reach inventory
    it him them me myself self you i and or but then except all everything every each both none nothing one two three
    north south east west northeast northwest southeast southwest up down out n s e w ne nw se sw u d
    score turn turns open closed locked unlocked
    """
)
"""Words that no name may hold."""
OWNED_VERBS = _words(
    """
    adjust answer ask attach attack awake awaken break burn buy carry check chop clean clear climb close consult
    cover crack cross cut describe destroy discard display disrobe doff don drag drink drop dust eat embrace enter
    examine exit fasten feed feel fight fix get give go hear hit hold hop hug insert inventory jump kill kiss leave
    light listen lock look move murder nap no normal notify nouns offer open pay pick polish present press pronouns
    prune pull punch purchase push put quit read remove restart restore rotate rub run save say scale score screw
    script scrub search set shed shift shine shout show shut sip sit skip sleep slice smash smell sniff sorry speak
    squash squeeze stand superbrief swallow sweep swing switch take taste tell think throw thump tie torture touch
    transcript turn twist uncover undo unlock unscrew unwrap verbose verify version wait wake walk watch wave wear
    wipe wreck yes again abstract actions gonear goto purloin random relations responses rules scenes showheap showme
    showverb test trace tree brief long short i l x g q z n s e w d u oops please now just
    """
)
"""Verbs of Inform 7's Standard Rules and testing commands, and of our own commands: no game may define them anew."""
