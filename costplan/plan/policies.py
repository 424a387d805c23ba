"""Policies of a class as options beside its single settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.option import Exclusion, Option
from costplan.domain.policy import Auto, Policy
from costplan.domain.workload import Workload
from costplan.files.suggestions import did_you_mean
from costplan.plan.case import ClassCase
from costplan.plan.measured import Joint

if TYPE_CHECKING:
    from costplan.evidence.belief import Belief
    from costplan.policies.estimate import PolicyEstimate
    from costplan.policies.measured import Evidence
    from costplan.policies.table import Table

FEW_QUESTIONS = 20.0
"""Questions' worth of pull from the measured to the usual dependence between settings."""


def add_policies(
    part: ClassCase, workload: Workload, joint: Joint | None = None, belief: Belief | None = None
) -> ClassCase:
    """Add the policies that a class asks for to its single settings.

    From joint outcomes where the class has some, else put together from what was measured apart
    and graded assumed; what cannot be said is left out with the reason. Raises InputError where a
    policy names an option that the class never had.
    """
    task = part.task
    if not task.policies or not part.options:
        return part
    singles = {option.name: option for option in part.options}
    _refuse_unknown(part, singles)
    maker = _Maker(part, workload, singles, _evidence(workload, singles, joint, belief), joint)
    made = {option.name: option for option in maker.make_all()}
    return replace(
        part,
        options=(*part.options, *made.values()),
        exclusions=(*part.exclusions, *maker.left_out),
    )


def _refuse_unknown(part: ClassCase, singles: Mapping[str, Option]) -> None:
    known = [*singles, *(exclusion.name for exclusion in part.exclusions)]
    models = {exclusion.name for exclusion in part.exclusions}
    faults = []
    for policy in part.task.policies:
        for name in policy.options:
            if name in known or name.rpartition("/")[0] in models:
                continue
            advice = did_you_mean(name, known, most=3) or (
                f"it has {', '.join(list(singles)[:5])}" if singles else ""
            )
            said = f"class {part.task.name!r}: a {policy.kind} names {name!r}, which is no option"
            faults.append(Fault(said, advice=advice))
        if policy.name in singles:
            said = f"class {part.task.name!r}: a policy is named like the option {policy.name!r}"
            faults.append(Fault(said, advice="give it a name of its own"))
    if faults:
        raise InputError(dict.fromkeys(faults))


def _evidence(
    workload: Workload,
    singles: Mapping[str, Option],
    joint: Joint | None,
    belief: Belief | None,
) -> Evidence | None:
    """Take joint outcomes of the settings that are options, and what is believed of them."""
    if joint is None or belief is None:
        return None
    from costplan.policies.estimate import Trust
    from costplan.policies.joint import USUAL_DEPENDENCE, measure_dependence
    from costplan.policies.measured import Evidence

    known = set(joint.table.settings)
    names = {
        name: (option.model, option.setting)
        for name, option in singles.items()
        if (option.model, option.setting) in known and option.source.source != "workload"
    }
    n = len(joint.table.questions)
    shown = measure_dependence(joint.table)
    return Evidence(
        table=_at_plan_prices(joint.table, {key: singles[name] for name, key in names.items()}),
        settings=names,
        believed={key: singles[name].accuracy.mean for name, key in names.items()},
        dependence=(n * shown + FEW_QUESTIONS * USUAL_DEPENDENCE) / (n + FEW_QUESTIONS),
        trust=Trust(float(workload.confidence), belief.widen),
    )


def _at_plan_prices(table: Table, options: Mapping[tuple[str, str], Option]) -> Table:
    """Take the dollars of every question to the prices at which its setting is planned.

    Tokens say how a question's dollars compare with the others'; the setting's own dollars per
    request say their mean.
    """
    import numpy as np

    usd, filled = table.usd.copy(), table.filled_usd.copy()
    for setting, option in options.items():
        if option.price is None:
            continue
        column = table.place(setting)
        asked = table.count[:, column] > 0
        price = option.price
        spent = table.input_tokens[:, column] * float(price.input_usd_per_mtok)
        spent = spent + table.output_tokens[:, column] * float(price.output_usd_per_mtok)
        known = asked & np.isfinite(spent)
        mean = float(spent[known].mean()) if known.any() else 0.0
        shape = np.where(known, spent / mean, 1.0) if mean > 0 else np.ones(len(spent))
        usd[:, column] = np.where(asked, shape * float(option.usd_per_request), np.nan)
        filled[column] = float((asked & ~known).sum() / max(asked.sum(), 1))
    return replace(table, usd=usd, filled_usd=filled)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the policies of a class, and keeps what could not be made."""

    part: ClassCase
    workload: Workload
    singles: Mapping[str, Option]
    evidence: Evidence | None
    joint: Joint | None
    left_out: list[Exclusion] = field(default_factory=list)

    def make_all(self) -> Iterator[Option]:
        """Make every policy in the workload's order, proposals where they are asked for."""
        taken = set(self.singles)
        for policy in self.part.task.policies:
            for estimate in self._estimate(policy):
                option = self._make(estimate)
                if option is None or (option.name in taken and policy.auto is not None):
                    continue
                name, number = option.name, 2
                while name in taken:
                    name, number = f"{option.name} #{number}", number + 1
                taken.add(name)
                yield replace(option, name=name)

    def _estimate(self, policy: Policy) -> Sequence[PolicyEstimate]:
        from costplan.policies.naming import name_policy

        if policy.auto is not None:
            return self._propose(policy.auto)
        name = policy.name or name_policy(policy)
        for option in policy.options:
            if option not in self.singles:
                reasons = {e.name: e.reason for e in self.part.exclusions}
                why = reasons.get(option) or reasons[option.rpartition("/")[0]]
                return self._leave_out(name, "no_member", f"{option} is no option here: {why}")
        found = self._from_outcomes(policy)
        return self._assume(policy, name, found) if isinstance(found, str) else found

    def _from_outcomes(self, policy: Policy) -> Sequence[PolicyEstimate] | str:
        """Evaluate a policy on joint outcomes; what they lack otherwise."""
        from costplan.policies.evaluate import evaluate
        from costplan.policies.facts import NotMeasured

        evidence, joint = self.evidence, self.joint
        if evidence is None or joint is None:
            return ""
        key = self._key(policy)
        if key not in joint.memo:
            try:
                joint.memo[key] = (evaluate(policy, evidence),)
            except NotMeasured as error:
                joint.memo[key] = str(error)
        return joint.memo[key]

    def _assume(self, policy: Policy, name: str, lack: str) -> Sequence[PolicyEstimate]:
        """Put a policy together from what was measured apart, and say what the outcomes lacked."""
        from costplan.policies.assumed import assume
        from costplan.policies.facts import NotMeasured

        try:
            estimate = assume(policy, self.singles)
        except NotMeasured as error:
            return self._leave_out(name, "not_measured", lack or str(error))
        notes = (f"put together, not replayed: {lack}",) if lack else ()
        return (replace(estimate, notes=(*notes, *estimate.notes)),)

    def _propose(self, auto: Auto) -> Sequence[PolicyEstimate]:
        from costplan.policies.propose import propose, propose_assumed

        if self.evidence is None or self.joint is None:
            found = propose_assumed(auto, self.singles, self._price_gpus())
            lack = "published curves are no joint outcomes: give auto a check of stated rates"
            if not found:
                reason = "no cascade beats single settings" if auto.check else lack
                self._leave_out("auto", "no_proposal", reason)
            return found
        key = self._key(auto)
        known = self.joint.memo.get(key)
        found = known if isinstance(known, tuple) else propose(auto, self.evidence)
        self.joint.memo[key] = found
        if not found:
            reason = "no policy beats single settings and their mixes at the same money"
            self._leave_out("auto", "no_proposal", reason)
        return found

    def _price_gpus(self) -> dict[str, float]:
        """Give what full GPUs cost per request of the options that they serve."""
        return {
            name: float(self.workload.pools[option.pool].usd_per_gpu)
            * float(option.tokens_per_request or 0)
            / float(self.workload.pools[option.pool].tokens_per_gpu)
            for name, option in self.singles.items()
            if option.pool is not None
        }

    def _key(self, wanted: Policy | Auto) -> object:
        """Tell apart what is evaluated: the policy, beliefs and prices of its settings."""
        assert self.evidence is not None
        prices = tuple(self.singles[name].usd_per_request for name in self.evidence.settings)
        believed = tuple(self.evidence.believed.items())
        return wanted.model_dump_json(), believed, prices, self.evidence.trust

    def _make(self, estimate: PolicyEstimate) -> Option | None:
        from costplan.policies.facts import NotMeasured
        from costplan.policies.option import make_option

        requests = float(self.part.task.requests)
        try:
            return make_option(estimate, self.singles, requests=requests)
        except NotMeasured as error:
            self._leave_out(estimate.name, "not_planned", str(error))
        return None

    def _leave_out(self, name: str, code: str, reason: str) -> tuple[()]:
        self.left_out.append(Exclusion(name, code, reason))
        return ()
