"""Short names of policies and checks."""

from __future__ import annotations

from costplan.domain.policy import BestOf, Check, Policy, Vote


def name_policy(policy: Policy) -> str:
    """Name the option that a policy makes: "vote5(gpt-5/low)", "gpt-5/low>gpt-5/high"."""
    if policy.vote is not None:
        return _name_vote(policy.vote)
    if policy.best_of is not None:
        return _name_best_of(policy.best_of)
    if policy.cascade is not None:
        checks = policy.cascade.checks
        same = len(set(checks)) == 1
        said = say_check(checks[0]) if same else ", ".join(map(say_check, checks))
        more = say_threshold(checks[0]) if same else ""
        return f"{'>'.join(policy.options)} ({said}{' ' if more else ''}{more})"
    if policy.route is not None:
        return f"route {policy.route.by}({', '.join(policy.options)})"
    raise ValueError("proposals have no name of their own")


def say_check(check: Check) -> str:
    """Say what a check is: "test", "verifier 10 %/5 %"."""
    if check.kind != "verifier":
        return check.kind
    if check.measured:
        return "verifier as measured"
    wrong, right = float(check.false_accept or 0), float(check.false_reject or 0)
    return f"verifier {wrong:.3g}/{right:.3g}"


def say_threshold(check: Check) -> str:
    """Say from where an answer is taken; empty for a test and a verifier."""
    if check.kind == "agreement":
        return f"{check.agree} of {check.calls} alike"
    return f"from {check.threshold}" if check.kind == "confidence" else ""


def _name_vote(vote: Vote) -> str:
    stop = ", stops" if vote.early_stop else ""
    if vote.agree is not None:
        stop += f", {vote.agree} alike"
    if vote.start is not None:
        stop += f", first {vote.start}"
    return f"vote{vote.n}({vote.option}{stop})"


def _name_best_of(best: BestOf) -> str:
    way = "" if best.parallel else ", in turn"
    return f"best{best.n}({best.option}, {say_check(best.check)}{way})"
