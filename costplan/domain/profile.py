"""The profile: what is known of one model."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from costplan.domain.day import Day
from costplan.domain.numbers import Fraction, NotNegative, Positive, WholePositive
from costplan.domain.record import Record

Text = Annotated[str, Field(min_length=1)]


def _to_wire(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Turn the exact numbers of a file into those that JSON libraries write."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _to_wire(part) for key, part in value.items()}
    return [_to_wire(part) for part in value] if isinstance(value, list) else value


class Knob(Record):
    """How the model is told to think."""

    kind: Literal["effort", "budget", "switch", "fixed"]
    """`effort`: a level. `budget`: a number of tokens. `switch`: on or off. `fixed`: no knob."""
    vendor_default: str | None = None
    """Setting the vendor takes when a request is silent; null where unknown."""
    thinks: bool = True
    """Whether the model reasons before it answers, at settings other than `off` and `none`."""
    cap_covers: Literal["all", "visible"] = "all"
    """Whether max_output_tokens caps reasoning and answer, or the answer only."""
    source: Text
    """Where this was read."""
    note: str | None = None
    """What a user should know about the knob."""


class Setting(Record):
    """One position of the knob, as it goes over the wire."""

    effort: str | None = None
    """Level sent."""
    budget: Annotated[int, Field(ge=-1)] | None = None
    """Thinking tokens sent; -1 leaves the amount to the model."""
    switch: Literal["on", "off", "adaptive", "between_tools"] | None = None
    """Switch sent."""
    body: Annotated[dict[str, Any], AfterValidator(_to_wire)] | None = None
    """Raw fields merged into the request last."""
    max_output_tokens: WholePositive
    """Cap on output tokens that is sent with the setting."""


class DatedPrice(Record):
    """A price from a day on; a change is appended, never edited."""

    starts: Day
    """First day of the price."""
    input_usd_per_mtok: NotNegative
    """Dollars per million input tokens."""
    cached_input_usd_per_mtok: NotNegative | None = None
    """Dollars per million input tokens read from the cache; the input price when absent."""
    output_usd_per_mtok: NotNegative
    """Dollars per million output tokens, reasoning included."""
    batch_multiplier: Fraction | None = None
    """What a batch request pays per dollar of these prices; no batch price when absent."""
    source: Text
    """Where the price was read."""
    checked: Day
    """Day it was read."""


class PriceKey(Record):
    """Where the price library (genai-prices) keeps the model."""

    provider: Text
    """Provider id in the library."""
    model: Text
    """Model id asked for in the library."""
    resolves_to: Text
    """Model id that the library must answer with; anything else is refused."""


class Speed(Record):
    """How fast the model answers."""

    first_token_s: NotNegative
    """Median seconds to the first token, thinking not counted."""
    tokens_per_s: Positive
    """Median output tokens per second, reasoning included."""
    source: Text
    """Where this was read."""
    date: Day
    """Day of the reading."""


class Profile(Record):
    """What is known of one model: knob, settings, limits, prices, speed, and when it ends."""

    title: Text
    """Name as the vendor writes it."""
    provider: Text
    """Who serves it: names a key, an address and a protocol."""
    model: Text
    """Model id on the wire."""
    serves_as: tuple[Text, ...] = ()
    """Patterns of what a reply may call itself."""
    open_weights: bool = False
    """Whether the weights are public, so that others or own hardware can serve it."""
    released: Day | None = None
    """Day of release; null where unknown."""
    ends: Day | None = None
    """Day the vendor stops answering; null where none is announced."""
    ends_note: str | None = None
    """What happens then, and where it was read."""
    context_tokens: WholePositive | None = None
    """Most tokens of input and output together; null where unknown."""
    output_limit: WholePositive | None = None
    """Most output tokens, reasoning included; null where unknown."""
    limits_source: str | None = None
    """Where the two limits were read."""
    knob: Knob
    """How the model is told to think."""
    sampling: Literal["none", "default_only", "free"] = "free"
    """Which sampling parameters a request may carry."""
    settings: Annotated[dict[Text, Setting], Field(min_length=1)]
    """Positions of the knob by label, least thinking first."""
    price_key: PriceKey | None = None
    """Where the price library keeps the model; null when it does not know it."""
    prices: tuple[DatedPrice, ...] = ()
    """Prices that the library lacks or that override it, earliest first."""
    speed: Speed | None = None
    """How fast it answers; null where no figure is known."""
    notes: tuple[Text, ...] = ()
    """What a user should know: disagreeing sources, rerouted ids."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        faults = [
            fault
            for label, setting in self.settings.items()
            for fault in self._check(label, setting)
        ]
        lowered = [label.lower() for label in self.settings]
        if len(set(lowered)) != len(lowered):
            faults.append("setting labels differ only in case")
        if [price.starts for price in self.prices] != sorted(
            {price.starts for price in self.prices}
        ):
            faults.append("prices must rise in starts, one per day")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _check(self, label: str, setting: Setting) -> list[str]:
        faults = []
        said = {"effort": setting.effort, "budget": setting.budget, "switch": setting.switch}
        needed = None if self.knob.kind == "fixed" else said[self.knob.kind]
        if (
            setting.body is None
            and self.knob.kind != "fixed"
            and all(v is None for v in said.values())
        ):
            faults.append(f"setting {label!r} says nothing, but the knob is {self.knob.kind}")
        if self.knob.kind == "fixed" and any(v is not None for v in said.values()):
            faults.append(f"setting {label!r} turns a knob that the model does not have")
        if (
            setting.budget is not None
            and needed is not None
            and setting.budget >= setting.max_output_tokens
        ):
            faults.append(f"setting {label!r}: the budget must be below max_output_tokens")
        if self.output_limit is not None and setting.max_output_tokens > self.output_limit:
            faults.append(f"setting {label!r}: max_output_tokens is above output_limit")
        return faults
