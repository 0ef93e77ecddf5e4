"""A notebook in a kernel of its own: the only file that knows papermill."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from traitlets.config import Config

from descent.book.errors import UserError
from descent.book.run.surroundings import STATED, check_folder, clean, furnish, surrounded
from descent.evidence.files import write_atomically

KERNEL = "python3"
DIED = "the kernel died, as it does when it is killed, the machine is out of memory, or a cell calls exit()"
# A Unix socket's path has at most 107 characters on Linux and 103 on macOS, of which ours takes some.
LONGEST_FOLDER = 60


class ChapterError(Exception):
    """A cell of a chapter raised; the message is the exception's last line."""


def check_kernel() -> None:
    """Raise UserError unless the kernel that chapters name would run in this very interpreter's environment."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    os.environ |= {name: value for name, value in STATED.items() if name.startswith("JUPYTER")}
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
    home: Path | None = None,
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
        home: the kernel's home folder, kept for the next one; a new one, if it is not given.

    Returns:
        The executed notebook.

    Raises:
        UserError: the folder, or the environment, would make another run of it than is made elsewhere.
        ChapterError: a cell raised, or ended the chapter; the output file holds the traceback.
    """
    check_kernel()
    check_folder(folder)
    _teach_tuples()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import papermill
        from nbclient.exceptions import DeadKernelError
        from papermill.exceptions import PapermillExecutionError

    variables = dict(environment or {})
    if os.environ.get("DESCENT_DATA"):  # a relative path is relative to here; the kernel works in the chapters' folder
        variables["DESCENT_DATA"] = str(Path(os.environ["DESCENT_DATA"]).expanduser().resolve())
    # A Unix socket with a name of its own: no ports to race for, and no socket that others can reach.
    short = "/tmp" if len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER else None
    with tempfile.TemporaryDirectory(prefix="descent-kernel-", dir=short) as sockets:
        variables |= furnish(home or Path(sockets) / "home")
        try:
            with surrounded(clean(os.environ) | variables):
                executed = papermill.execute_notebook(
                    notebook,
                    str(output).replace("{", "{{").replace("}", "}}"),  # papermill takes a path for a template
                    parameters=dict(parameters),
                    kernel_name=KERNEL,
                    cwd=str(folder),
                    progress_bar=progress_bar,
                    start_timeout=120,
                    # A kernel that is told to shut down logs an interrupt as an error; real ones end as exceptions.
                    extra_arguments=["--IPKernelApp.log_level=50", "--HistoryManager.enabled=False"],
                    config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
                )
        except PapermillExecutionError as error:
            raise ChapterError(f"{error.ename}: {error.evalue}") from error
        except DeadKernelError as error:
            _say_where_it_died(output)
            raise ChapterError(DIED) from error
        except RuntimeError as error:  # before there was a kernel to die
            raise ChapterError(f"the kernel did not start: {error}") from error
    if _ended_itself(executed):
        raise ChapterError("SystemExit: a chapter runs to its end: leave out sys.exit()")
    for number, cell in enumerate(executed.cells):
        cell["id"] = f"cell-{number}"  # not drawn at random: the same run is the same file
    executed.metadata.papermill["input_path"] = source  # papermill would keep the whole input notebook here
    executed.metadata.papermill["output_path"] = output.name
    write_atomically(output, nbformat.writes(executed))
    return executed


def _say_where_it_died(output: Path) -> None:
    """Put an error into the cell that was running when the kernel died, where a traceback would stand."""
    notebook = nbformat.read(output, as_version=4)
    begun = [c for c in notebook.cells if c.cell_type == "code" and c.metadata.get("papermill", {}).get("start_time")]
    if begun:  # papermill notes that its last cell ended, and nothing of how
        begun[-1].outputs.append(nbformat.v4.new_output("error", ename="DeadKernel", evalue=DIED, traceback=[DIED]))
    write_atomically(output, nbformat.writes(notebook))


def _ended_itself(executed: nbformat.NotebookNode) -> bool:
    """Say whether a cell called ``sys.exit(0)``, which papermill takes for a good end."""
    outputs = (output for cell in executed.cells for output in cell.get("outputs", ()))
    return any(output.output_type == "error" and output.ename == "SystemExit" for output in outputs)


def _teach_tuples() -> None:
    """Let papermill write a tuple as a tuple; it would write it as text."""
    from papermill.translators import PythonTranslator, papermill_translators

    class Translator(PythonTranslator):
        @classmethod
        def translate(cls, val: Any) -> str:
            if isinstance(val, tuple):
                return f"({''.join(f'{cls.translate(item)}, ' for item in val)})"
            return super().translate(val)

    papermill_translators.register("python", Translator)
