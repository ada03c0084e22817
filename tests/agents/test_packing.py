import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.agents.models.engine.packing import pack

sequences = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=8), min_size=1, max_size=12)


@given(sequences, st.integers(1, 30))
def test_every_token_of_every_sequence_has_its_node(rows, max_nodes):
    seen = []
    for packed in pack(rows, max_nodes):
        for index, path in zip(packed.sequences, packed.nodes, strict=True):
            seen.append(index)
            assert list(packed.token_ids[path]) == rows[index]
            assert list(packed.positions[path]) == list(range(len(rows[index])))
            for depth, node in enumerate(path):
                assert list(np.flatnonzero(packed.visible()[node])) == sorted(path[: depth + 1])
    assert sorted(seen) == list(range(len(rows)))


@given(sequences)
def test_distinct_prefixes_are_computed_once(rows):
    (packed,) = pack(rows, max_nodes=10_000)
    prefixes = {tuple(row[:end]) for row in rows for end in range(1, len(row) + 1)}
    assert len(packed.token_ids) == len(prefixes)


def test_passes_keep_to_the_limit_unless_one_sequence_alone_is_longer():
    rows = [[1, 2, 3], [4, 5, 6], [7] * 9]
    assert sorted(len(packed.token_ids) for packed in pack(rows, max_nodes=4)) == [3, 3, 9]


def test_an_empty_sequence_is_refused():
    with pytest.raises(ValueError, match="sequence 1 is empty"):
        list(pack([[1], []]))
