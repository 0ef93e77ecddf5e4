"""The ``descent`` command."""

from __future__ import annotations

import argparse
import errno
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from descent.book.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 (a chapter failed), 2 (the user's to mend), 130 (Ctrl-C)."""
    if sys.platform == "win32":
        print(
            "descent: the pipeline needs a Unix system: run it in WSL, the Windows Subsystem for Linux", file=sys.stderr
        )
        return 2
    from descent.book.machine import LEAST_SPACE_MB, address_space_mb

    if arguments is None:
        _settle()
        arguments = sys.argv[1:]
    # a negative number is a value, which argparse doesn't see in -1e-3
    arguments = [f" {word}" if re.match(r"-\.?\d", word) else word for word in arguments]
    options = _parser().parse_args(arguments)
    if (room := address_space_mb()) is not None and room < LEAST_SPACE_MB:
        print(
            f"descent: this process may use {room} MB of addresses, and some of its libraries would ask for more "
            f"for ever: raise the limit to {4 * LEAST_SPACE_MB} MB or more ('ulimit -v unlimited')",
            file=sys.stderr,
        )
        return 2
    try:
        return options.command(options)
    except UserError as error:
        print(f"descent: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "descent":
            raise
        print(
            f"descent: {error}: the pipeline is an extra of the library: pip install '.[book]', or run make",
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = (
            "make room, then give the same command again" if full else "free it, or change its owner or permissions"
        )
        print(f"descent: {error.strerror or error}: {error.filename or ''}: {remedy}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\ndescent: stopped; finished chapters are kept, and the same command goes on from there", file=sys.stderr
        )
        return 130


def _settle() -> None:
    """Begin again without the reader's settings, if there are any: in this process, and so in all that it starts."""
    from descent.book.run.surroundings import clean

    wanted = clean(os.environ)
    if wanted != dict(os.environ) and sys.executable:
        os.execve(sys.executable, [sys.executable, "-m", "descent.book.cli", *sys.argv[1:]], wanted)


def _book(options: argparse.Namespace) -> int:
    from descent.book.build import build
    from descent.book.machine import usable_cores
    from descent.book.project import Project

    project = Project.find()
    cores = usable_cores() if options.cores is None else options.cores
    return build(project, options.profile, cores, options.chapter, options.snakemake, options.cluster)


def _pdf(options: argparse.Namespace) -> int:
    from descent.book.project import Project

    project = Project.find()
    try:
        from descent.book.pages.pdf import make_pdf
    except ModuleNotFoundError as error:
        raise UserError(f"{error}: run 'make pdf', or pip install '.[pdf]'") from error
    output = options.output or project.build / "descent.pdf"
    pages = make_pdf(project, output)
    print(f"{output}: {pages} pages")
    return 0


def _run(options: argparse.Namespace) -> int:
    from descent.book.project import Project
    from descent.book.run.kernel import ChapterError, execute_notebook
    from descent.book.run.parameters import parameters_of, parse_values, read_chapter, validate

    notebook = read_chapter(options.chapter)
    known = parameters_of(notebook, options.chapter)
    values = {}
    if options.profile:
        project = Project.find(options.chapter.parent)
        recipe = project.profile(options.profile).recipe(options.chapter.stem)
        values = validate(recipe.parameters, known, f"{options.chapter}, profile {options.profile}")
    values |= validate(parse_values(options.parameter, known), known, str(options.chapter))
    output = options.output or Path(f"{options.chapter.stem}.ipynb")
    if not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        raise UserError(f"can't write {output}: {output.parent} is not a folder that can be written; choose another -o")
    if output.suffix != ".ipynb" or output.is_dir() or (output.exists() and not os.access(output, os.W_OK)):
        raise UserError(
            f"can't write {output}: it wants a file that ends in .ipynb and can be written; choose another -o"
        )
    if output.exists() and output.samefile(options.chapter):
        raise UserError(f"{output} is the chapter itself: choose another -o")
    if options.keep and not _can_be_made(options.keep):
        raise UserError(f"can't write {options.keep}: choose another folder to --keep measurements and figures in")
    with tempfile.TemporaryDirectory(prefix="descent-run-") as folder:
        try:
            execute_notebook(
                notebook,
                output,
                values,
                folder=options.chapter.parent,
                environment={"DESCENT_RUN_DIR": folder},
                progress_bar=sys.stderr.isatty(),
                source=str(options.chapter),
            )
        except ChapterError as error:
            print(f"descent: {options.chapter}: {error}\nthe traceback is in {output}", file=sys.stderr)
            return 1
        if options.keep:
            shutil.copytree(folder, options.keep, dirs_exist_ok=True)
    print(output)
    return 0


def _can_be_made(folder: Path) -> bool:
    """Say whether a folder is there, or can be made, to write in."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return there.is_dir() and os.access(there, os.W_OK)


def _params(options: argparse.Namespace) -> int:
    from descent.book.run.parameters import parameters_of, read_chapter

    for parameter in parameters_of(read_chapter(options.chapter), options.chapter).values():
        print(f"{parameter.name}: {parameter.type_name} = {parameter.default!r}  {parameter.help}")
    return 0


def _claims(options: argparse.Namespace) -> int:
    from descent.book.project import Project
    from descent.book.report.report import stale, terminal_table
    from descent.book.report.results import Evidence
    from descent.book.report.tallies import counts
    from descent.book.run.run import runs
    from descent.book.run.why import changed

    project = Project.find()
    project.known(options.chapter)
    evidence = Evidence(project, project.profile(options.profile))
    verdicts = evidence.archived.values() if options.archived else evidence.verdicts
    wanted = [verdict for verdict in verdicts if not options.chapter or verdict.chapter in options.chapter]
    print(terminal_table(wanted))
    for chapter in project.known(options.chapter) if not options.archived else ():
        for run in runs(project, options.profile, chapter):
            if names := changed(run):
                print(f"  {run}: {stale(names)}; make book makes it again", file=sys.stderr)
    if not options.archived and not options.chapter:
        print(f"\n{counts(evidence)}")
    return 0


def _archive(options: argparse.Namespace) -> int:
    from descent.book.project import Project
    from descent.book.report.archive import archive
    from descent.book.report.results import Evidence

    project = Project.find()
    for chapter in options.chapter:
        print(archive(Evidence(project, project.profile(options.profile)), chapter))
    return 0


def _certify(options: argparse.Namespace) -> int:
    from descent.book.report.certify import command

    return command(options)


def _verify(options: argparse.Namespace) -> int:
    from descent.evidence.certificates.verify import run

    return run(options.file, options.html)


def _check(options: argparse.Namespace) -> int:
    from descent.book.check import check
    from descent.book.project import Project

    return check(Project.find())


def _why(options: argparse.Namespace) -> int:
    from descent.book.project import Project
    from descent.book.run.why import why

    project = Project.find()
    for line in why(project, options.profile, project.known(options.chapter)):
        print(line)
    return 0


def _meta_train(options: argparse.Namespace) -> int:
    from descent.experiments.learning_to_optimize.learned_recipes import main as meta_train

    return meta_train(options.arguments)


def _doctor(options: argparse.Namespace) -> int:
    from descent.book.doctor import report
    from descent.book.project import Project

    text, healthy = report(Project.find())
    print(text)
    return 0 if healthy else 1


class _Parser(argparse.ArgumentParser):
    """A parser, and its commands', which says what is wrong in a line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and end."""
        self.exit(2, f"descent: {message}: see '{self.prog} --help'\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="descent", description="Descent and Its Discontents: run, judge, render.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    book = commands.add_parser("book", help="run what changed, judge, render _build/html (make book)")
    book.add_argument("chapter", nargs="*", help="run only these chapters")
    book.add_argument("--profile", default="quick", help="smoke, quick (default), paper, or a file of profiles/")
    book.add_argument("--cores", type=int, help="how many cores to use (default: all that this process may use)")
    book.add_argument("--cluster", help="send the runs to a cluster: slurm, or another folder of profiles/")
    book.add_argument("--snakemake", nargs=argparse.REMAINDER, default=[], help="all that follows goes to Snakemake")
    book.set_defaults(command=_book)

    pdf = commands.add_parser("pdf", help="print the rendered book as one PDF (make pdf)")
    pdf.add_argument("-o", "--output", type=Path, help="the PDF (default: _build/descent.pdf)")
    pdf.set_defaults(command=_pdf)

    run = commands.add_parser("run", help="run one chapter through papermill")
    run.add_argument("chapter", type=Path, help="chapters/NAME.md")
    run.add_argument("-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    run.add_argument("--profile", help="take the parameters of a profile first")
    run.add_argument("-o", "--output", type=Path, help="the executed notebook (default: NAME.ipynb, here)")
    run.add_argument("--keep", type=Path, metavar="FOLDER", help="also keep measurements and figures in this folder")
    run.set_defaults(command=_run)

    params = commands.add_parser("params", help="list a chapter's parameters: types, defaults, meaning")
    params.add_argument("chapter", type=Path, help="chapters/NAME.md")
    params.set_defaults(command=_params)

    claims = commands.add_parser("claims", help="show the table of verdicts")
    claims.add_argument("chapter", nargs="*", help="only these chapters")
    claims.add_argument("--profile", default="quick")
    claims.add_argument("--archived", action="store_true", help="the archived verdicts at published scale")
    claims.set_defaults(command=_claims)

    archive = commands.add_parser("archive", help="keep the measurements of finished runs under results/")
    archive.add_argument("chapter", nargs="+")
    archive.add_argument("--profile", default="paper")
    archive.set_defaults(command=_archive)

    certify = commands.add_parser(
        "certify",
        help="seal measurements, claims and verdicts, for others to judge again",
        epilog="example:\n  descent certify omd-thresholds --to omd.zip\n  descent verify omd.zip",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    certify.add_argument("chapter", nargs="*", help="only these chapters (default: all with finished or archived runs)")
    certify.add_argument("--profile", default="quick", help="quick (default), paper, or another")
    certify.add_argument("--to", type=Path, metavar="FOLDER|FILE.zip", help="default: _build/certificates/PROFILE.zip")
    certify.add_argument(
        "--archived", action="store_true", help="take archived runs, even where this build has its own"
    )
    certify.set_defaults(command=_certify)

    verify = commands.add_parser(
        "verify",
        help="judge certificates again (without TensorFlow); of several, a table of claims by devices",
        epilog="example:\n  descent verify omd.zip\n  descent verify certificates/ --html devices.html",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verify.add_argument("file", nargs="+", type=Path, help="certificates (.zip or folder), or folders of them")
    verify.add_argument("--html", type=Path, metavar="PAGE", help="write the table of claims by devices there")
    verify.set_defaults(command=_verify)

    check = commands.add_parser("check", help="lint the chapters' code; hold pages, claims and profiles together")
    check.set_defaults(command=_check)

    why = commands.add_parser(
        "why", help="say which runs a build would make, and what has changed since they were made"
    )
    why.add_argument("chapter", nargs="*", help="only these chapters")
    why.add_argument("--profile", default="quick")
    why.set_defaults(command=_why)

    meta_train = commands.add_parser(
        "meta-train", help="meta-train the learned optimisers again (--help: which)", add_help=False
    )
    meta_train.add_argument("arguments", nargs=argparse.REMAINDER)
    meta_train.set_defaults(command=_meta_train)

    doctor = commands.add_parser("doctor", help="say what this machine has, and what each profile would take on it")
    doctor.set_defaults(command=_doctor)
    return parser


if __name__ == "__main__":
    sys.exit(main())
