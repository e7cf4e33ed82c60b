"""Chains of affine layers, and the places where each could be taken up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netbuilder.merge.affine import AFFINE, STATISTICS, Affine, Unfoldable, affine_of
from netbuilder.merge.linear import LINEAR, check_after, check_before
from netbuilder.merge.steps import Step, Value, Wiring


@dataclass(frozen=True, eq=False)
class Chain:
    """Affine layers one behind the other, each the only reader of the one before it."""

    steps: tuple[Step, ...]
    affine: Affine

    @property
    def source(self) -> Value:
        """What the first one reads."""
        return self.steps[0].bottoms[0]

    @property
    def result(self) -> Value:
        """What the last one makes."""
        return self.steps[-1].tops[0]

    @property
    def has_statistics(self) -> bool:
        """True if there is a batch norm in it."""
        return any(step.type in STATISTICS for step in self.steps)

    def __str__(self) -> str:
        return ", ".join(map(str, self.steps))


@dataclass(frozen=True)
class Place:
    """The steps that take up a chain; each stands ``before`` it, or behind it."""

    steps: tuple[Step, ...]
    before: bool


def chains_of(steps: Sequence[Step], wiring: Wiring
              ) -> tuple[list[Chain], dict[Step, str]]:
    """All chains, and why steps of an affine type are in none."""
    ends: dict[Value, Chain] = {}  # by what it makes
    reasons: dict[Step, str] = {}
    for step in steps:
        if step.type not in AFFINE or not step.blobs:
            continue
        try:
            affine = affine_of(step)
        except Unfoldable as reason:
            reasons[step] = str(reason)
            continue
        chain, above = Chain((step,), affine), ends.get(step.bottoms[0])
        if above and above.affine.axis == affine.axis and len(wiring.readers[above.result]) == 1:
            del ends[above.result]
            chain = Chain((*above.steps, step), above.affine.then(affine))
        ends[chain.result] = chain
    return list(ends.values()), reasons


def places_of(chain: Chain, wiring: Wiring) -> tuple[list[Place], list[str]]:
    """Where a chain can be taken up, best first, and why it cannot elsewhere."""
    places, reasons = [], []
    for place in (_after_maker, _before_readers):
        try:
            places.append(place(chain, wiring))
        except Unfoldable as reason:
            reasons.append(str(reason))
    return places, reasons


def _after_maker(chain: Chain, wiring: Wiring) -> Place:
    maker = wiring.maker[chain.source]
    if maker.type not in LINEAR:
        raise Unfoldable(f"its bottom is made by {maker}")
    others = [step for step in wiring.readers[chain.source] if step is not chain.steps[0]]
    if others:
        raise Unfoldable(f"what {maker} makes is read by {_listed(others)} too")
    _check(maker, lambda: check_after(maker.layer, chain.affine))
    return Place((maker,), before=True)


def _before_readers(chain: Chain, wiring: Wiring) -> Place:
    readers = wiring.readers[chain.result]
    if not readers:
        raise Unfoldable("its top is an output of the net")
    others = [step for step in readers if step.type not in LINEAR]
    if others:
        raise Unfoldable(f"its top is read by {_listed(others)}")
    for reader in readers:
        _check(reader, lambda reader=reader: check_before(reader.layer, chain.affine))
    return Place(tuple(readers), before=False)


def _check(step: Step, check: Callable[[], None]) -> None:
    if len(step.bottoms) > 1:
        raise Unfoldable(f"{step} works on {len(step.bottoms)} bottoms with the same filters")
    if any(step.layer.message.loss_weight):
        raise Unfoldable(f"the top of {step} has a loss_weight")
    try:
        check()
    except Unfoldable as reason:
        raise Unfoldable(f"{step}: {reason}") from None


def _listed(steps: Sequence[Step]) -> str:
    named = " and ".join(map(str, steps[:2]))
    return f"{named} and {len(steps) - 2} more" if steps[2:] else named
