"""A notebook in a kernel of its own: the only file that knows papermill."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from traitlets.config import Config

from descent.book.errors import UserError
from descent.evidence.files import write_atomically

KERNEL = "python3"
DIED = "the kernel died, as it does when it is killed or the machine is out of memory"


class ChapterError(Exception):
    """A cell of a chapter raised; the message is the exception's last line."""


def check_kernel() -> None:
    """Raise UserError unless the kernel that chapters name would run in this very interpreter's environment."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # else a user's own "python3" kernel would shadow ours
    remedy = f"run '{sys.executable} -m pip install ipykernel', or remove .venv and run make again"
    try:
        spec = KernelSpecManager().get_kernel_spec(KERNEL)
    except NoSuchKernel as error:
        raise UserError(f"no Jupyter kernel {KERNEL!r} in {sys.prefix}: {remedy}") from error
    command = spec.argv[0] if spec.argv else ""
    if Path(command).name == command:  # jupyter_client puts its own interpreter in place of a bare "python"
        command = sys.executable
    if Path(command).parent.resolve() != Path(sys.executable).parent.resolve():
        raise UserError(f"the Jupyter kernel {KERNEL!r} would run {command}, not {sys.executable}: {remedy}")


def execute_notebook(
    notebook: nbformat.NotebookNode,
    output: Path,
    parameters: Mapping[str, Any],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    progress_bar: bool = False,
    source: str = "",
) -> nbformat.NotebookNode:
    """Execute a notebook through papermill, writing the output after every cell.

    Args:
        notebook: what to run.
        output: where the executed notebook goes, complete or not.
        parameters: name -> value, checked beforehand.
        folder: the kernel's working folder.
        environment: variables to set for the kernel.
        progress_bar: draw papermill's bar, one tick a cell.
        source: the name to remember the notebook by.

    Returns:
        The executed notebook.

    Raises:
        ChapterError: a cell raised; the output file holds the traceback.
    """
    check_kernel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import papermill
        from nbclient.exceptions import DeadKernelError
        from papermill.exceptions import PapermillExecutionError

    variables = dict(environment or {})
    if os.environ.get("DESCENT_DATA"):  # a relative path is relative to here; the kernel works in the chapters' folder
        variables["DESCENT_DATA"] = str(Path(os.environ["DESCENT_DATA"]).expanduser().resolve())
    # A Unix socket with a name of its own: no ports to race for, and no socket that others can reach.
    with _variables(variables), tempfile.TemporaryDirectory(prefix="descent-kernel-") as sockets:
        try:
            executed = papermill.execute_notebook(
                notebook,
                str(output),
                parameters=dict(parameters),
                kernel_name=KERNEL,
                cwd=str(folder),
                progress_bar=progress_bar,
                start_timeout=120,
                # A kernel that is told to shut down logs an interrupt as an error; real ones end as exceptions.
                extra_arguments=["--IPKernelApp.log_level=50"],
                config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
            )
        except PapermillExecutionError as error:
            raise ChapterError(f"{error.ename}: {error.evalue}") from error
        except DeadKernelError as error:
            _say_where_it_died(output)
            raise ChapterError(DIED) from error
    executed.metadata.papermill["input_path"] = source  # papermill would keep the whole input notebook here
    executed.metadata.papermill["output_path"] = output.name
    write_atomically(output, nbformat.writes(executed))
    return executed


def _say_where_it_died(output: Path) -> None:
    """Put an error into the cell that was running when the kernel died, where a traceback would stand."""
    notebook = nbformat.read(output, as_version=4)
    begun = [cell for cell in notebook.cells if cell.metadata.get("papermill", {}).get("start_time")]
    if begun:  # papermill notes that its last cell ended, and nothing of how
        begun[-1].outputs.append(nbformat.v4.new_output("error", ename="DeadKernel", evalue=DIED, traceback=[DIED]))
    write_atomically(output, nbformat.writes(notebook))


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    kept = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
