"""What a plan knows beside its lines: intervals, what was considered, what would change it."""

from __future__ import annotations

from typing import Literal

from costplan.plan.part import Amount, ClassName, Grade, Number, Part, Real


class Interval(Part):
    """A mean with its interval at the plan's confidence."""

    mean: Real
    """Expected value."""
    low: Real
    """Lower end."""
    high: Real
    """Upper end."""


class Accuracy(Interval):
    """An accuracy, 0 to 1, with its interval and how good the evidence is."""

    grade: Grade
    """`stated`, `measured`, `published` or `assumed`."""


class Considered(Part):
    """An option or model that was looked at for a class, and its fate."""

    task_class: ClassName
    """The class."""
    option: str
    """Name of the option."""
    fate: Literal["chosen", "hull", "dominated", "off_hull", "shut_out", "left_out"]
    """"chosen", "hull", "dominated", "off_hull", "shut_out", "left_out"."""
    reason: str
    """Why, in one sentence."""
    usd_per_request: Amount | None
    """Dollars per request."""
    accuracy: Accuracy | None
    """Share of right answers."""
    mean_latency_s: Number | None
    """Mean seconds per request."""


class Change(Part):
    """At which ceiling the choice of a class would change."""

    task_class: ClassName
    """The class."""
    ceiling: str
    """The ceiling that moves."""
    at: Number
    """Its value at which the choice changes."""
    option: str
    """What the class would then turn to."""
    message: str
    """The change in one sentence."""


class Reach(Part):
    """A range of a ceiling in which a class takes the same options, in whatever shares."""

    task_class: ClassName
    """The class."""
    ceiling: str
    """The ceiling that moves, all others as they are."""
    low: Number
    """From which amount on."""
    high: Number | None
    """Up to which amount; null where nothing above was found to change it."""
    options: tuple[str, ...]
    """The options taken there."""


class Unknown(Part):
    """A class whose measurement could change the plan."""

    task_class: ClassName
    """The class."""
    options: tuple[str, ...]
    """Options that may turn out best, likeliest first."""
    gain: Real
    """Value per period that knowing their accuracies exactly would bring on average."""
    questions: int
    """Own questions per option that would say most of it."""
    usd: Amount
    """What asking them would cost."""


class FrontierPoint(Part):
    """A point of the best objective by money."""

    usd: Amount
    """Dollars per period."""
    value: Real
    """Best value."""
    accuracy: Real
    """Mean accuracy of that plan."""


class NextStep(Part):
    """What a little more of a ceiling would buy."""

    name: str
    """The ceiling."""
    step: Number
    """How much more."""
    value: Real
    """Gain of the objective."""
    accuracy: Real | None
    """Gain of the mean accuracy."""
