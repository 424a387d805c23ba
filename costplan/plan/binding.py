"""Which ceilings hold the choice of a class, and what an option lacks to be taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from costplan.domain.figures import write_ceiling, write_points, write_price, write_unit_usd
from costplan.domain.option import Option
from costplan.plan.case import Case, ClassCase, value_unit
from costplan.plan.model import Ceiling
from costplan.plan.problem import in_month
from costplan.plan.worth import Worth

CLOSE = 1e-5
"""Relative difference of an option's worth that is a rounding error."""
ALIKE = 1e-3
"""Relative difference of the prices up and down that counts as none."""
FULL = 1e-9
"""Part of a limit that may be left where it is used up."""
TIED = Decimal("1e-9")
"""Part of an option's price that no one would notice."""


@dataclass(frozen=True, slots=True)
class Held:
    """A class with its picks, and the ceilings that bind the plan."""

    case: Case
    part: ClassCase
    chosen: Mapping[str, Decimal]
    """Shares by option."""
    binding: tuple[Ceiling, ...]
    """Ceilings that bind and tell the class's options apart."""
    gaps: Mapping[str, float]
    """What every option falls short of the chosen ones, in the objective per request."""
    prices: Mapping[str, float]
    """Prices of the limits as planned with, those that are not 0."""

    @staticmethod
    def of(
        case: Case,
        part: ClassCase,
        picks: Iterable[tuple[int, Decimal]],
        ceilings: Sequence[Ceiling],
        worth: Worth,
    ) -> Held:
        """Find what binds a class."""
        chosen = {part.options[place].name: share for place, share in picks}
        mine = tuple(c for c in ceilings if binds(c) and _tells_apart(part, c.name))
        prices = _read_prices(worth)
        gaps = _find_gaps(case, part, chosen, prices)
        return Held(case, part, chosen, mine, gaps, prices or {})

    def say_mix(self, option: Option) -> str:
        """Say what share an option takes, and what keeps the mix from moving on."""
        share = self.chosen[option.name]
        if len(self.chosen) == 1:
            return "takes the whole class"
        mixed = [o for o in self.part.options if o.name in self.chosen]
        said = [
            say_binding(ceiling, self.case)
            for ceiling in self.binding
            if len({_use(o, self.part, ceiling.name) for o in mixed}) > 1
        ]
        said += _say_floor(self.part, self.chosen)
        taken = f"takes {float(share) * 100:.1f} % of the class"
        return f"{taken}: {'; '.join(said)}" if said else taken

    def say_lack(self, option: Option) -> str:
        """Say what an option in reach would need; empty where it cannot be said."""
        gap = self.gaps.get(option.name)
        if gap is None:
            return ""
        usd, points = self._needs(option, gap)
        if usd is not None and usd <= option.usd_per_request * TIED:
            return "would do as well, but for a hair"
        needs = []
        if usd is not None and 0 < usd < option.usd_per_request:
            needs.append(f"{write_unit_usd(usd)} a request cheaper")
        if points is not None and 0 < points <= 1 - option.accuracy.mean:
            needs.append(f"{write_points(points)} better".removeprefix("+"))
        return f"would be taken if {' or '.join(needs)}" if needs else ""

    def _needs(self, option: Option, gap: float) -> tuple[Decimal | None, float | None]:
        """By how many dollars a request, or how much accuracy, an option misses being taken."""
        objective = self.case.workload.objective
        if gap <= 0:
            return None, None
        per_usd = 1.0 if objective.minimize or objective.maximize == "net_value" else 0.0
        for name, price in self.prices.items():
            if name.endswith("usd") and _use(option, self.part, name):
                per_usd += price
        if objective.minimize:
            per_point = 0.0
        elif objective.maximize == "accuracy":
            per_point = 1.0 / _requests(self.case.classes)
        else:
            per_point = float(self.part.task.worth)
        usd = Decimal(repr(gap / per_usd)) if per_usd else None
        return usd, gap / per_point if per_point else None


def binds(ceiling: Ceiling) -> bool:
    """Tell whether a ceiling holds the plan: it has a price, or is used up."""
    if ceiling.price_up or ceiling.price_down:
        return True
    spare = float(ceiling.slack) <= FULL * abs(float(ceiling.limit))
    return spare and ceiling.price_up is None


def say_binding(ceiling: Ceiling, case: Case) -> str:
    """Name a ceiling with its amount and what one more of it is worth."""
    said = f"{ceiling.name} binds at {write_ceiling(ceiling.name, ceiling.limit)}"
    if ceiling.price_up is None:
        return said
    objective = case.workload.objective
    aim = "accuracy" if objective.maximize == "accuracy" else "cost" if objective.minimize else ""
    price = write_price(ceiling.name, ceiling.price_up, aim or value_unit(case))
    return f"{said} ({price})"


def _say_floor(part: ClassCase, chosen: Mapping[str, Decimal]) -> Iterator[str]:
    """Name the class's own accuracy floor where a mix just meets it."""
    floor = part.task.min_accuracy
    if floor is None:
        return
    means = {option.name: option.accuracy.mean for option in part.options}
    mean = sum(float(share) * means[name] for name, share in chosen.items())
    if abs(mean - float(floor)) < FULL * 10:
        yield f"the mix just meets min_accuracy, {float(floor) * 100:.1f} %"


def _owner(part: ClassCase, name: str) -> tuple[str, str, str]:
    """Cut a ceiling's name into kind, owner and key."""
    kind, _, rest = name.partition(".")
    owner, _, key = rest.rpartition(".")
    return kind, owner, key


def _tells_apart(part: ClassCase, name: str) -> bool:
    return len({_use(option, part, name) for option in part.options}) > 1


def _use(option: Option, part: ClassCase, name: str) -> float:
    """Give what one request uses of a ceiling; the same for all options where it is not theirs."""
    kind, owner, key = _owner(part, name)
    usd = 0.0 if option.pool is not None else float(option.usd_per_request)
    if kind == "teams":
        if part.task.team is None or owner != in_month(part.task.team, part.month):
            return 0.0
        return usd if key == "usd" else float(option.mean_latency_s or 0)
    if kind == "providers":
        if owner != in_month(option.provider, part.month):
            return 0.0
        return {"usd": usd, "tokens": float(option.tokens_per_request or 0)}.get(key, 1.0)
    if kind == "pools":
        mine = option.pool is not None and owner == in_month(option.pool, part.month)
        return float(option.tokens_per_request or 0) if mine else 0.0
    if name == "usd":
        return usd
    if name == "mean_latency_s":
        return float(option.mean_latency_s or 0)
    return option.accuracy.mean


def _is_plain(case: Case, part: ClassCase) -> bool:
    """Tell whether a dollar of every option is a dollar of the bill, and no floor is a mix's."""
    contracted = {option.provider for option in part.options} & set(case.workload.contracts)
    pooled = any(option.pool is not None for option in part.options)
    return not contracted and not pooled and part.task.min_accuracy is None


def _read_prices(worth: Worth) -> dict[str, float] | None:
    """Read the prices that are not 0; None where some are not the same both ways, or unknown."""
    prices: dict[str, float] = {}
    for name, price in worth.prices.items():
        if not price.up and not price.down:
            continue
        if price.down is None or abs(price.up - price.down) > ALIKE * max(price.up, price.down):
            return None
        prices[name] = price.up
    return prices if worth.prices else None


def _find_gaps(
    case: Case,
    part: ClassCase,
    chosen: Mapping[str, Decimal],
    prices: Mapping[str, float] | None,
) -> dict[str, float]:
    """Price every option at the ceilings' prices; nothing where those do not tell."""
    if prices is None or not _is_plain(case, part):
        return {}
    everything = _requests(case.classes)
    net = {o.name: _net(case, part, o, prices, everything) for o in part.options}
    best = max(net[name] for name in chosen)
    size = max(abs(value) for value in net.values()) or 1.0
    if any(best - net[name] > CLOSE * size for name in chosen):
        return {}
    return {name: best - value for name, value in net.items() if value <= best}


def _net(
    case: Case, part: ClassCase, option: Option, prices: Mapping[str, float], everything: float
) -> float:
    """What one request of an option brings to the objective, less what it uses of the ceilings.

    everything: requests of all classes.
    """
    objective = case.workload.objective
    usd, mean = float(option.usd_per_request), option.accuracy.mean
    worth = float(part.task.worth)
    if objective.minimize:
        net = -usd
    elif objective.maximize == "accuracy":
        net = mean / everything
    else:
        net = worth * mean - (usd if objective.maximize == "net_value" else 0.0)
    for name, price in prices.items():
        net -= price * _use_of_limit(case, part, option, name, everything)
    return net


def _use_of_limit(
    case: Case, part: ClassCase, option: Option, name: str, everything: float
) -> float:
    """What one request uses of a limit in the limit's own unit; negative towards a floor."""
    use = _use(option, part, name)
    kind, _, key = _owner(part, name)
    if name.startswith("target"):
        if case.workload.objective.target_accuracy is not None:
            return -use / everything
        return -use * float(part.task.worth)
    if name == "mean_latency_s" or key.endswith("share"):
        return (-use if key == "min_share" else use) / everything
    if kind == "teams" and key == "mean_latency_s" and use:
        team = [p for p in case.classes if p.task.team == part.task.team and p.month == part.month]
        return use / _requests(team)
    return use


def _requests(parts: Iterable[ClassCase]) -> float:
    return sum(float(part.task.requests) for part in parts)
