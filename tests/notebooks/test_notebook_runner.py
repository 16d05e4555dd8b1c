"""Notebooks run in a kernel of this Python, say what went wrong, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from lakehouse import settings
from lakehouse.errors import DataError, UsageError
from lakehouse.ml import notebooks
from lakehouse.settings import ROOT, Settings

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


@pytest.fixture
def state(tmp_path: Path) -> Settings:
    return settings.load({"paths.state": str(tmp_path / "state")}).settings


def notebook(folder: Path, *cells: str, kernel: str = "python3") -> Path:
    made = new_notebook(cells=[new_code_cell(text) for text in cells])
    made.cells[0].metadata["tags"] = ["parameters"]
    made.metadata["kernelspec"] = KERNEL["kernelspec"] | {"name": kernel}
    path = folder / "made.ipynb"
    nbformat.write(made, path)
    return path


def kernels() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile, or is a zombie of an earlier test
            if "ipykernel_launcher" in " ".join(process.cmdline()):
                found.append(process)
    return found


def test_the_kernel_is_this_python_with_these_settings_and_an_empty_home(
    tmp_path: Path, state: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    cell = (
        "import json, sys, pathlib; from lakehouse import settings; c = settings.current()\n"
        "told = [sys.executable, str(c.state), str(pathlib.Path.cwd()), c.env, c.ports.trino, n]\n"
        "pathlib.Path(out).write_text(json.dumps(told))"
    )
    out = tmp_path / "told.json"
    path = notebook(tmp_path, "out = ''\nn = 1", cell, kernel="a_kernel_of_another_machine")
    executed = notebooks.run(state, path, {"out": str(out), "n": 7})
    assert json.loads(out.read_text()) == [
        sys.executable, str(state.state), str(ROOT), state.env, state.ports.trino, 7
    ]  # fmt: skip
    assert executed.is_relative_to(state.state)
    assert list(home.iterdir()) == []
    assert kernels() == []


def test_a_failing_cell_is_named_with_its_trace_and_the_copy_is_kept(tmp_path: Path, state: Settings) -> None:
    path = notebook(tmp_path, "n = 1", "print('before')", "rate = n / 0")
    with pytest.raises(DataError, match=r"made.ipynb, cell 3 .*ZeroDivisionError") as told:
        notebooks.run(state, path, {})
    assert "rate = n / 0" in told.value.message
    executed = Path(told.value.fields["executed"])
    assert "before" in executed.read_text()
    assert str(executed) in str(told.value.hint)
    assert kernels() == []


def test_an_error_of_ours_keeps_its_family_and_words(tmp_path: Path, state: Settings) -> None:
    cell = "from lakehouse.errors import UsageError\nraise UsageError('as_of is no instant', hint='h')"
    with pytest.raises(UsageError, match=r"as_of is no instant .*cell 2"):
        notebooks.run(state, notebook(tmp_path, "n = 1", cell), {})


def test_a_kernel_that_dies_is_told_apart_from_a_failing_cell(tmp_path: Path, state: Settings) -> None:
    with pytest.raises(DataError, match=r"kernel of made.ipynb died"):
        notebooks.run(state, notebook(tmp_path, "n = 1", "import os; os._exit(9)"), {})


def test_unknown_names_are_refused_before_anything_starts(tmp_path: Path, state: Settings) -> None:
    with pytest.raises(UsageError, match="no parameter 'sed', did you mean 'seed'"):
        notebooks.run(state, notebook(tmp_path, "seed = 1"), {"sed": 2})
    with pytest.raises(UsageError, match=r"no notebook .*fraud") as told:
        notebooks.run(state, Path("notebooks/fraud/02_nothing.ipynb"), {})
    assert "01_train_fraud_model.ipynb" in str(told.value.hint)
    broken = tmp_path / "broken.ipynb"
    broken.write_text("no json")
    with pytest.raises(UsageError, match="is no notebook"):
        notebooks.run(state, broken, {})
    assert not (state.state / "notebooks").exists()


def test_ctrl_c_interrupts_the_cell_and_ends_the_kernel(tmp_path: Path, state: Settings) -> None:
    begun, tidied = tmp_path / "begun", tmp_path / "tidied"
    cell = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(begun)!r}).write_text(str(os.getpid()))\n"
        f"try: time.sleep(600)\nfinally: pathlib.Path({str(tidied)!r}).touch()"
    )
    code = "from lakehouse.cli.app import main; main()"
    command = [sys.executable, "-c", code, "notebook", "run", str(notebook(tmp_path, "n = 1", cell))]
    process = subprocess.Popen(command, cwd=ROOT, env=settings.as_environment(state), stderr=subprocess.PIPE)
    kernel = wait_for_pid(begun, process)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert tidied.exists()
    assert not psutil.pid_exists(kernel)


def wait_for_pid(file: Path, process: subprocess.Popen[Any]) -> int:
    while not (file.exists() and file.read_text()):
        assert process.poll() is None, "ended before its cell began"
        time.sleep(0.1)
    return int(file.read_text())


@pytest.mark.parametrize("path", sorted(notebooks.FOLDER.rglob("*.ipynb")), ids=lambda p: p.name)
def test_notebooks_in_git_have_parameters_first_and_no_outputs(path: Path) -> None:
    found = nbformat.read(path, as_version=4)
    nbformat.validate(found)
    code = [c for c in found.cells if c.cell_type == "code"]
    assert "parameters" in found.cells[0].metadata.get("tags", [])
    assert all(c.outputs == [] and c.execution_count is None for c in code)
    assert all(len(c.source.splitlines()) <= 15 for c in code), "the work belongs into lakehouse.ml"


def test_the_command_lists_notebooks_with_their_parameters(cli: Any) -> None:
    told = cli("notebook", "list", "--output", "json")
    assert told.returncode == 0, told.stderr
    listed = {n["path"]: n for n in json.loads(told.stdout)}
    fraud = listed["notebooks/fraud/01_train_fraud_model.ipynb"]
    assert fraud["title"] == "Train the fraud model"
    assert fraud["parameters"]["seed"] == "7"


def test_the_command_refuses_a_parameter_without_a_value(cli: Any) -> None:
    told = cli("notebook", "run", "fraud/01_train_fraud_model.ipynb", "-p", "seed", "--output", "json")
    assert told.returncode == 2
    assert "key=value" in json.loads(told.stdout)["message"]
