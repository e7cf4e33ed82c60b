"""Chains of affine layers, and the places where each could be taken up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    value, reader = chain.source, chain.steps[0]
    while _passes_on(wiring.maker[value]):
        _check_only_reader(reader, value, wiring)
        reader = wiring.maker[value]
        value, = reader.bottoms
    maker = wiring.maker[value]
    if maker.type not in LINEAR:
        raise Unfoldable(f"its bottom is made by {maker}")
    _check_only_reader(reader, value, wiring)
    _check(maker, lambda: check_after(maker.layer, chain.affine))
    return Place((maker,), before=True)


def _passes_on(step: Step) -> bool:
    """True for a Dropout: in TEST its top is its bottom. Those of forks may do more there."""
    return (step.type == "Dropout" and step.layer.fields.scale_train
            and not step.layer.fields.sample_weights_test
            and not any(step.layer.message.loss_weight))


def _check_only_reader(reader: Step, value: Value, wiring: Wiring) -> None:
    others = [step for step in wiring.readers[value] if step is not reader]
    if others:
        raise Unfoldable(f"what {wiring.maker[value]} makes is read by {_listed(others)} too")


def _before_readers(chain: Chain, wiring: Wiring) -> Place:
    readers = list(_readers(chain.result, wiring))
    others = [step for step in readers if step.type not in LINEAR]
    if others:
        raise Unfoldable(f"its top is read by {_listed(others)}")
    for reader in readers:
        _check(reader, lambda reader=reader: check_before(reader.layer, chain.affine))
    return Place(tuple(readers), before=False)


def _readers(value: Value, wiring: Wiring) -> Iterator[Step]:
    """Who reads a value, or what passes it on."""
    if not wiring.readers[value]:
        raise Unfoldable("its top is an output of the net")
    for step in wiring.readers[value]:
        if _passes_on(step):
            yield from _readers(step.tops[0], wiring)
        else:
            yield step


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
