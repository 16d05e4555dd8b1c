"""Switch one mechanism off at a time, and see which tests notice.

Each mechanism is switched off by one replacement in one file of a copy of the tracked files; then the tests that guard it
run there. The same tests must pass with nothing switched off. Ends with 1 if a mechanism can be missing without a test
that fails. Needs no services that run already: ``.venv/bin/python tests/bench/switched_off.py``; ``--write FILE`` keeps the result as a
page, ``--only`` tries some.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
LANDING, SILVER = "tests/spark/test_bronze_landing.py", "tests/spark/test_transform_current_state.py"
SIGNATURE = "tests/unit/test_collect_signature.py"


@dataclass(frozen=True)
class Mechanism:
    """What is taken away: ``old``, found once in ``file``, gives way to ``new``. ``tests`` is the file of those that guard
    it, ``select`` a word in the names of these, or empty for all."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    select: str = ""


MECHANISMS = (
    Mechanism(
        "exactly once: offsets that the table has are left out",
        "lakehouse/ingest/bronze.py",
        "new, new_ranges = _from(bronze.position.next, mine, ranges)",
        "new, new_ranges = mine, ranges",
        LANDING,
        "delivered_again or split",
    ),
    Mechanism(
        "exactly once: a second writer is refused",
        "lakehouse/ingest/bronze.py",
        "if there.next != self.position.next:",
        "if False:",
        "tests/spark/test_bronze_recovery.py",
        "second_writer",
    ),
    Mechanism(
        "TOAST: a value that was not sent stays what it was",
        "dbt_project/macros/current_state.sql",
        "case when not array_contains(_unchanged, '{{ column }}')",
        "case when _unchanged is not null",
        SILVER,
        "split",
    ),
    Mechanism(
        "order: the newest offset of a key counts, not the newest time",
        "dbt_project/macros/current_state.sql",
        "{{ 'case when not _is_repeat then _offset end' if is_whole else '_offset' }}) as _newest",
        "_source_at) as _newest",
        SILVER,
        "split",
    ),
    Mechanism(
        "order: a change that comes again after newer ones is passed over",
        "dbt_project/macros/repeats.sql",
        "coalesce(_source_lsn < _reached and _first < _offset, false)",
        "false",
        SILVER,
        "split",
    ),
    Mechanism(
        "dedup: an event counts once by its id",
        "dbt_project/macros/first_event.sql",
        "on {{ same('t', 's', key) }}",
        "on false",
        SILVER,
        "first_of_an_event",
    ),
    Mechanism(
        "dedup: of an event's messages that are read together one counts",
        "dbt_project/macros/first_event.sql",
        "    group by {{ id_column }}",
        "    group by {{ id_column }}, _offset",
        SILVER,
        "first_of_an_event",
    ),
    Mechanism(
        "TOAST: the merge keeps what no change has sent",
        "dbt_project/macros/current_state.sql",
        "case when array_contains(s._kept, '{{ column }}') then t.{{ column }} else s.{{ column }} end",
        "s.{{ column }}",
        SILVER,
        "split",
    ),
    Mechanism(
        "deletes are respected",
        "dbt_project/macros/current_state.sql",
        "max_by(struct(_op in ('d', 'tombstone') as is_deleted",
        "max_by(struct(false as is_deleted",
        SILVER,
        "split",
    ),
    Mechanism(
        "late events are marked",
        "dbt_project/macros/first_event.sql",
        "'coalesce(_kafka_at > '",
        "'coalesce(false and _kafka_at > '",
        SILVER,
        "after_its_horizon",
    ),
    Mechanism(
        "webhook: the signature must be right",
        "lakehouse/collect/signature.py",
        "if not found:",
        "if False:",
        SIGNATURE,
    ),
    Mechanism(
        "webhook: the signature must be of now",
        "lakehouse/collect/signature.py",
        "if abs(now - int(at)) > tolerance:",
        "if False:",
        SIGNATURE,
    ),
    Mechanism(
        "webhook: signatures are compared in constant time",
        "lakehouse/collect/signature.py",
        "found |= hmac.compare_digest(wanted, given.encode())",
        "found |= wanted == given.encode()",
        SIGNATURE,
    ),
    Mechanism(
        "webhook: a callback that was sent is not sent again",
        "lakehouse/collect/once.py",
        "if identifier in self._sent:",
        "if False:",
        "tests/unit/test_collect_quota.py",
        "sent",
    ),
    Mechanism(
        "quarantine: what cannot be read is kept",
        "lakehouse/ingest/bronze.py",
        "        if landed < seen:",
        "        if False:",
        LANDING,
        "poison",
    ),
    Mechanism(
        "known time does not go back with the clock",
        "lakehouse/ingest/bronze.py",
        "return max([datetime.now(UTC), *(at + timedelta(microseconds=1) for at in stands if at)])",
        "return datetime.now(UTC)",
        LANDING,
        "known_time",
    ),
    Mechanism(
        "a topic that was made anew is refused",
        "lakehouse/ingest/stream.py",
        "broker.check_identity(this.config, this.source, found, bronze.marks(this.config, this.tables))",
        "pass",
        "tests/e2e/test_topic_made_anew.py",
    ),
)


@dataclass(frozen=True)
class Outcome:
    """How many tests ran, and those that failed, with the first line of why."""

    ran: int
    failed: tuple[tuple[str, str], ...]


def switch_off(one: Mechanism, folder: Path) -> None:
    """Replace the text in the copy; ValueError if the code has moved on."""
    file = folder / one.file
    text = file.read_text()
    if text.count(one.old) != 1:
        raise ValueError(f"{one.name}: not found once in {one.file}: {one.old}")
    file.write_text(text.replace(one.old, one.new))


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the tracked files as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    with TemporaryDirectory(prefix="switched-off-") as name:
        for file in filter(None, listed.stdout.split("\0")):
            (Path(name) / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, Path(name) / file)
        yield Path(name)


def outcome(folder: Path, tests: str, select: str) -> Outcome:
    """Run the tests in the copy, on the copy's code. One that cannot begin stops all: it proves nothing."""
    report = folder / "report.xml"
    chosen = ["-k", select, f"--junitxml={report}"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, *chosen]
    # The copy's code is found first: it is where the command runs.
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if not report.exists():
        raise RuntimeError(f"pytest did not run: {said.stdout[-2000:]}{said.stderr[-2000:]}")
    cases = list(ElementTree.parse(report).iter("testcase"))
    if broken := [str(case.get("name")) for case in cases if case.find("error") is not None]:
        raise RuntimeError(f"could not begin: {broken}")
    failed = [
        (str(case.get("name")), _why(why)) for case in cases if (why := case.find("failure")) is not None
    ]
    return Outcome(len(cases), tuple(failed))


def _why(failure: ElementTree.Element) -> str:
    return str(failure.get("message")).partition("\n")[0].replace("|", "\\|")[:100]


def page(found: Sequence[tuple[Mechanism, Outcome]]) -> str:
    """The result as a page of the reference."""
    rows = [
        f"| {one.name} | `{one.file}` | {len(result.failed)} of {result.ran} | `{result.failed[0][0]}` | {result.failed[0][1]} |"
        if result.failed
        else f"| {one.name} | `{one.file}` | **none** of {result.ran} | | |"
        for one, result in found
    ]
    return "\n".join(
        [
            "# What the tests notice",
            "",
            "Each mechanism is switched off on its own, by one replacement in a copy of the code (`tests/bench/switched_off.py`",
            "says which), and the tests that guard it run there; one of them starts a Kafka. With nothing switched off they all pass.",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores.",
            "",
            "| switched off | in | tests that fail | one of them | with |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="mechanisms whose name has this text")
    parser.add_argument("--write", type=Path, help="page to write")
    arguments = parser.parse_args()
    if arguments.only and arguments.write:
        parser.error("--write makes the page of all mechanisms: leave --only out")
    chosen = [one for one in MECHANISMS if (arguments.only or "") in one.name]
    found: list[tuple[Mechanism, Outcome]] = []
    with copied() as folder:
        for tests in dict.fromkeys(one.tests for one in chosen):
            all_ = outcome(
                folder, tests, " or ".join(one.select for one in chosen if one.tests == tests and one.select)
            )
            print(f"nothing: {len(all_.failed)} of {all_.ran} tests of {tests} failed", flush=True)
            if all_.failed or not all_.ran:
                return 1
        for one in chosen:
            switch_off(one, folder)
            found.append((one, outcome(folder, one.tests, one.select)))
            shutil.copy(ROOT / one.file, folder / one.file)
            print(f"{one.name}: {len(found[-1][1].failed)} of {found[-1][1].ran} tests failed", flush=True)
    if arguments.write:
        arguments.write.write_text(page(found))
    return 0 if all(result.failed for _, result in found) else 1


if __name__ == "__main__":
    sys.exit(main())
