"""The page, in a real browser."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from finance_plans import NASTY, make_line, make_plan, mixed_plan, nasty_plan, year_plan

from costplan.domain.figures import write_percent, write_usd
from costplan.plan.build import build_plan
from costplan.plan.load import load
from costplan.plan.model import Baseline
from costplan.plan.retrace import add_stops
from costplan.report.html import ASSETS, write_page

ROOT = Path(__file__).parents[2]
WORKLOAD = """
name: Two classes
period: month
starts: 2027-01-01
objective: {maximize: value}
ceilings: {usd: 700}
classes:
  - name: triage
    requests: 10_000
    value_usd: 0.2
    today: {model: middling}
    options: &options
      - {name: quick, accuracy: 0.50, usd_per_request: 0.010, mean_latency_s: 1}
      - {name: middling, accuracy: 0.70, usd_per_request: 0.030, mean_latency_s: 3}
      - {name: deep, accuracy: 0.85, usd_per_request: 0.070, mean_latency_s: 9}
  - name: contracts
    requests: 1_000
    value_usd: 5
    today: {model: quick}
    options: *options
"""


@pytest.fixture(scope="module")
def chromium():
    """A browser."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright drives the browser: pip install playwright"
    )
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


class Seen:
    """A page with everything that it said and asked for."""

    def __init__(self, browser, file, **options):
        self.page = browser.new_page(**({"viewport": {"width": 1280, "height": 900}} | options))
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())


@pytest.fixture
def show(chromium, tmp_path):
    """Show a plan's page."""
    opened = []

    def shown(plan, **options):
        file = tmp_path / "plan.html"
        file.write_text(write_page(plan), encoding="utf-8")
        opened.append(Seen(chromium, file, **options))
        return opened[-1]

    yield shown
    for seen in opened:
        seen.page.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A workload of two classes, and its plan with the slider's stops."""
    file = tmp_path_factory.mktemp("small") / "workload.yaml"
    file.write_text(WORKLOAD)
    plan, note = add_stops(build_plan(load(file)))
    assert note == ""
    return file, plan


def dollars(text):
    """Read dollars off the page."""
    return Decimal(text.replace("$", "").replace(",", "").replace("−", "-"))


def column(page, caption, heading):
    """Texts of a column of the table with a caption."""
    return page.evaluate(
        """([caption, heading]) => {
          const table = [...document.querySelectorAll("table")]
            .find((t) => t.caption && t.caption.textContent.startsWith(caption));
          const at = [...table.tHead.rows[0].cells].findIndex((c) => c.textContent === heading);
          return [...table.tBodies[0].rows].map((row) => row.cells[at].textContent);
        }""",
        [caption, heading],
    )


@pytest.mark.parametrize("make", [mixed_plan, nasty_plan, year_plan])
def test_the_page_says_nothing_and_asks_for_nothing(show, make):
    """A page loads without a console message, a dialog or a request, whatever the labels."""
    seen = show(make())
    seen.page.wait_for_selector("#frontier-chart svg")
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith("file:")] == []
    assert len(seen.asked) == 1


def test_labels_are_shown_whole_and_never_run(show):
    """Labels of every kind stand in the page as text, all of their letters."""
    seen = show(nasty_plan())
    shown = column(seen.page, "Rows add up", "Class")
    assert [text.replace("\n", " ") for text in shown] == [
        " ".join(label.strip().splitlines()) for label in NASTY
    ]
    assert seen.page.locator("main img, main script").count() == 0
    assert seen.said == []


def test_rows_have_the_plans_dollars_to_the_cent(show):
    """The rows of the page add up to the plan at list price, and none is off by a cent."""
    plan = mixed_plan()
    seen = show(plan)
    texts = column(seen.page, "Rows add up", "Dollars")
    rows = [(line, text) for line, text in zip(plan.lines, texts, strict=True) if not line.pool]
    assert all(abs(dollars(text) - line.usd) < Decimal("0.01") for line, text in rows)
    listed = sum(dollars(text) for _, text in rows)
    assert listed == plan.totals.usd_list.quantize(Decimal("0.01"))
    assert write_usd(plan.totals.usd, cents=True) in seen.page.inner_text(".tiles")


def stops_to_try(plan):
    """The ends, the plan's own stop and some between."""
    last = len(plan.stops) - 1
    return sorted({0, 1, last // 3, last // 2, last - 1, last})


def assert_stop_is_plan(page, plan, index, again):
    """The page at a stop shows what planning again at that ceiling gives."""
    page.evaluate(
        """(index) => { const slider = document.getElementById("ceiling");
          slider.value = index; slider.dispatchEvent(new Event("input")); }""",
        index,
    )
    ceiling = plan.stops[index].ceiling_usd
    assert dollars(page.inner_text("#ceiling-said")) == ceiling
    figures = page.inner_text("#ceiling-figures")
    assert f"Bill {write_usd(again.totals.usd, cents=True)}" in figures
    assert f"Accuracy {write_percent(again.totals.accuracy.mean)}" in figures
    rows = page.evaluate(
        """() => [...document.querySelectorAll("#ceiling-table tbody tr")].map((row) => ({
          name: row.cells[0].textContent,
          picks: [...row.cells[2].querySelectorAll("bdi")].map((b) => b.textContent),
          usd: row.cells[3].textContent }))"""
    )
    for row in rows:
        mine = [line for line in again.lines if line.task_class == row["name"]]
        said = [
            li.option if li.share == 1 else f"{write_percent(li.share)} {li.option}" for li in mine
        ]
        assert row["picks"] == said
        usd = sum(line.usd for line in mine)
        assert abs(dollars(row["usd"]) - usd) < Decimal("0.01") * len(mine)
    assert f"--usd {ceiling.normalize():f}" in page.inner_text("#ceiling-command")


def test_the_slider_shows_what_optimize_plans(show, small):
    """At each fifth stop, bill, accuracy and choices are those of planning again with
    that ceiling."""
    file, plan = small
    seen = show(plan)
    for index in range(0, len(plan.stops), 5):
        again = build_plan(load(file, usd=plan.stops[index].ceiling_usd))
        assert_stop_is_plan(seen.page, plan, index, again)
    assert seen.said == []


def test_the_slider_keeps_the_margin_of_a_real_workload(show, monkeypatch):
    """With published evidence, uncertain costs and latency ceilings, the slider still shows what
    planning again gives."""
    monkeypatch.chdir(ROOT)
    file = Path("examples/support/workload.yaml")
    plan, note = add_stops(build_plan(load(file)))
    assert note == ""
    seen = show(plan)
    for index in stops_to_try(plan):
        again = build_plan(load(file, usd=plan.stops[index].ceiling_usd))
        assert_stop_is_plan(seen.page, plan, index, again)
        assert again.totals.usd <= plan.stops[index].ceiling_usd


def test_the_slider_opens_at_the_plan_and_answers_keys(show, small):
    """The slider starts at the plan's own ceiling, moves by arrow keys, says its value in words,
    and a button leads back."""
    _, plan = small
    page = show(plan).page
    assert page.inner_text("#ceiling-said") == "$700.00"
    assert page.inner_text("#ceiling-change") == "This is the plan."
    page.focus("#ceiling")
    page.keyboard.press("ArrowLeft")
    assert dollars(page.inner_text("#ceiling-said")) < 700
    said = page.get_attribute("#ceiling", "aria-valuetext")
    assert re.match(r"ceiling \$[\d.,]+, bill \$[\d.,]+, accuracy [\d.]+ %", said)
    assert page.locator("#ceiling-table tr.changed").count() > 0
    page.keyboard.press("Home")
    assert page.inner_text("#ceiling-said") == write_usd(plan.stops[0].ceiling_usd, cents=True)
    page.click("#ceiling-back")
    assert page.inner_text("#ceiling-said") == "$700.00"


def test_every_chart_has_a_name_and_a_table(show, small):
    """A screen reader finds a name on each chart, and the same points in a table."""
    _, plan = small
    page = show(plan).page
    charts = page.locator("[role=img]")
    assert charts.count() == 4
    assert all(charts.nth(i).get_attribute("aria-label") for i in range(charts.count()))
    points = column(page, "the best plan for every amount", "Dollars")
    assert [dollars(text) for text in points] == [
        point.usd.quantize(Decimal("0.01")) for point in plan.frontier
    ]
    stops = column(page, "the plan of every ceiling", "Bill")
    assert [dollars(text) for text in stops] == [
        stop.usd.quantize(Decimal("0.01")) for stop in plan.stops
    ]
    assert len(column(page, "options of triage", "Option")) == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium, tmp_path, small, monkeypatch, scheme):
    """The rules of axe-core are kept in light and dark: by small pages, pages with long tables,
    whatever the labels, with policies, and by a plan that cannot be had."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe-core checks what readers need: pip install axe-playwright-python",
    )
    monkeypatch.chdir(ROOT)
    failed = mixed_plan().model_copy(update={"lines": (), "totals": None, "status": "infeasible"})
    plans = [
        small[1], nasty_plan(), year_plan(classes=60), failed,
        build_plan(load(Path("examples/policies/workload.yaml"))),
        build_plan(load(Path("examples/support/workload.yaml"))),
    ]  # fmt: skip
    for plan in plans:
        (tmp_path / "plan.html").write_text(write_page(plan), encoding="utf-8")
        # The page allows no script but its own, so the checker has to pass by that rule.
        context = chromium.new_context(color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        page.goto((tmp_path / "plan.html").as_uri())
        found = axe.Axe().run(page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
        context.close()


def test_the_page_fits_phones_and_follows_the_readers_colours(show, small):
    """At 390 pixels nothing sticks out of the page; dark is dark and light is light."""
    _, plan = small
    shades = []
    for scheme in ("dark", "light"):
        page = show(plan, viewport={"width": 390, "height": 800}, color_scheme=scheme).page
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shades.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert shades == ["rgb(17, 23, 29)", "rgb(255, 255, 255)"]


def test_paper_shows_every_table(show, small):
    """Printing opens what is folded and leaves out what cannot be used on paper."""
    _, plan = small
    page = show(plan).page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert not page.is_visible("#ceiling-back")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_long_tables_are_turned_page_by_page(show):
    """A plan of thousands of lines shows a hundred at a time, finds any by its name, and draws the
    curve that is asked for."""
    plan = year_plan(classes=1_000)
    considered = [
        {"class": f"class-{i:04d} 2027-01", "option": "gpt-5/low", "fate": "chosen", "reason": "",
         "usd_per_request": "0.01", "mean_latency_s": 1,
         "accuracy": {"mean": 0.9, "low": 0.8, "high": 0.95, "grade": "published"}}
        for i in range(1_000)
    ]  # fmt: skip
    plan = type(plan).model_validate(plan.model_dump() | {"considered": considered})
    seen = show(plan)
    page = seen.page
    assert len(column(page, "Rows add up", "Class")) == 100
    page.fill("input[aria-label='Find rows in lines']", "class-0777")
    assert set(column(page, "Rows add up", "Class")) == {"class-0777"}
    page.fill("input[aria-label='Find rows in lines']", "")
    heading = page.locator("table[data-table=lines] thead th", has_text="Dollars")
    for said in ("ascending", "descending"):
        heading.locator("button").focus()
        page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == said
        shown = [dollars(text) for text in column(page, "Rows add up", "Dollars")]
        assert shown == sorted(shown, reverse=said == "descending")
    assert max(shown) == max(line.usd for line in plan.lines).quantize(Decimal("0.01"))
    page.fill("#curve-find", "class-0777")
    assert page.inner_text("#curve-list h3") == "class-0777"
    assert page.locator("#curve-list svg").count() == 1
    assert seen.said == []


def test_without_scripts_every_table_is_there(chromium, tmp_path, small):
    """Where scripts are off, the tables stand in the page and a line says what is missing."""
    _, plan = small
    file = tmp_path / "plan.html"
    file.write_text(write_page(plan), encoding="utf-8")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert "need JavaScript" in page.inner_text("noscript, main")
    assert page.locator("table").count() > 8
    context.close()


def test_a_plan_without_lines_has_a_page(show):
    """An infeasible plan's page gives the verdict and what stands in the way."""
    plan = make_plan([make_line("a")]).model_copy(
        update={"lines": (), "totals": None, "status": "infeasible", "verdict": "No plan.",
                "frontier": ()}
    )  # fmt: skip
    seen = show(plan)
    assert "No plan." in seen.page.inner_text("header")
    assert seen.said == []


def test_a_changed_workload_is_not_mistaken_for_the_plans(tmp_path):
    """Where the workload is gone or has changed, there is no slider and the page says why."""
    file = tmp_path / "workload.yaml"
    file.write_text(WORKLOAD)
    plan = build_plan(load(file))
    file.write_text(WORKLOAD.replace("0.85", "0.95"))
    with_stops, note = add_stops(plan)
    assert with_stops.stops == ()
    assert "not at hand" in note
    with_stops, note = add_stops(plan, workload=file)
    assert with_stops.stops == ()
    assert "has changed" in note
    assert note in write_page(plan, slider_note=note).replace("&#39;", "'")


def test_a_plan_of_least_cost_has_no_slider(tmp_path):
    """A ceiling does not change what costs the least, and the page says so."""
    file = tmp_path / "workload.yaml"
    aim = "{minimize: cost, target_accuracy: 0.6}"
    file.write_text(WORKLOAD.replace("{maximize: value}", aim).replace("usd: 700", "usd: 900"))
    _, note = add_stops(build_plan(load(file)))
    assert "would not change it" in note


def test_scripts_are_the_named_releases():
    """The libraries in the page are the files of the releases that SOURCES.md names, and their
    licences lie beside them."""
    sources = (ASSETS / "SOURCES.md").read_text("utf-8")
    for name in ("d3", "plot.umd"):
        raw = (ASSETS / f"{name}.min.js").read_bytes()
        assert hashlib.sha256(raw).hexdigest() in sources
        assert "Permission to use, copy" in (ASSETS / f"{name.split('.')[0]}.LICENSE").read_text()


def test_data_cannot_end_the_script():
    """Labels cannot close the element that holds the page's data, and come back whole."""
    page = write_page(nasty_plan())
    data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert "<img src=x onerror=alert(1)>/x" in json.loads(data[1])["options"]


def test_a_page_of_many_lines_is_small():
    """5,000 classes over 12 months stay below 15 MB; here a fifth of them below a fifth."""
    shell = len(write_page(mixed_plan()))
    assert len(write_page(year_plan(classes=1_000))) - shell < 15_000_000 / 5


def test_ways_that_cannot_be_formed_are_not_said_to_break_limits(show):
    """Of a simple way that is no plan, the page says so where others keep or break the limits."""
    plan = mixed_plan()
    rivals = [
        {"name": "cheapest", "usd": "5", "accuracy": 0.4, "value": 9.0, "feasible": True,
         "detail": "each class at its cheapest option"},
        {"name": "highest_effort", "usd": "50", "accuracy": 0.9, "value": 99.0, "feasible": False,
         "detail": "breaks usd"},
        {"name": "best_single", "usd": None, "accuracy": None, "value": None, "feasible": False,
         "detail": "no option is offered to every class"},
    ]  # fmt: skip
    seen = show(plan.model_copy(update={"baselines": tuple(map(Baseline.model_validate, rivals))}))
    assert column(seen.page, "Simple ways", "Keeps every limit") == [
        "yes", "no", "cannot be formed",
    ]  # fmt: skip
