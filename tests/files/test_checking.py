"""Trees against models: every fault, in plain words, at its place."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

import pytest
from pydantic import Field, model_validator

from costplan.domain.day import Day
from costplan.domain.errors import Fault, InputError
from costplan.domain.numbers import Fraction, NotNegative, Positive, Whole
from costplan.domain.record import Record
from costplan.files.checking import check, find_faults
from costplan.files.yaml_reader import parse_document


class Wheel(Record):
    """A wheel."""

    size: Positive
    """Inches across."""
    spokes: Whole = 36
    """How many spokes."""


class Bike(Record):
    """A bike with rules between its fields."""

    name: str = Field(min_length=1, max_length=10)
    """What it is called."""
    kind: Literal["road", "city"] = "city"
    """What it is for."""
    price: NotNegative | None = None
    """Dollars."""
    rent: NotNegative | None = None
    """Dollars a day."""
    share: Fraction = Decimal(1)
    """Part owned."""
    built: Day | None = None
    """Day it was built."""
    electric: bool = False
    """Whether it has a motor."""
    wheels: tuple[Wheel, ...] = Field(default=(Wheel(size=Decimal(28)),), min_length=1)
    """Its wheels."""
    parts: dict[str, Wheel] = Field(default_factory=dict)
    """Spares by name."""
    gears: Whole = 1
    """How many gears."""

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if self.price is not None and self.rent is not None:
            raise ValueError("give price or rent, not both")
        return self

    @model_validator(mode="after")
    def _city_bikes_have_few_gears(self) -> Self:
        if self.kind == "city" and self.gears > 8:
            raise ValueError("gears are too many for a city bike")
        return self


def faults_of(text: str) -> list[Fault]:
    """What is wrong with a bike."""
    return find_faults(parse_document(text, "bike.yaml"), Bike)[1]


def the_fault(text: str) -> Fault:
    """The one thing that is wrong with a bike."""
    (fault,) = faults_of(text)
    return fault


def test_a_sound_file_becomes_a_value():
    """A file without faults is the value it says."""
    document = parse_document("name: Ada\nprice: 1_200.50\nwheels: [{size: 28}]", "bike.yaml")
    bike = check(document, Bike)
    assert (bike.name, bike.price) == ("Ada", Decimal("1200.50"))


@pytest.mark.parametrize("text", ["16000", "0123", "1e3", "true", "null_", "2026-10-01", "-5"])
def test_text_may_look_like_a_number(text: str):
    """Where text is wanted, an unquoted number or boolean is its text as written."""
    assert check(parse_document(f"name: {text}", "f"), Bike).name == text


@pytest.mark.parametrize(
    ("line", "message", "advice"),
    [
        ("price: '12'", "expected a number, found '12'", "write 12 without quotes"),
        ("price: 40,000", "expected a number, found '40,000'", "write 40000"),
        ("price: $40", "expected a number, found '$40'", "write 40"),
        ("price: 25k", "expected a number, found '25k'", "write 25000"),
        ("share: 80%", "expected a number, found '80%'", "write it as a share of 1: 0.8"),
        ("price: yes", "expected a number, found 'yes'", ""),
        ("price: true", "expected a number, found true", ""),
        ("price: [1]", "expected a number, found a list", ""),
        ("price: {a: 1}", "expected a number, found keys and values", ""),
        ("price: .nan", "expected a finite number, found NaN", ""),
        ("price: -.inf", "expected a finite number, found -Infinity", ""),
        ("price: 1e16", "larger than 1e15: check the unit", ""),
        ("price: 1e-16", "written finer than 1e-15: round it", ""),
        ("price: -1", "must be at least 0, found -1", ""),
        ("share: 1.5", "must be at most 1, found 1.5", ""),
        ("wheels: [{size: 0}]", "must be above 0, found 0", ""),
        ("gears: 2.5", "expected a whole number, found 2.5", ""),
        ("kind: raod", "expected 'road' or 'city', found 'raod'", "did you mean 'road'?"),
        ("kind: 5", "expected 'road' or 'city', found 5", ""),
        ("electric: maybe", "expected true or false, found 'maybe'", ""),
        ("built: 2026", "expected a day such as 2026-10-01, found 2026", ""),
        ("built: 2026-02-30", "expected a day such as 2026-10-01, found '2026-02-30'", ""),
        ("built: 12:00", "expected a day such as 2026-10-01, found '12:00'", ""),
        (
            "wheels: 28",
            "expected a list, found 28",
            "write it in brackets: [28]",
        ),
        (
            "wheels: {size: 28}",
            "expected a list, found keys and values",
            "start each item with '- '",
        ),
        ("wheels: []", "needs at least 1 entry", ""),
        ("electric:", "nothing stands after 'electric:'", "write a value, or remove the line"),
        ("wheels: [28]", "expected keys and values, found 28", None),
        ("parts: [a]", "expected keys and values, found a list", None),
        ("whels: 1", "unknown key 'whels'", "did you mean 'wheels'?"),
        ("spokes: 1", "unknown key 'spokes'", "'spokes' belongs under 'wheels'"),
        ("Price: 1", "unknown key 'Price'", "did you mean 'price'?"),
        ("wheels: [{spokes: 3}]", "'size' is missing", "size: Inches across."),
    ],
)
def test_wording(line: str, message: str, advice: str | None):
    """Each kind of fault has its own plain words and says what to do where that is known."""
    fault = the_fault(f"name: Ada\n{line}")
    assert fault.message == message
    if advice is not None:
        assert fault.advice == advice
    assert fault.line == 2
    assert "pydantic" not in str(fault)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: ''", "must not be empty"),
        ("name: '   '", "must not be empty"),
        ("name: abcdefghijklm", "longer than 10 characters"),
        ("name: [a]", "expected text, found a list"),
        ("name:", "nothing stands after 'name:'"),
        ("price: 1", "'name' is missing"),
        ("- name", "expected keys and values, found a list"),
        ("just text", "expected keys and values, found 'just text'"),
    ],
)
def test_wording_of_the_name(text: str, message: str):
    """Text that is empty, too long, missing or no text at all is told apart."""
    assert the_fault(text).message == message


def test_places_of_values_keys_and_holders():
    """A value is marked where it stands, an unknown key at the key, a missing key at its holder."""
    text = (
        "name: Ada\nwheels:\n  - size: -1\n    spkes: 3\n  - spokes: 5\n"
        "parts:\n  front: {size: 5%}\n"
    )
    places = [(f.path, f.line, f.column, f.width) for f in faults_of(text)]
    assert sorted(places) == [
        ("parts.front.size", 7, 17, 2),
        ("wheels[0].size", 3, 11, 2),
        ("wheels[0].spkes", 4, 5, 5),
        ("wheels[1]", 5, 5, 6),
    ]


def test_rules_between_fields_are_judged_beside_other_faults():
    """A broken rule is reported although other fields of the same record are faulty."""
    messages = {
        f.message: f.line for f in faults_of("name: Ada\nprice: 1\nrent: 2\nbuilt: 7\nx: 1\n")
    }
    assert messages["give price or rent, not both"] == 2
    assert len(messages) == 3


def test_rules_that_need_a_faulty_field_give_no_verdict():
    """A rule is not judged when it reads a field that is itself faulty."""
    assert len(faults_of("name: Ada\nprice: -1\nrent: 2")) == 1
    assert len(faults_of("name: Ada\nkind: mountain\ngears: 20")) == 1


def test_all_broken_rules_are_reported():
    """One broken rule does not hide another."""
    found = faults_of("name: Ada\nprice: 1\nrent: 2\ngears: 20")
    assert {(f.message, f.line) for f in found} == {
        ("give price or rent, not both", 2),
        ("gears are too many for a city bike", 4),
    }


def test_faulty_items_are_not_also_missing():
    """A list whose only item is faulty is not told to be too short as well."""
    assert [f.path for f in faults_of("name: Ada\nwheels: [{size: x}]")] == ["wheels[0].size"]


def test_spelling_and_meaning_are_reported_together():
    """A key that stands twice and a wrong value come in one report, in file order."""
    document = parse_document("name: Ada\nname: Bob\nprice: x\nprice: 2", "bike.yaml")
    with pytest.raises(InputError) as caught:
        check(document, Bike)
    assert [fault.line for fault in caught.value.faults] == [2, 3, 4]


def test_faults_behind_an_alias_point_at_what_it_repeats():
    """A wrong value that is repeated is shown where it is written."""
    text = "name: Ada\nparts:\n  a: &w {size: -1}\n  b: *w\n"
    assert [(f.path, f.line) for f in faults_of(text)] == [("parts.a.size", 3), ("parts.b.size", 3)]


def test_keys_that_are_no_names_are_quoted_in_paths():
    """A key with dots or spaces is quoted in the path, so that the path can be read back."""
    fault = the_fault('name: Ada\nparts: {"gpt-5.1 x": {size: -1}}')
    assert fault.path == 'parts["gpt-5.1 x"].size'


def test_very_long_names_are_cut_in_messages():
    """A huge key is not repeated in full."""
    fault = the_fault(f"name: Ada\n{'k' * 500}: 1")
    assert len(fault.message) < 100


def test_faults_beyond_a_thousand_are_counted():
    """A file in which nearly everything is wrong is not worded to its end."""
    faults = faults_of("name: Ada\n" + "".join(f"k{number}: 1\n" for number in range(5_000)))
    assert len(faults) == 1_001
    assert "4,000 more faults are not listed" in {fault.message for fault in faults}
