"""JSON Schemas: fresh, and accepting what the readers accept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from costplan.cli.schema import Kind, make_schema
from costplan.domain.errors import InputError
from costplan.domain.profile import Profile
from costplan.domain.workload import Workload
from costplan.files.checking import check
from costplan.files.document import plain
from costplan.files.shipped import shipped_profiles
from costplan.files.starter import STARTER
from costplan.files.yaml_reader import parse_document, read_document

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schemas"
DESIGN = ROOT.parent / "shared" / "design" / "architecture.md"
MINIMAL = "name: w\nclasses:\n  - {name: a, requests: 1, evidence: {benchmark: b}"


def as_json(text: str) -> Any:
    """A YAML text as an editor sees it: numbers are floats."""
    return to_float(plain(parse_document(text, "f").root))


def to_float(value: Any) -> Any:
    """Turn Decimals into floats, all the way down."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: to_float(part) for key, part in value.items()}
    return [to_float(part) for part in value] if isinstance(value, list) else value


def faults_of(kind: Kind, content: Any) -> list[str]:
    """What a schema has against a value."""
    validator = Draft202012Validator(json.loads(make_schema(kind)))
    return [error.message for error in validator.iter_errors(content)]


@pytest.mark.parametrize("kind", Kind)
def test_committed_schemas_are_fresh(kind: Kind):
    """The schemas in docs/schemas are what the models say; scripts/build_schemas.py renews them."""
    assert (SCHEMAS / f"{kind}.schema.json").read_text("utf-8") == make_schema(kind)


@pytest.mark.parametrize("kind", Kind)
def test_schemas_are_schemas(kind: Kind):
    """Each is a valid JSON Schema with a title, in which every property says what it is."""
    schema = json.loads(make_schema(kind))
    Draft202012Validator.check_schema(schema)
    assert schema["title"].startswith("costplan")
    undescribed = [
        name for name, part in properties_of(schema) if not ({"description", "$ref"} & set(part))
    ]
    assert undescribed == []


def properties_of(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of every object in a schema."""
    for holder in (schema, *schema.get("$defs", {}).values()):
        yield from holder.get("properties", {}).items()


def test_only_words_of_json_schema():
    """No word of the checking library is left over where JSON Schema has its own."""
    for kind in Kind:
        text = make_schema(kind)
        assert not re.search(r'"(ge|gt|le|lt|multiple_of)":', text)
        assert "pydantic" not in text


def test_the_example_of_the_design():
    """The workload that the design shows is valid."""
    if not DESIGN.is_file():
        pytest.skip("shared reference data is not beside the repository")
    blocks = re.findall(r"```yaml\n(.*?)```", DESIGN.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 1
    assert faults_of(Kind.WORKLOAD, as_json(blocks[0])) == []


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*/workload.yaml")), ids=str)
def test_examples_are_valid_and_name_the_schema(path: Path):
    """Every example is valid and opens with the comment that leads an editor to the schema."""
    text = path.read_text("utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named
    assert (path.parent / named[1]).resolve() == SCHEMAS / "workload.schema.json"
    assert faults_of(Kind.WORKLOAD, as_json(text)) == []


def test_the_starter_is_valid():
    """What `costplan init` writes is valid."""
    assert faults_of(Kind.WORKLOAD, as_json(STARTER)) == []


def test_shipped_profiles_are_valid():
    """Every profile that ships is valid."""
    schema = Draft202012Validator(json.loads(make_schema(Kind.PROFILE)))
    for path in sorted((shipped_profiles() / "models").glob("*.yaml")):
        assert list(schema.iter_errors(to_float(plain(read_document(path).root)))) == [], path


@pytest.mark.parametrize(
    ("extra", "sound"),
    [
        ("}", True),
        (", input_tokens: 0, output_tokens: 0}", True),
        (", team: 7}", True),
        (", today: {model: o3, setting: 16000}}", True),
        (", min_accuracy: null}", True),
        (", min_accuracy: 1}", True),
        (", min_accuracy: 1.01}", False),
        (", value_usd: -0.01}", False),
        (", value_usd: '3'}", False),
        (", max_p95_latency_s: 0}", False),
        (", batch: perhaps}", False),
        (", team: ''}", False),
        (", modle: x}", False),
        (", options: [{name: x, accuracy: 0.5, usd_per_request: 1}]}", True),
        (", options: [{name: x, usd_per_request: 1}]}", False),
        ("}\nconfidence: 0.5", False),
        ("}\nconfidence: 0.51", True),
        ("}\nconfidence: 1", False),
        ("}\nceilings: {usd: 0}", False),
        ("}\nceilings: {usd: 0.01, teams: {a: {usd: 0}}}", True),
        ("}\nceilings: {providers: {a: {max_share: 1.1}}}", False),
        ("}\nperiod: fortnight", False),
        ("}\nseed: 0", False),
        ("}\nseed: 1.5", False),
        ("}\npools: {a: {usd_per_gpu: 1, tokens_per_gpu: 1, max_gpus: 0}}", True),
        ("}\nstarts: 2027-01-01", True),
        ("}\nstarts: 2027", False),
        ("}\nobjective: {minimize: cost, target_accuracy: 0.85}", True),
        ("}\nobjective: {maximize: profit}", False),
    ],
)
def test_schema_and_reader_agree(extra: str, sound: bool):
    """Bounds, kinds and keys are judged the same by the schema and by the reader."""
    text = MINIMAL + extra
    assert (faults_of(Kind.WORKLOAD, as_json(text)) == []) == sound
    document = parse_document(text, "f")
    if sound:
        check(document, Workload)
    else:
        with pytest.raises(InputError):
            check(document, Workload)


def test_defaults_are_of_the_kind_they_stand_for():
    """A number's default is a number that its own bounds allow."""
    for kind in (Kind.WORKLOAD, Kind.PROFILE):
        for name, part in properties_of(json.loads(make_schema(kind))):
            if "default" in part:
                bare = {word: value for word, value in part.items() if word != "$ref"}
                assert list(Draft202012Validator(bare).iter_errors(part["default"])) == [], name


def test_questions_are_lines_of_the_users_file():
    """A line asks a question, or says how a class is graded; other keys are refused."""
    line = {"id": "q1", "class": "triage", "prompt": "2+2?", "target": "4"}
    assert faults_of(Kind.QUESTIONS, line) == []
    talk = {"id": "q", "class": "c", "messages": [{"role": "user", "content": "hi"}]}
    assert faults_of(Kind.QUESTIONS, talk) == []
    assert faults_of(Kind.QUESTIONS, line | {"promt": "x"})


def test_profile_schema_rejects_unknown_knobs():
    """A profile with a knob of no known kind is invalid for schema and reader."""
    text = (
        "title: x\nprovider: p\nmodel: m\nknob: {kind: dial, source: s}\n"
        "settings: {a: {max_output_tokens: 5}}\n"
    )
    assert faults_of(Kind.PROFILE, as_json(text))
    with pytest.raises(InputError):
        check(parse_document(text, "f"), Profile)
