"""The files of a certificate, read from a folder or a zip into memory: nothing is unpacked, nothing in it is run."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from hashlib import sha256
from pathlib import Path

METADATA = "ro-crate-metadata.json"
ABOUT = "certificate.json"
SEALS = "sha256sums.txt"
PARTS = (METADATA, ABOUT, SEALS)  # a folder that holds one of them is a certificate
MOST_BYTES = 64 * 2**20  # a whole book's is a hundredth of it
LINE = re.compile(rb"([0-9a-f]{64})  ([^\n]+)")

Files = dict[str, bytes]


class CertificateError(ValueError):
    """A file is no certificate, or part of it can't be read; the message is one line that says which."""


def certificates(path: Path) -> list[Path]:
    """Return the certificates that a path means: itself, or those in the folder that it is.

    Raises:
        CertificateError: there is nothing there, or no certificate.
    """
    if not path.exists():
        raise CertificateError("there is no such file or folder")
    if not path.is_dir() or _is_certificate(path):
        return [path]
    found = [p for p in sorted(path.iterdir()) if p.suffix == ".zip" or (p.is_dir() and _is_certificate(p))]
    if not found:
        raise CertificateError(f"holds no certificate: no .zip, and no folder with {METADATA}")
    return found


def _is_certificate(folder: Path) -> bool:
    return any((folder / name).exists() for name in PARTS)


def read_files(path: Path) -> Files:
    """Return the files of a certificate: path within it -> content.

    Raises:
        CertificateError: it can't be read, is damaged, or holds what no certificate does.
    """
    try:
        return _of_folder(path) if path.is_dir() else _of_zip(path)
    except OSError as error:
        raise CertificateError(f"can't be read: {error.strerror or error}") from error


def _of_folder(folder: Path) -> Files:
    files: Files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") or part == "__pycache__" for part in name.split("/")):
            continue  # what systems and Python leave in folders
        if path.is_symlink():
            raise CertificateError(f"holds a link, {name}, which may lead out of it")
        if path.is_file():
            if sum(map(len, files.values())) + path.stat().st_size > MOST_BYTES:
                raise CertificateError(f"is larger than {MOST_BYTES >> 20} MB, which no certificate is")
            files[name] = path.read_bytes()
    return files


def _of_zip(path: Path) -> Files:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            for member in members:
                _check_name(member)
            names = [member.filename for member in members]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise CertificateError(f"holds {twice[0]} twice")
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise CertificateError(f"is larger than {MOST_BYTES >> 20} MB, which no certificate is")
            return _at_the_top({member.filename: _content(archive, member) for member in members})
    except zipfile.BadZipFile as error:
        raise CertificateError(f"is no zip, or a damaged or truncated one: {error}") from error
    except (ValueError, EOFError, NotImplementedError, RuntimeError, IndexError) as error:
        if isinstance(error, CertificateError):
            raise
        raise CertificateError(f"is a damaged zip: {error}") from error


def _check_name(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    if name.startswith("/") or "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name):
        raise CertificateError(f"holds a file with an absolute or a foreign path, {name!r}: nothing of it was read")
    if ".." in name.split("/"):
        raise CertificateError(f"holds a path that leads out of it, {name!r}: nothing of it was read")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise CertificateError(f"holds a link, {name}, which may lead out of it: nothing of it was read")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return a member's content, of which its header may say less than there is."""
    try:
        with archive.open(member) as file:
            content = file.read(member.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise CertificateError(f"is a damaged zip: {member.filename} can't be read: {error}") from error
    if len(content) != member.file_size:
        raise CertificateError(f"is a damaged zip: {member.filename} has not the size that it says")
    return content


def _at_the_top(files: Files) -> Files:
    """Return the files of a zip as if packed at its top: a folder that was packed again lies one below."""
    tops = {name.partition("/")[0] for name in files}
    if len(tops) == 1 and METADATA not in files:
        return {name.partition("/")[2]: content for name, content in files.items() if "/" in name}
    return files


def sealed(files: Files) -> bytes:
    """Return the seals of files: a line each in the format of sha256sum, and a comment, the hash of these lines."""
    lines = "".join(f"{digest(files[name])}  {name}\n" for name in sorted(files) if name != SEALS)
    return f"{lines}# {digest(lines.encode())}\n".encode()


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal."""
    return sha256(content).hexdigest()


def number(files: Files) -> str:
    """Return the hash of all seals, which tells certificates apart, "" where there is none to read."""
    return files.get(SEALS, b"").rpartition(b"# ")[2].strip().decode(errors="replace")


def broken(files: Files) -> list[str]:
    """Return a line for each file that is not what was sealed; none if all are."""
    if SEALS not in files:
        return [f"{SEALS} is missing: nothing is sealed"]
    lines, _, last = files[SEALS].rpartition(b"# ")
    if last != f"{digest(lines)}\n".encode():
        return [f"{SEALS} was changed or cut: its last line is not the hash of the lines above it"]
    found = []
    for line in lines.splitlines():
        matched = LINE.fullmatch(line)
        if matched is None:
            return [f"{SEALS} has a line that is none: {line[:80]!r}"]
        name = matched[2].decode(errors="replace")
        if name not in files:
            found.append(f"{name} is missing")
        elif digest(files[name]) != matched[1].decode():
            found.append(f"{name} was changed: it is not what was sealed")
    return found


def unsealed(files: Files) -> list[str]:
    """Return the files that no seal is about."""
    names = {line.partition(b"  ")[2].decode(errors="replace") for line in files.get(SEALS, b"").splitlines()}
    return sorted(set(files) - names - {SEALS})
