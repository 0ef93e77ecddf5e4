"""What a chapter's results depend on, as one hash: run again when it changes, and only then.

It covers the code cells, the parameters, the part of ``lib/descent`` that the chapter imports (followed name by name,
through re-exports too), the lock file and the data. Prose is not in it.
"""

import ast
import hashlib
import os
from functools import cache
from pathlib import Path

import nbformat

from descent.book.project import Project
from descent.book.run.parameters import parameters_of, read_chapter, validate

PACKAGE = "descent"


def fingerprint(project: Project, profile: str, chapter: str, replicate: int) -> str:
    """Return the hash of all that one run of a chapter depends on, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    notebook = read_chapter(project.page(chapter))
    library = project.root / "lib" / PACKAGE
    modules = imported_modules(library, code_of(notebook))
    for part in (
        code_of(notebook),
        repr(sorted(run_parameters(project, profile, chapter, replicate).items())),
        *(f"{module}\n{module_path(library, module).read_text()}" for module in modules),
        (project.root / "requirements.lock").read_text(),
        _data_state() if f"{PACKAGE}.problems.images" in modules else "",
    ):
        digest.update(hashlib.sha256(part.encode()).digest())
    return digest.hexdigest()


def run_parameters(project: Project, profile: str, chapter: str, replicate: int) -> dict:
    """Return the parameters of one run: the profile's, checked, and the seed of the replicate.

    Raises:
        UserError: the profile sets a parameter that the chapter does not have.
    """
    known = parameters_of(read_chapter(project.page(chapter)))
    values = validate(
        project.profile(profile).recipe(chapter).parameters, known, f"{project.page(chapter)}, profile {profile}"
    )
    if "seed" in known:
        values["seed"] = values.get("seed", known["seed"].default) + replicate
    return values


def code_of(notebook: nbformat.NotebookNode) -> str:
    """Return the code cells of a notebook, joined."""
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def imported_modules(library: Path, source: str) -> list[str]:
    """Return the modules of the package that a source text imports, directly or through one another, sorted.

    Args:
        library: the package's folder.
        source: Python; lines that only IPython understands are passed over.

    A name that a package's ``__init__`` merely re-exports counts as an import of the module that defines it, and of no
    other: a chapter that imports one rule does not depend on the rest.
    """
    found: set[str] = set()
    waiting = _imports(library, source, is_package=False, module="")
    while waiting:
        module = waiting.pop()
        if module in found or not module_path(library, module).is_file():
            continue
        found.add(module)
        path = module_path(library, module)
        waiting |= _imports(library, path.read_text(), path.name == "__init__.py", module)
    return sorted(found)


@cache
def direct_imports(library: Path, source: str) -> tuple[str, ...]:
    """Return the modules of the package that a source text names itself, sorted; arguments as ``imported_modules``."""
    named = _imports(library, source, is_package=False, module="")
    return tuple(sorted(module for module in named if module_path(library, module).is_file()))


def module_path(library: Path, module: str) -> Path:
    """Return the file of a module of the package (``descent.rules`` is ``rules/__init__.py``)."""
    base = library.joinpath(*module.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _imports(library: Path, source: str, is_package: bool, module: str) -> set[str]:
    python = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    found: set[str] = set()
    for node in ast.walk(ast.parse(python)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE}
        elif isinstance(node, ast.ImportFrom):
            parent = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            origin = ".".join([*parent, *([node.module] if node.module else [])])
            if origin.split(".")[0] == PACKAGE:
                for alias in node.names:
                    found |= _resolve(library, origin, alias.name)
    return found


def _resolve(library: Path, origin: str, name: str) -> set[str]:
    """Return the module that ``from origin import name`` depends on."""
    if module_path(library, f"{origin}.{name}").is_file():
        return {f"{origin}.{name}"}
    path = module_path(library, origin)
    if path.name == "__init__.py" and path.is_file():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    if name == (alias.asname or alias.name) and node.module.split(".")[0] == PACKAGE:
                        return _resolve(library, node.module, alias.name)
    return {origin}


def _data_state() -> str:
    folder = Path(os.environ.get("DESCENT_DATA", ""))
    if not os.environ.get("DESCENT_DATA") or not folder.is_dir():
        return "no local data"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "\n".join(f"{path.relative_to(folder)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files)
