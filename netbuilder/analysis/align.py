"""Which layer of one net is which layer of another: by name, then by content and place."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

# Positions before and after (None: not there), and True if it stands elsewhere among its matches.
Pair = tuple[int | None, int | None, bool]

MOST = 1_000_000  # comparisons between renamed stretches; difflib is quadratic


def align(before: Sequence[tuple[str, Hashable]], after: Sequence[tuple[str, Hashable]],
          ) -> Iterator[Pair]:
    """Pairs up two lists of (name, content), in the order of the second one.

    Layers of one name belong together (the k-th with the k-th). Of those left over, layers
    that stand between the same neighbours and have the same content do: they were renamed.
    """
    named = _by_name([name for name, _ in before], [name for name, _ in after])
    taken = set(named.values())
    chain = _longest_rising(named)
    renamed: list[tuple[int, int]] = []
    for (i0, j0), (i1, j1) in pairwise([(-1, -1), *chain, (len(before), len(after))]):
        left = [i for i in range(i0 + 1, i1) if i not in named]
        right = [j for j in range(j0 + 1, j1) if j not in taken]
        renamed += _by_content(before, left, after, right)
    return _walk(named | dict(renamed), sorted(chain + renamed), len(before), len(after))


def _by_name(before: Sequence[str], after: Sequence[str]) -> dict[int, int]:
    places = {key: place for place, key in enumerate(_numbered(after))}
    return {i: places[key] for i, key in enumerate(_numbered(before)) if key in places}


def _numbered(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name, seen[name]


def _longest_rising(pairs: dict[int, int]) -> list[tuple[int, int]]:
    """The most pairs that keep their order; the others have moved."""
    ends: list[int] = []  # the smallest end of a rising row of each length
    lengths = []
    for i in sorted(pairs):
        length = bisect_left(ends, pairs[i])
        ends[length: length + 1] = [pairs[i]]
        lengths.append((length, i))
    rising, wanted = [], len(ends) - 1
    for length, i in reversed(lengths):
        if length == wanted and (not rising or pairs[i] < rising[-1][1]):
            rising.append((i, pairs[i]))
            wanted -= 1
    return rising[::-1]


def _by_content(before: Sequence, left: Sequence[int], after: Sequence, right: Sequence[int],
                ) -> list[tuple[int, int]]:
    old, new = [before[i][1] for i in left], [after[j][1] for j in right]
    start = 0  # a stretch renamed as a whole needs no search
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    found = [(k, k) for k in range(start)]
    if (len(old) - start) * (len(new) - start) <= MOST:
        matcher = SequenceMatcher(None, old[start:], new[start:], autojunk=False)
        found += [(start + block.a + k, start + block.b + k)
                  for block in matcher.get_matching_blocks() for k in range(block.size)]
    return [(left[a], right[b]) for a, b in found]


def _walk(pairs: dict[int, int], chain: list[tuple[int, int]], before: int, after: int,
          ) -> Iterator[Pair]:
    """Every layer once: what is gone where it stood, what has moved where it stands now."""
    origins = {j: i for i, j in pairs.items()}
    for (i0, j0), (i1, j1) in pairwise([(-1, -1), *chain, (before, after)]):
        yield from ((i, None, False) for i in range(i0 + 1, i1) if i not in pairs)
        yield from ((origins.get(j), j, j in origins) for j in range(j0 + 1, j1))
        if j1 < after:
            yield i1, j1, False
