"""The committed files: their text, and that a forgotten, stale or orphaned one is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse import settings, tables
from lakehouse.contracts import Column, Source, SourceKind, String, Table
from lakehouse.render import dbt, files
from lakehouse.render.common import DO_NOT_EDIT, RENDERED

SHOP = Source(name="shop", kind=SourceKind.POSTGRES, owner="shop-team", description="A shop.")
ORDERS = Table(
    SHOP,
    "orders",
    "What was bought.",
    "order",
    ("order_id",),
    (Column("order_id", String(), "Identifier."), Column("note", String(), "a | b", nullable=True)),
)

REFUNDS = """\
{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ current_state(
    source('ledger', 'refunds'),
    key=['refund_id'],
    columns=[
        'refund_id',
        'payment_id',
        'amount_minor',
        'currency_code',
        'reason',
        'status',
        'created_at',
        'updated_at',
    ],
) }}
"""

WEBHOOK = """\
{# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. #}
{{ first_event(
    source('events', 'webhook'),
    id_column='event_id',
    time_column='occurred_at',
    horizon_hours=168,
    columns=[
        'event_id',
        'provider',
        'event_type',
        'payment_id',
        'payload',
        'occurred_at',
    ],
) }}
"""

ORDERS_PAGE = """\
<!-- Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit. -->
# shop.orders

What was bought.

| | |
|---|---|
| Grain | one row per order |
| Key | `order_id` |
| Owner | shop-team |
| Source | `shop`: A shop. |
| Topic | `shop.public.orders`, 1 partition |
| Bronze | `bronze.shop__orders`, one row per message |
| Quarantine | `ops.shop__orders__quarantine`, one row per message that could not be read |
| Staging | `silver.stg_shop__orders`, one row per order |
| Retention | bronze for ever, topic 7 days |
| Freshness | warning after 5 minutes, failure after 1 hour |
"""


def test_staging_models() -> None:
    assert dbt.staging(tables.get("refunds")) == REFUNDS
    assert dbt.staging(tables.get("webhook")) == WEBHOOK


def test_sources() -> None:
    text = dbt.sources(SHOP, [ORDERS])
    assert (
        text.splitlines()[0] == "# Rendered from lakehouse/tables by `lakehouse tables render`. Do not edit."
    )
    (source,) = yaml.safe_load(text)["sources"]
    (table,) = source.pop("tables")
    assert source == {
        "name": "shop",
        "description": "A shop.",
        "schema": "bronze",
        "config": {"meta": {"owner": "shop-team"}},
    }
    assert table["name"], table["identifier"] == ("orders", "shop__orders")
    assert table["config"] == {
        "loaded_at_field": "_source_at",
        "freshness": {
            "warn_after": {"count": 5, "period": "minute"},
            "error_after": {"count": 60, "period": "minute"},
        },
        "meta": {"contract_version": 1},
    }
    assert [c["name"] for c in table["columns"]][-4:] == [
        "_unchanged",
        "_extra",
        "order_id",
        "note",
    ]


def model(name: str) -> dict[str, Any]:
    table = tables.get(name)
    found, *_ = yaml.safe_load(dbt.models([table]))["models"]
    assert isinstance(found, dict)
    return found


def column(name: str, of: str) -> dict[str, Any]:
    (found,) = (c for c in model(of)["columns"] if c["name"] == name)
    assert isinstance(found, dict)
    return found


def test_models_carry_tests_and_sensitivity() -> None:
    assert model("refunds")["name"] == "stg_ledger__refunds"
    assert model("refunds")["data_tests"] == [
        {
            "as_declared": {
                "name": "stg_ledger__refunds_is_as_declared",
                "arguments": {
                    "key": ["refund_id"],
                    "values": {
                        "reason": ["requested_by_customer", "duplicate", "product_unavailable"],
                        "status": ["pending", "succeeded", "failed"],
                    },
                    "references": [
                        {
                            "column": "payment_id",
                            "to": "{{ ref('stg_ledger__payments') }}",
                            "field": "payment_id",
                        }
                    ],
                },
            }
        }
    ]
    assert column("email", "customers")["config"]["meta"] == {"sensitivity": "personal"}
    assert column("_is_deleted", "refunds")["data_type"] == "boolean"


def test_a_key_of_several_columns_is_unique_together() -> None:
    key = ["base_currency_code", "quote_currency_code", "rate_on"]
    (test,) = model("fx_rates")["data_tests"]
    assert test["as_declared"]["arguments"] == {"key": key}


def test_page() -> None:
    page = files.reference_pages([ORDERS])["docs/reference/tables/shop__orders.md"]
    assert page.startswith(ORDERS_PAGE)
    assert "| `note` | text | string | STRING | varchar | yes | internal | a \\| b |" in page


def test_index_links_to_every_page() -> None:
    index = files.reference_index(tables.all())["docs/reference/tables/index.md"]
    for table in tables.all():
        assert f"[{table.source.name}.{table.name}]({table.source.name}__{table.name}.md)" in index


def test_a_table_with_a_history_has_a_model_of_its_versions_too() -> None:
    staging, history = yaml.safe_load(dbt.models([tables.get("merchants")]))["models"]
    assert (staging["name"], history["name"]) == ("stg_ledger__merchants", "hist_ledger__merchants")
    assert history["config"]["meta"]["key"] == ["merchant_id", "_valid_from"]
    assert [c["name"] for c in history["columns"]][-4:] == [
        "_valid_from",
        "_valid_to",
        "_known_at",
        "_ingested_at",
    ]
    assert dbt.history(tables.get("merchants")).splitlines()[1] == "{{ history("
    assert len(yaml.safe_load(dbt.models([tables.get("refunds")]))["models"]) == 1


def test_the_committed_files_are_as_declared() -> None:
    changes = files.compare(settings.ROOT, files.rendered(tables.all()))
    assert changes.stale == ()
    assert changes.unchanged == (2 * 2 + 12 + 3 + 12 + 1) + (7 + 1 + 1 + 1)


def test_rendered_files_say_so_in_their_first_line() -> None:
    for path, text in files.rendered(tables.all()).items():
        assert RENDERED in text.splitlines()[0], path
        assert text.endswith("\n"), path
        assert path.startswith(files.FOLDERS), path


def test_writing_touches_only_what_differs_and_removes_what_nobody_declares(tmp_path: Path) -> None:
    wanted = files.rendered([ORDERS])
    assert files.write(tmp_path, wanted).added == tuple(sorted(wanted))
    assert files.write(tmp_path, wanted).stale == ()

    model_file = "dbt_project/models/silver/staging/shop/stg_shop__orders.sql"
    page, index = "docs/reference/tables/shop__orders.md", "docs/reference/tables/index.md"
    untouched = (tmp_path / index).stat().st_mtime_ns
    (tmp_path / model_file).write_text("select 1")
    (tmp_path / page).unlink()
    by_hand = tmp_path / "docs/reference/tables/by_hand.md"
    by_hand.write_text("# Mine\n")
    orphan = tmp_path / "docs/reference/tables/shop__gone.md"
    orphan.write_text(f"<!-- {DO_NOT_EDIT} -->\n")

    changes = files.compare(tmp_path, wanted)
    assert (changes.added, changes.changed) == ((page,), (model_file,))
    assert changes.removed == ("docs/reference/tables/shop__gone.md",)
    assert files.write(tmp_path, wanted) == changes
    assert files.compare(tmp_path, wanted).stale == ()
    assert by_hand.read_text() == "# Mine\n"
    assert not orphan.exists()
    assert (tmp_path / index).stat().st_mtime_ns == untouched


def where_it_appears(wanted: dict[str, str]) -> set[str]:
    """Rendered files that are of the table or speak of it."""
    return {path for path, text in wanted.items() if "shop__orders" in path or "shop__orders" in text}


EVERYWHERE = {
    "dbt_project/models/silver/staging/shop/_shop__models.yml",
    "dbt_project/models/silver/staging/shop/_shop__sources.yml",
    "dbt_project/models/silver/staging/shop/stg_shop__orders.sql",
    "docs/reference/tables/index.md",
    "docs/reference/tables/shop__orders.md",
}


def test_a_new_table_is_in_every_committed_file_that_speaks_of_its_source() -> None:
    assert where_it_appears(files.rendered([*tables.all(), ORDERS])) == EVERYWHERE


@pytest.mark.parametrize("forgetful", files.RENDERERS, ids=lambda r: r.__name__)
def test_a_renderer_that_forgets_a_table_is_noticed(
    monkeypatch: pytest.MonkeyPatch, forgetful: Callable[[Sequence[Table]], dict[str, str]]
) -> None:
    def forget(declared: Sequence[Table]) -> dict[str, str]:
        return forgetful([t for t in declared if t is not ORDERS])

    monkeypatch.setattr(files, "RENDERERS", [forget if r is forgetful else r for r in files.RENDERERS])
    assert where_it_appears(files.rendered([*tables.all(), ORDERS])) != EVERYWHERE
