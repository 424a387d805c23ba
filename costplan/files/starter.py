"""The workload that `costplan init` writes to start from."""

from __future__ import annotations

from pathlib import Path

from costplan.domain.errors import Fault, InputError

WORKLOAD = "workload.yaml"
SCHEMA = "workload.schema.json"
_COMMENT = f"# yaml-language-server: $schema={SCHEMA}\n"


def write_starter(directory: Path, schema: str) -> Path:
    """Write the starter workload and its schema into a folder, and give the workload's path.

    The folder is made when absent. A schema that is there is kept. Raises InputError when there is
    a workload already, or when the folder cannot be written.
    """
    workload = directory / WORKLOAD
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with workload.open("x", encoding="utf-8", newline="\n") as file:
            file.write(_COMMENT + STARTER)
        if not (directory / SCHEMA).exists():
            (directory / SCHEMA).write_text(schema, "utf-8", newline="\n")
    except FileExistsError:
        message = "there is a file here already, and it is left as it is"
        taken = workload if workload.exists() else directory
        raise InputError(
            [Fault(message, file=str(taken), advice="name another folder: costplan init DIR")]
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            [
                Fault(
                    f"cannot be written: {reason}", file=str(workload), advice="name another folder"
                )
            ]
        ) from None
    return workload


STARTER = """\
# A workload for costplan: your kinds of requests, what a right answer is worth, and your ceilings.
#   costplan check workload.yaml       what is understood of it
#   costplan optimize workload.yaml    the plan
# All numbers are per period and in the unit that their key names. Replace them by your own.

name: My first plan
period: month                 # day, week, month, quarter or year
objective: {maximize: value}  # or accuracy, net_value, or {minimize: cost, target_accuracy: 0.8}

ceilings:
  usd: 20_000                 # dollars per period, for everything
  mean_latency_s: 30          # mean seconds per request, over all requests
  # teams: {support: {usd: 5_000}}
  # providers: {openai: {usd: 12_000}}

classes:
  # A kind of request. Sizes are means per request.
  - name: ticket-triage
    team: support
    requests: 400_000
    input_tokens: 1_800
    cached_input_tokens: 1_200  # the part of the input that repeats and is read from the cache
    output_tokens: 150          # what the user sees, without reasoning
    value_usd: 0.04             # of one right answer
    max_p95_latency_s: 30       # 95 in 100 requests must be faster
    # What stands for the accuracy: a published benchmark that resembles the class.
    # `costplan curves` lists them. Your own outcomes are better: {outcomes: measured.csv}
    evidence:
      benchmark: ifbench
      reasoning_scale: 0.4      # this class needs 0.4 times the thinking of the benchmark

  - name: contract-review
    team: legal
    requests: 5_000
    input_tokens: 24_000
    output_tokens: 900
    value_usd: 12
    batch: true                 # may wait up to a day, for the batch price
    # today: {model: gpt-5, setting: medium}   # what you do now, to compare the plan with
    # models: {deny: ["deepseek-*"]}           # or allow: only these
    evidence: {benchmark: gpqa-diamond}

  # Numbers of your own, from a contract or a measurement, need no evidence:
  - name: search-summaries
    requests: 100_000
    value_usd: 0.02
    options:
      - {name: small, accuracy: 0.81, usd_per_request: 0.0009, mean_latency_s: 2, p95_latency_s: 4}
      - {name: large, accuracy: 0.93, usd_per_request: 0.0081, mean_latency_s: 9, p95_latency_s: 21}
"""
