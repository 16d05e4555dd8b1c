"""A Jupyter kernel of this Python for papermill: told the settings, interrupted politely, never left
behind.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_async, ensure_event_loop
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

from lakehouse import settings
from lakehouse.settings import ROOT, Settings
from lakehouse.telemetry import Progress

ENGINE = "ledgerlake"
_START_SECONDS, _INTERRUPT_SECONDS = 120, 10


def environment(config: Settings) -> dict[str, str]:
    """Variables of the kernel: the settings of ``config``, our package, and Jupyter's folders inside the
    state folder.
    """
    home = config.state / "run" / "jupyter"
    home.mkdir(parents=True, exist_ok=True)
    variables = settings.as_environment(config)
    paths = [str(ROOT), *filter(None, [variables.get("PYTHONPATH")])]
    return variables | {
        "PYTHONPATH": ":".join(paths),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # Threads of XGBoost that spin while they wait made fitting 6 times slower on a busy machine.
        "OMP_WAIT_POLICY": "PASSIVE",
    }


class _Kernel(AsyncKernelManager):
    """Starts this Python, whatever kernels the machine has installed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(transport_encryption="required", **options)

    @property
    def kernel_spec(self) -> KernelSpec:
        # What Spark's JVM says on stderr belongs to the log, not under a cell.
        options = ["-f", "{connection_file}", "--IPKernelApp.capture_fd_output=False"]
        argv = [sys.executable, "-m", "ipykernel_launcher", *options]
        spec = KernelSpec(argv=argv, display_name="Ledgerlake", language="python")
        spec.metadata = {"supported_encryption": "curve"}
        return spec


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells. Ctrl-C first interrupts the cell, which may then tidy up, and ends the kernel if it
    does not.
    """

    interrupted = False
    _ending: asyncio.Future[Any] | None = None

    def execute(self, **start: Any) -> Any:
        try:
            with self._interruptible():
                return super().execute(**start)
        except DeadKernelError:
            if self.interrupted:
                raise KeyboardInterrupt from None
            raise
        finally:
            # nbclient cleans up after cells, but not when it is stopped while the kernel starts
            if self.km is not None and self.km.has_kernel:
                self._cleanup_kernel()

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        loop, before = ensure_event_loop(), signal.getsignal(signal.SIGINT)
        try:
            loop.add_signal_handler(signal.SIGINT, self._on_interrupt, loop)
        except (RuntimeError, ValueError):  # not the main thread: Ctrl-C is not ours to hear
            yield
            return
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, before)

    def _on_interrupt(self, loop: asyncio.AbstractEventLoop) -> None:
        again, self.interrupted = self.interrupted, True
        if again:
            self._end()
            return
        if self.km is not None:
            self._ending = asyncio.ensure_future(ensure_async(self.km.interrupt_kernel()), loop=loop)
        loop.call_later(_INTERRUPT_SECONDS, self._end)

    def _end(self) -> None:
        if self.km is not None and self.km.has_kernel:
            self._ending = asyncio.ensure_future(ensure_async(self.km.shutdown_kernel(now=True)))


class _Engine(Engine):  # type: ignore[misc]
    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        environment: dict[str, str],
        log: Path,
        progress: Progress,
        title: str,
        **_: Any,
    ) -> Any:
        total = sum(cell.cell_type == "code" for cell in nb_man.nb.cells)

        def tell(cell: Any, cell_index: int) -> None:
            done = sum(c.cell_type == "code" for c in nb_man.nb.cells[: cell_index + 1])
            progress(title, done, total)

        progress(title, 0, total)
        client = _Client(
            nb_man,
            kernel_manager_class=_Kernel,
            kernel_name=kernel_name,
            timeout=None,
            startup_timeout=_START_SECONDS,
            on_cell_executed=lambda cell, cell_index, execute_reply: tell(cell, cell_index),
        )
        with log.open("ab") as written:
            return client.execute(env=environment, cwd=str(ROOT), stdout=written, stderr=written)


papermill_engines.register(ENGINE, _Engine)
