"""A policy from outcomes: the one door to votes, best-ofs, cascades and routes.

table = lay_out(outcomes, "contract-review")
evidence = Evidence(table, {"gpt-5/low": ("gpt-5", "low"), ...}, believed)
estimate = evaluate(policy, evidence)          # NotMeasured says what the outcomes lack
"""

from __future__ import annotations

from costplan.domain.policy import Policy
from costplan.policies.estimate import PolicyEstimate
from costplan.policies.measured import Evidence, believe_cascade, judge, play_cascade
from costplan.policies.repeated import play_best_of, play_vote
from costplan.policies.routes import believe_route, play_route


def evaluate(policy: Policy, evidence: Evidence) -> PolicyEstimate:
    """Evaluate a policy on outcomes; NotMeasured when they lack what it needs."""
    if policy.vote is not None:
        return judge(policy, play_vote(policy.vote, evidence), evidence)
    if policy.best_of is not None:
        return judge(policy, play_best_of(policy.best_of, evidence), evidence)
    if policy.cascade is not None:
        played = play_cascade(policy.cascade, evidence)
        believe = believe_cascade(policy.cascade, played, evidence)
        return judge(policy, played, evidence, believe)
    if policy.route is not None:
        played = play_route(policy.route, evidence)
        return judge(policy, played, evidence, believe_route(policy.route, evidence))
    raise ValueError("proposals are made by `propose`, not evaluated")
