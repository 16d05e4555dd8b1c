"""Pages about the tables: one each, whose links lead somewhere, and that show nothing personal."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import deltalake
import pyarrow as pa
import pytest

from lakehouse import context, settings, tables
from lakehouse.quality.freshness import State, Verdict
from lakehouse.quality.levels import grade
from lakehouse.settings import Settings
from lakehouse.site import pages, picture
from lakehouse.transform import project


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, gold_by_hand: Path) -> Settings:
    """Gold by hand, and one customer in silver."""
    state = tmp_path_factory.mktemp("site")
    made = settings.load({"paths.state": str(state)}, environ={}).settings
    made.warehouse.mkdir()
    (made.warehouse / "gold").symlink_to(gold_by_hand)
    rows = {c.name: [f"secret {c.name}"] for c in tables.get("ledger.customers").columns}
    more = {"_is_deleted": [False], "_partition": [0], "_offset": [0], "_source_lsn": [1]}
    times = {key: [0] for key in ("_source_at", "_ingested_at")}
    deltalake.write_deltalake(
        context.folder(made, "silver.stg_ledger__customers"), pa.table({**rows, **more, **times})
    )
    return made


@pytest.fixture(scope="module")
def site(config: Settings) -> dict[str, str]:
    """Page to text."""
    verdicts = [
        Verdict(f"{t.source.name}.{t.name}", State.OK, 12.0, "caught_up", None, 300, 3600)
        for t in tables.all()
    ]
    there = {f"{schema}.{name}" for schema, name, _ in context.tables(config)}
    fresh = {v.table: True for v in verdicts}
    graded = grade(project.models(config), there, fresh, is_built=True)
    found = pages.write(config, graded, verdicts)
    again = pages.write(config, graded, verdicts)
    assert found == again
    assert found.dbt.stat().st_size > 1_000_000
    return {f.name: f.read_text() for f in found.index.parent.glob("*.html") if f != found.dbt}


def test_each_model_has_a_page_and_every_link_leads_to_one(config: Settings, site: dict[str, str]) -> None:
    models = {f"{m.schema}.{m.name}.html" for m in project.models(config)}
    assert site.keys() == models | {"index.html"}
    linked = {target for text in site.values() for target in re.findall(r'href="([^"]+)"', text)}
    assert linked == site.keys() | {"dbt.html"}


def test_a_page_says_what_is_known_of_its_table(site: dict[str, str]) -> None:
    text = site["gold.fct_payments.html"]
    for told in (
        "<th>One row per<td>payment",
        "<th>Owner<td>payments-platform",
        '<span class="level gold">gold</span>',
        "fct_payments_has_the_rows_of_staging",
        "revenue_by_currency",
        "<code>captured_minor</code><td><code>bigint</code><td>internal",
        "ok, its oldest source 12 s",
    ):
        assert told in text, told
    assert "not built" in site["silver.stg_ledger__refunds.html"]


def test_nothing_personal_is_shown(site: dict[str, str]) -> None:
    text = site["silver.stg_ledger__customers.html"]
    personal = [c.name for c in tables.get("ledger.customers").columns if c.sensitivity.value == "personal"]
    assert personal
    for name in personal:
        assert f"secret {name}" not in text
    assert "secret customer_id" in text
    assert text.count(pages.HIDDEN) >= len(personal)


def test_the_picture_has_what_a_table_is_made_from_and_what_is_made_from_it() -> None:
    inputs = {
        "silver.b": {"bronze.a"},
        "gold.c": {"silver.b", "gold.d"},
        "gold.d": {"silver.b"},
        "gold.e": {"gold.c"},
    }
    drawn = picture.svg("gold.c", inputs)
    root = ElementTree.fromstring(drawn)
    names = {t.text: int(t.attrib["x"]) for t in root.iter("{http://www.w3.org/2000/svg}text")}
    order = ["bronze.a", "silver.b", "gold.d", "gold.c", "gold.e"]
    assert sorted(names, key=lambda n: names[n]) == order
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) == 5
    links = [a.attrib["href"] for a in root.iter("{http://www.w3.org/2000/svg}a")]
    assert sorted(links) == ["gold.d.html", "gold.e.html", "silver.b.html"]
