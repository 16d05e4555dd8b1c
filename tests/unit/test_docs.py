"""If a document says it, it is so: links lead somewhere, and commands and settings exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from lakehouse import settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMANDS = sorted(
    {
        (page.relative_to(ROOT).as_posix(), line.split("   #")[0].strip())
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL)
        for line in block.splitlines()
        if line.startswith("lakehouse ")
    }
)


def test_links_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken


def test_blocks_for_the_shell_are_called_sh() -> None:
    """The others would not be looked at here."""
    other = r"^\s*```\s*(bash|shell|zsh|console|shell-session|sh\S.*|sh .*)$"
    assert not [page for page in PAGES if re.search(other, page.read_text(), flags=re.MULTILINE)]


def test_the_documents_show_commands() -> None:
    assert len(COMMANDS) >= 15


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_exist_with_their_options(page: str, line: str) -> None:
    from lakehouse.cli.app import app

    words = shlex.split(line)[1:]
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, f"{page}: {line}"
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert used <= known | {"--help"}, f"{page}: {line}"


def test_settings_in_the_documents_exist() -> None:
    known = set(settings.load().origin)
    named = {
        name.lower().replace("__", ".")
        for page in PAGES
        for name in re.findall(r"LAKEHOUSE_([A-Z_]+__[A-Z_]+)\b", page.read_text())
    }
    assert named - {"<section>.<key>"} <= known


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z]+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


RUNBOOKS = sorted(page.stem for page in (ROOT / "docs" / "runbooks").glob("*.md"))
HEADINGS = ["What you see", "What it means", "What to do", "Why nothing is lost", "The drill"]


@pytest.mark.parametrize("name", RUNBOOKS)
def test_each_runbook_has_its_drill_and_the_same_parts(name: str) -> None:
    page = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text()
    drill = f"tests/e2e/test_{name.replace('-', '_')}.py"
    assert re.findall(r"^## (.*)$", page, flags=re.MULTILINE) == HEADINGS
    assert drill in page
    assert f"Drill of docs/runbooks/{name}.md" in (ROOT / drill).read_text()


def test_each_drill_and_each_error_has_its_runbook() -> None:
    code = [*(ROOT / "tests" / "e2e").glob("*.py"), *(ROOT / "lakehouse").rglob("*.py")]
    named = {name for file in code for name in re.findall(r"docs/runbooks/([\w-]+)\.md", file.read_text())}
    assert named == set(RUNBOOKS)
