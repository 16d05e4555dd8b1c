"""What every file of the house must keep to. Imports between rooms are checked by import-linter (`make lint`)."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lakehouse"
MODULES = sorted(PACKAGE.rglob("*.py"))
TOP_LEVEL = {
    ".ci", ".gitignore", "CHANGELOG.md", "Makefile", "README.md", "conf", "dbt_project", "docs", "lakehouse",
    "notebooks", "pyproject.toml", "requirements", "tests",
    # rooms that later work fills
    "catalog", "dashboards", "databricks.yml", "feature_repo", "jobs",
}  # fmt: skip


def tracked() -> list[Path]:
    told = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if told.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in told.stdout.splitlines() if (ROOT / line).is_file()]


def test_top_level_folders_are_the_agreed_ones() -> None:
    assert {p.relative_to(ROOT).parts[0] for p in tracked()} <= TOP_LEVEL


def test_no_python_file_is_over_500_lines_and_the_median_is_under_150() -> None:
    lines = {p: len(p.read_text().splitlines()) for p in tracked() if p.suffix == ".py"}
    assert not {str(p): n for p, n in lines.items() if n > 500}
    assert statistics.median(lines.values()) <= 150


def test_contracts_are_small_and_know_only_the_standard_library() -> None:
    files = sorted((PACKAGE / "contracts").glob("*.py"))
    assert sum(len(p.read_text().splitlines()) for p in files) <= 600
    for path in files:
        for name in imports(path):
            assert name.split(".")[0] in sys.stdlib_module_names or name.startswith("lakehouse.contracts"), (
                path,
                name,
            )


def imports(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found


@pytest.mark.parametrize(
    ("pattern", "owner", "why"),
    [
        (r"os\.environ|os\.getenv|getenv\(", "settings.py", "only settings read the environment"),
        (r"_jvm\b|sparkContext|\.rdd\b", "context.py", "package code runs under Spark Connect too"),
        (r"SparkSession\.builder", "context.py", "one owner of the session"),
    ],
)
def test_one_owner(pattern: str, owner: str, why: str) -> None:
    guilty = [str(p.relative_to(ROOT)) for p in MODULES if p.name != owner and re.search(pattern, code_of(p))]
    assert not guilty, why


def code_of(path: Path) -> str:
    """The text without docstrings and comments, which may speak of what the code may not do."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def test_every_exception_is_in_errors() -> None:
    guilty = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in MODULES
        if path.name != "errors.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any("Error" in ast.unparse(b) or "Exception" in ast.unparse(b) for b in node.bases)
    ]
    assert not guilty


def test_no_file_names_a_registry_or_a_machine() -> None:
    hosts = "|".join(
        [
            "repo1?" + r"\.maven",
            r"repo\.maven" + r"\.apache",
            "pypi" + r"\.org",
            "pythonhosted",
            "registry" + r"\.npmjs",
        ]
    )
    places = "|".join(rf"/{name}/" for name in ("work", "root"))
    guilty = [
        str(p.relative_to(ROOT))
        for p in tracked()
        if p != Path(__file__)
        and re.search(f"(?:{hosts})|(?<![\\w.*}}])(?:{places})", p.read_text(errors="ignore"))
    ]
    assert not guilty


def test_help_does_not_import_an_engine() -> None:
    heavy = ["pyspark", "duckdb", "trino", "kafka", "mlflow", "pandas", "dbt", "psycopg", "numpy"]
    code = (
        "import sys; sys.argv=['lakehouse','--help']\n"
        "from lakehouse.cli.app import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"
