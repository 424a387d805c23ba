"""Who is asked: options with their address, key, price, caps and limits, ready to be called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.endpoint import OwnEndpoint
from costplan.domain.price import Price, UnknownPriceError
from costplan.domain.profile import Profile
from costplan.domain.profile import Setting as Position
from costplan.domain.workload import Workload
from costplan.plan.probing_stage import Name, Stage
from costplan.probe.budget import Tariff, most_input_tokens
from costplan.probe.desk import Contender
from costplan.probe.graders import Judge
from costplan.probe.questions import Question
from costplan.providers.dialects import DIALECTS
from costplan.providers.fault import CallError
from costplan.providers.limits import Gate
from costplan.providers.reply import Reply
from costplan.providers.request import Message, Request, Role, Setting, Switch, Tier
from costplan.providers.table import PROVIDERS, adapter, most_output_tokens
from costplan.providers.wire import Endpoint

if TYPE_CHECKING:
    from costplan.providers.retry import Send
    from costplan.providers.transport import Client

TIMEOUT_S = 900.0
TIERED = {"openai_responses", "anthropic", "gemini"}
"""Protocols whose vendors have service tiers."""
LARGE_CALL = Decimal(10**7)
HOST_LONG_CALL = 100_000
"""Input tokens from which a host's dearest price is taken, where its steps are not listed."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model is asked."""

    protocol: str
    """What is spoken there."""
    endpoint: Endpoint
    """Address, dialect and the variable with the key."""
    own: OwnEndpoint | None
    """What the workload says of it."""
    vendor: bool
    """Whether it is the provider's usual address, tiers and all."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A model at a setting that can be asked, but for the connection."""

    name: Name
    """Model and setting."""
    provider: str
    """Who is paid."""
    address: Address
    """Where it is asked."""
    template: Request
    """Wire model, setting, cap and tier."""
    tariff: Tariff
    """What a call costs."""
    output_tokens: int
    """Most output that a call can be billed for."""


@dataclass(slots=True)
class Lineup:
    """Seats by option, and why others have none."""

    seats: dict[Name, Seat] = field(default_factory=dict)
    """Who can be asked."""
    barred: dict[Name, str] = field(default_factory=dict)
    """Who cannot, and why."""

    def missing_keys(self, environ: Mapping[str, str], names: Iterable[Name]) -> dict[str, str]:
        """List the variables without a key, with a model that needs each."""
        missing: dict[str, str] = {}
        for name in names:
            seat = self.seats.get(name)
            variable = seat.address.endpoint.key_env if seat else None
            if variable and not environ.get(variable, "").strip():
                missing.setdefault(variable, name[0])
        return missing


def line_up(stage: Stage, names: Iterable[Name], day: dt.date) -> Lineup:
    """Give every option a seat, or the reason why it has none."""
    found = Lineup()
    asked = [question for group in stage.questions.values() for question in group]
    wanted = dict.fromkeys([*names, *_judges(asked)])
    tariffs: dict[str, Tariff] = {}
    for name in wanted:
        seat = _seat(stage, name, day, asked, tariffs)
        if isinstance(seat, Seat):
            found.seats[name] = seat
        else:
            found.barred[name] = seat
    return found


def _judges(asked: Iterable[Question]) -> list[Name]:
    """Name the models that mark answers."""
    graders = (question.grader for question in asked)
    return list(dict.fromkeys((g.model, g.setting) for g in graders if isinstance(g, Judge)))


def judges_of(stage: Stage) -> list[Name]:
    """Name the models that mark answers."""
    return _judges(question for group in stage.questions.values() for question in group)


def _seat(
    stage: Stage, name: Name, day: dt.date, asked: list[Question], tariffs: dict[str, Tariff]
) -> Seat | str:
    model, label = name
    profile = stage.sources.profiles.get(model)
    if profile is None:
        return f"there is no profile of '{model}'"
    if label not in profile.settings:
        return f"'{model}' has no setting '{label}'"
    workload = stage.case.workload
    provider = workload.hosts.get(model, profile.provider)
    address = find_address(model, provider, workload)
    if isinstance(address, str):
        return address
    try:
        if model not in tariffs:  # its settings have one price
            tariffs[model] = find_tariff(model, profile, workload, day)
    except UnknownPriceError as unknown:
        return "; ".join(fault.message for fault in unknown.faults)
    position = profile.settings[label]
    template = _template(model, label, profile, position, address)
    room = _room(profile, template, asked)
    if room < 1 or (position.budget or 0) >= room:
        return "the longest question leaves no room for an answer in its context"
    template = replace(template, max_output_tokens=min(template.max_output_tokens, room))
    try:
        most = _most_output(profile, position, address, template)
    except CallError as fault:
        return str(fault)
    return Seat(name, provider, address, template, tariffs[model], most)


def find_address(model: str, provider: str, workload: Workload) -> Address | str:
    """Find where a model is asked: the workload's word for it, else its provider's usual address.

    A text says why there is none.
    """
    own = workload.endpoints.get(model) or workload.endpoints.get(provider)
    usual = PROVIDERS.get(provider)
    if own is None:
        if usual is None:
            return (
                f"no address is known of '{provider}': give the workload endpoints: {{{model}: …}}"
            )
        return Address(usual[0], usual[1], None, vendor=True)
    if own.protocol == "bedrock":
        return Address("bedrock", Endpoint(own.base_url or ""), own, vendor=own.base_url is None)
    chat = own.dialect is not None or usual is None
    protocol = own.protocol or ("openai_chat" if chat or usual is None else usual[0])
    same = usual is not None and usual[0] == protocol
    dialect = own.dialect or (usual[1].dialect if usual and same else "openai")
    if own.base_url is not None:
        endpoint = Endpoint(own.base_url.rstrip("/"), own.key_env, dialect)
        return Address(protocol, endpoint, own, vendor=False)
    if usual is None:
        return f"endpoints: '{model}' needs a base_url, for no address is known of '{provider}'"
    endpoint = Endpoint(usual[1].base_url, own.key_env or usual[1].key_env, dialect)
    return Address(protocol, endpoint, own, vendor=True)


def find_tariff(model: str, profile: Profile, workload: Workload, day: dt.date) -> Tariff:
    """Find what calls cost on the day they are made, at the standard price and never the batch's.

    Raises UnknownPriceError.
    """
    from costplan.files.prices import find_price, list_prices, prices_by_hour

    host, stated = workload.hosts.get(model), workload.prices.get(model)

    def at(size: Decimal) -> Price:
        return find_price(
            model, profile, as_of=day, batch=False, input_tokens=size, host=host, stated=stated
        )

    price = at(Decimal(0))
    if stated is not None:
        return Tariff(price)
    if host is not None and host.casefold() != profile.provider.casefold():
        large = at(LARGE_CALL)
        dearer = large.rates() != price.rates()
        return Tariff(price, ((HOST_LONG_CALL, large),) if dearer else ())
    listing = list_prices({model: profile}, day)[0]
    return Tariff(price, listing.long_calls, by_hour=prices_by_hour(model, profile, day))


def _template(
    model: str, label: str, profile: Profile, position: Position, address: Address
) -> Request:
    own = address.own
    wire = own.model if own is not None and own.model else profile.model
    tiers = address.protocol in TIERED or (
        address.protocol == "openai_chat" and bool(DIALECTS[_dialect(address)].tiers)
    )
    return Request(
        question_id="-",
        model=wire,
        messages=(Message(Role.USER, "-"),),
        setting=Setting(
            label,
            effort=position.effort,
            budget=position.budget,
            switch=None if position.switch is None else Switch(position.switch),
            body=position.body or {},
        ),
        max_output_tokens=int(position.max_output_tokens),
        tier=Tier.STANDARD if tiers and address.vendor else None,
        timeout_s=float(own.timeout_s) if own is not None and own.timeout_s else TIMEOUT_S,
        serves_as=(*profile.serves_as, profile.model, model),
    )


def _dialect(address: Address) -> str:
    return address.endpoint.dialect or "openai"


def _room(profile: Profile, template: Request, asked: Iterable[Question]) -> int:
    """Give the most output tokens that fit beside the longest question."""
    if profile.context_tokens is None:
        return template.max_output_tokens
    # about three bytes to a token: the provider has the last word
    longest = max(
        (
            most_input_tokens(replace(template, messages=q.messages, system=q.system)) // 3
            for q in asked
        ),
        default=0,
    )
    return int(profile.context_tokens) - longest


def _most_output(profile: Profile, position: Position, address: Address, template: Request) -> int:
    """Bound the output that a call can be billed for. Raises CallError where nothing does."""
    if address.protocol == "bedrock":
        return template.max_output_tokens
    most = most_output_tokens(address.endpoint, template)
    if profile.knob.cap_covers == "all":
        return most
    if position.budget is not None and position.budget >= 0:
        return max(most, template.max_output_tokens + position.budget)
    limits = [limit for limit in (profile.output_limit, profile.context_tokens) if limit]
    return max(most, int(limits[0])) if limits else most


class Connected:
    """The line-up with its connections: contenders that can be asked."""

    def __init__(self, lineup: Lineup, client: Client, *, at_once: int) -> None:
        """Use a client; at_once is the most calls under way at one model."""
        self.lineup = lineup
        self._client = client
        self._at_once = at_once
        self._gates: dict[tuple[str, str], Gate] = {}
        self._made: dict[Name, Contender] = {}

    def contender(self, name: Name) -> Contender:
        """Give an option that has a seat."""
        if name not in self._made:
            self._made[name] = self._make(self.lineup.seats[name])
        return self._made[name]

    def _make(self, seat: Seat) -> Contender:
        return Contender(
            model=seat.name[0],
            setting=seat.name[1],
            provider=f"{seat.provider} {seat.address.endpoint.base_url}",
            template=seat.template,
            send=self._sender(seat),
            tariff=seat.tariff,
            gate=self._gate(seat),
            output_tokens=seat.output_tokens,
        )

    def _sender(self, seat: Seat) -> Send:
        address = seat.address
        if address.protocol == "bedrock":
            from costplan.providers.bedrock import Bedrock

            own = address.own
            return Bedrock(
                region=own.region if own else None,
                endpoint_url=address.endpoint.base_url or None,
                calls=self._at_once,
            ).send
        speaks, client, key_env = (
            adapter(address.protocol, address.endpoint), self._client, address.endpoint.key_env,
        )  # fmt: skip

        async def send(request: Request) -> Reply:
            return await client.send(speaks, request, key_env)

        return send

    def _gate(self, seat: Seat) -> Gate:
        """Let the settings of one model share its limits, as providers do."""
        key = (seat.address.endpoint.base_url, seat.template.model)
        if key not in self._gates:
            own = seat.address.own
            most = min(self._at_once, own.at_once) if own and own.at_once else self._at_once
            self._gates[key] = Gate(
                most=most,
                requests_per_minute=_rate(own.requests_per_minute if own else None),
                tokens_per_minute=_rate(own.tokens_per_minute if own else None),
            )
        return self._gates[key]


def _rate(limit: Decimal | None) -> float | None:
    return None if limit is None else float(limit)
