"""Cascades planned on half of the questions and judged on the other half."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from policy_worlds import evidence_of, shared_outcomes

from costplan.domain.policy import Auto, Check, Policy
from costplan.evidence.belief import widening
from costplan.evidence.cells import collect_answers, count_cells
from costplan.evidence.estimates import estimate_cells
from costplan.plan.backtest_fill import Ladder
from costplan.policies.estimate import Trust
from costplan.policies.evaluate import evaluate
from costplan.policies.facts import NotMeasured, false_accepts
from costplan.policies.joint import measure_dependence, pair_accuracies
from costplan.policies.measured import Evidence
from costplan.policies.picking import Rates
from costplan.policies.propose import propose
from costplan.policies.table import lay_out


class Halves:
    """The agents' table, split in two again and again; each half plans once and judges once."""

    def __init__(self, seed=1):
        """Read the table."""
        outcomes = shared_outcomes("openhands_index.csv")
        self.answers = collect_answers(outcomes)
        self.tables = [self._align(lay_out(outcomes, c)) for c in self.answers.classes]
        sizes = np.array([len(t.questions) for t in self.tables], dtype=float)
        self.weights = sizes / sizes.sum()
        self.rng = np.random.default_rng(seed)

    def _align(self, table):
        """Give the table a column for every option of any class."""
        columns = [self.answers.options.index(s) for s in table.settings]

        def spread(values, blank):
            wide = np.full((len(values), len(self.answers.options)), blank, dtype=values.dtype)
            wide[:, columns] = values
            return wide

        return replace(
            table, settings=self.answers.options, count=spread(table.count, 0),
            score=spread(table.score, np.nan), usd=spread(table.usd, np.nan),
            first=spread(table.first, 0), filled_usd=np.zeros(len(self.answers.options)),
        )  # fmt: skip

    def split(self, rounds):
        """Yield estimates of one half, and the tables of both."""
        for _ in range(rounds):
            orders = [self.rng.permutation(len(t.questions)) for t in self.tables]
            for mirrored in (False, True):
                keep = np.zeros(len(self.answers.class_of), dtype=bool)
                planning, judging = [], []
                for c, (table, order) in enumerate(zip(self.tables, orders, strict=True)):
                    mine = order[::-1] if mirrored else order
                    half = len(mine) // 2
                    keep[np.flatnonzero(self.answers.class_of == c)[mine[:half]]] = True
                    planning.append(table.take(np.sort(mine[:half])))
                    judging.append(table.take(np.sort(mine[half:])))
                cells = count_cells(self.answers, keep)
                yield estimate_cells(cells), planning, judging


def replayed_pairs(table, rates, check_usd, hardness=0):
    """Accuracy and dollars of all cascades of two on a table, (M, M), question by question."""
    score, usd = np.where(table.count > 0, table.score, np.nan), table.usd
    size = score.shape[1]
    accuracy, dollars = np.full((size, size), np.nan), np.full((size, size), np.nan)
    r = rates.false_reject
    check = Check.model_validate(
        {"kind": "verifier", "false_accept": rates.false_accept, "false_reject": r}
        | {"hardness": hardness}
    )
    for i in range(size):
        x = score[:, [i]]
        f = np.full(x.shape, rates.false_accept)
        asked = np.isfinite(x[:, 0])
        if hardness and asked.any():
            f[asked, 0] = false_accepts(check, x[asked, 0], table.hardness[asked])
        n = np.maximum((np.isfinite(x) & np.isfinite(score)).sum(0), 1)
        right = x * (1 - r) + x * r * score + (1 - x) * (1 - f) * score
        down = x * r + (1 - x) * (1 - f)
        accuracy[i] = np.nansum(right, axis=0) / n
        dollars[i] = np.nansum(usd[:, [i]] + check_usd + down * usd, axis=0) / n
    return accuracy, dollars


def gain_of_cascades(rates, check_share, rounds=6, fractions=(0.1, 0.25), hardness=0):
    """Points that cascades add on the held half at the same ceilings, and promise minus truth."""
    halves, gains, gaps = Halves(), [], []
    for estimates, planning, judging in halves.split(rounds):
        mean, usd, usable = estimates.mean, estimates.cells.usd, estimates.usable
        everywhere = np.flatnonzero(usable.all(0))
        raw = halves.weights @ estimates.cells.mean[:, everywhere]
        unit = float(halves.weights @ usd[:, everywhere[raw.argmax()]])
        gain, cost, may, right = ([] for _ in range(4))
        for c, (seen, held) in enumerate(zip(planning, judging, strict=True)):
            pairs, _ = pair_accuracies(seen, mean[c], measure_dependence(seen), rates)
            _, paid = replayed_pairs(seen, rates, check_share * unit)
            true, _ = replayed_pairs(held, rates, check_share * unit, hardness)
            single = np.nanmean(np.where(held.count > 0, held.score, np.nan), axis=0)
            two = usable[c][:, None] & usable[c] & ~np.eye(len(mean[c]), dtype=bool)
            gain.append(np.r_[mean[c], pairs.ravel()])
            cost.append(np.r_[usd[c], paid.ravel()])
            may.append(np.r_[usable[c], two.ravel()])
            right.append(np.r_[single, true.ravel()])
        gain, cost, right = (np.nan_to_num(np.array(x)) for x in (gain, cost, right))
        may = np.array(may)
        options = mean.shape[1]
        alone = may & (np.arange(may.shape[1]) < options)
        for fraction in fractions:
            plans = [
                Ladder(gain, cost, which, halves.weights).fill(fraction * unit)
                for which in (alone, may)
            ]
            told = [halves.weights @ (shares * right).sum(1) for shares in plans]
            gains.append(told[1] - told[0])
            gaps.append(halves.weights @ (plans[1] * gain).sum(1) - told[1])
    return float(np.mean(gains)), float(np.mean(gaps))


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize(
    ("error", "points"), [(0.0, 0.07), (0.1, 0.05), (0.2, 0.03)], ids=["perfect", "90", "80"]
)
def test_cascades_add_what_the_shared_tables_hold(error, points):
    """At equal money free checks add 7, 5 and 3 points under tight ceilings, as promised."""
    gain, gap = gain_of_cascades(Rates(error, error), 0.0)
    assert gain == pytest.approx(points, abs=0.01)
    assert abs(gap) < 0.015


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_a_check_that_costs_takes_part_of_the_gain():
    """A check at a twentieth of the best single option's price leaves about half of it."""
    free, _ = gain_of_cascades(Rates(0.1, 0.1), 0.0, rounds=3)
    paid, gap = gain_of_cascades(Rates(0.1, 0.1), 0.05, rounds=3)
    assert 0.3 * free < paid < 0.8 * free
    assert abs(gap) < 0.015


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_a_verifier_that_passes_hard_questions_harms_no_plan_that_did_not_know():
    """Mistakes on questions that nobody solves cost less than independent ones: plans underpromise.

    A verifier that errs on easy questions instead takes part of the gain, and the promise with it.
    """
    hard, gap = gain_of_cascades(Rates(0.2, 0.2), 0.0, rounds=3, hardness=2)
    easy, shortfall = gain_of_cascades(Rates(0.2, 0.2), 0.0, rounds=3, hardness=-1)
    assert 0.03 < hard < 0.05
    assert gap < 0
    assert 0.01 < easy < 0.03
    assert shortfall < 0.01


def test_verdicts_that_repeat_take_accuracy_and_cost_more_along_a_long_cascade():
    """One judge that errs alike at every step makes three steps worse and dearer than they look."""
    evidence = evidence_of(lay_out(shared_outcomes("openhands_index.csv"), "swt-bench"))
    steps = ["DeepSeek-V4-Pro/default", "MiniMax-M3/default", "GLM-4.7/default"]
    check = {"kind": "verifier", "false_accept": 0.2, "false_reject": 0.2}
    alone, half, same = (
        evaluate(
            Policy.model_validate({"cascade": {"steps": steps, "check": check | {"repeats": r}}}),
            evidence,
        )
        for r in (0, 0.5, 1)
    )
    assert alone.replayed - same.replayed == pytest.approx(0.034, abs=0.01)
    assert same.usd / alone.usd == pytest.approx(1.32, abs=0.1)
    assert alone.replayed > half.replayed > same.replayed


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_policies_keep_their_promise_as_often_as_their_interval_says():
    """Proposals of one half lie in their 90 % interval on the other half about that often."""
    halves, kept = Halves(seed=5), []
    for estimates, planning, judging in halves.split(2):
        for c, (seen, held) in enumerate(zip(planning, judging, strict=True)):
            names = {f"{m}/{s}": (m, s) for m, s in seen.settings if (m, s)}
            measured = {n: s for n, s in names.items() if estimates.cells.n[c, _at(halves, s)] > 0}
            believed = {s: float(estimates.mean[c, _at(halves, s)]) for s in measured.values()}
            half = len(seen.questions)
            evidence = Evidence(
                seen, measured, believed, measure_dependence(seen),
                Trust(0.9, widening(half)), len(held.questions),
            )  # fmt: skip
            check = {"kind": "verifier", "false_accept": 0.1, "false_reject": 0.1}
            auto = Auto.model_validate({"check": check, "most": 8})
            for done in propose(auto, evidence):
                steps = ["/".join(stage.setting) for stage in done.stages]
                policy = Policy.model_validate({"cascade": {"steps": steps, "check": check}})
                try:
                    real = evaluate(policy, Evidence(held, measured)).replayed
                except NotMeasured:
                    continue
                kept.append(done.accuracy.low <= real <= done.accuracy.high)
    assert len(kept) > 100
    assert 0.85 < np.mean(kept) < 0.99


def _at(halves, setting):
    return halves.answers.options.index(setting)


def test_proposals_beat_single_settings_at_their_money():
    """Each proposal lies above every mix of single settings, best first, and is a cascade."""
    evidence = evidence_of(lay_out(shared_outcomes("openhands_index.csv"), "swt-bench"))
    check = {"kind": "test", "usd": 0.01}
    found = propose(Auto.model_validate({"check": check, "most": 12}), evidence)
    assert 0 < len(found) <= 12
    usd = np.nanmean(evidence.table.usd, axis=0)
    accuracy = np.nanmean(evidence.table.score, axis=0)
    for done in found:
        assert done.kind == "cascade"
        assert done.accuracy.mean > accuracy[usd <= done.usd].max()
        low, high = usd <= done.usd, usd > done.usd
        part = (done.usd - usd[low][:, None]) / (usd[high] - usd[low][:, None])
        mixes = accuracy[low][:, None] + part * (accuracy[high] - accuracy[low][:, None])
        assert done.accuracy.mean > mixes.max()


def test_without_a_check_only_votes_are_proposed():
    """Votes need samples; where there is one a question, nothing is proposed."""
    single = evidence_of(lay_out(shared_outcomes("openhands_index.csv"), "commit0"))
    assert propose(Auto(), single) == ()
