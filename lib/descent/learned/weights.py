"""Weights of a learned optimiser as a small text file, with where they come from.

The file is JSON: the optimiser's name and settings, the tensors (little-endian bytes in base64, exact), their checksum,
and the provenance as plain data. Nothing in it is ever executed, and a file that does not fit is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from descent.learned.base import LearnedOptimizer, Weights
from descent.quiet import tf

FORMAT = 1


class WeightsError(ValueError):
    """A weights file is missing, damaged, or another optimiser's; the message is one line with the file and the fix."""


def save_weights(path: Path, optimizer: LearnedOptimizer, weights: Weights, provenance: Mapping[str, Any]) -> None:
    """Write weights, whole or not at all.

    Args:
        path: of the file, ``.json`` by custom.
        optimizer: whose they are.
        weights: finite tensors.
        provenance: plain data: commit, versions, device, seed, meta-steps, seconds, ...

    Raises:
        WeightsError: a weight is not finite.
    """
    path = Path(path)
    tensors = [np.asarray(leaf) for leaf in tf.nest.flatten(weights)]
    if not all(np.isfinite(x).all() for x in tensors):
        raise WeightsError(
            f"{path}: not written, as some weights are NaN or infinite; meta-train again with a lower rate"
        )
    little = [x.astype(x.dtype.newbyteorder("<")) for x in tensors]
    content = {
        "format": FORMAT,
        "optimizer": optimizer.name,
        "settings": dict(optimizer.settings),
        "tensors": [
            {"dtype": x.dtype.name, "shape": list(x.shape), "base64": base64.b64encode(x.tobytes()).decode()}
            for x in little
        ],
        "sha256": _digest(x.tobytes() for x in little),
        "provenance": dict(provenance),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    partial.replace(path)


def load_weights(path: Path, optimizer: LearnedOptimizer) -> Weights:
    """Read weights for an optimiser.

    Returns:
        Weights structured as ``optimizer.init`` structures them, bit for bit those that were saved.

    Raises:
        WeightsError: the file is missing or damaged, or holds another optimiser's weights or settings.
    """
    path = Path(path)
    content = _content(path)
    made_for = (content["optimizer"], content["settings"])
    if made_for != (optimizer.name, json.loads(json.dumps(dict(optimizer.settings)))):
        raise WeightsError(
            f"{path}: weights of {_call(*made_for)}, not of {_call(optimizer.name, optimizer.settings)}; "
            "name the file that fits, or make the optimiser with the file's settings"
        )
    tensors = _tensors(path, content)
    like = optimizer.init(0)
    leaves = tf.nest.flatten(like)
    found = [(x.dtype.name, x.shape) for x in tensors]
    wanted = [(leaf.dtype.name, tuple(leaf.shape)) for leaf in leaves]
    if found != wanted:
        raise WeightsError(
            f"{path}: tensors of {_listed(found)} where {_listed(wanted)} are wanted; it was written by another "
            "version of the optimiser, meta-train it again"
        )
    return tf.nest.pack_sequence_as(like, [tf.constant(x) for x in tensors])


def read_provenance(path: Path) -> dict[str, Any]:
    """Return what a weights file says about its making; errors as in ``load_weights``."""
    return _content(path)["provenance"]


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise WeightsError(f"{path}: no such weights file; meta-train the optimiser to make it") from error
    except ValueError as error:
        raise WeightsError(f"{path}: damaged weights file, get it again or meta-train anew ({error})") from error
    wanted = {"format", "optimizer", "settings", "tensors", "sha256", "provenance"}
    if not isinstance(content, dict) or not wanted <= content.keys():
        lacking = wanted - set(content) if isinstance(content, dict) else wanted
        raise WeightsError(f"{path}: not a weights file: it lacks {', '.join(sorted(lacking))}")
    if content["format"] != FORMAT:
        raise WeightsError(f"{path}: weights file of format {content['format']}, this version reads {FORMAT}: update")
    kinds = {"optimizer": str, "settings": dict, "tensors": list, "sha256": str, "provenance": dict}
    if wrong := [name for name, kind in kinds.items() if not isinstance(content[name], kind)]:
        raise WeightsError(f"{path}: damaged weights file, {wrong[0]} is no {kinds[wrong[0]].__name__}; get it again")
    return content


def _tensors(path: Path, content: dict[str, Any]) -> list[np.ndarray]:
    try:
        parts = [base64.b64decode(x["base64"], validate=True) for x in content["tensors"]]
        arrays = [
            np.frombuffer(part, np.dtype(x["dtype"]).newbyteorder("<")).reshape(x["shape"]).astype(x["dtype"])
            for part, x in zip(parts, content["tensors"], strict=True)
        ]
    except (binascii.Error, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: damaged weights file, get it again or meta-train anew ({error})") from error
    if _digest(parts) != content["sha256"]:
        raise WeightsError(f"{path}: the checksum does not match, the file is damaged: get it again or meta-train anew")
    if not all(np.isfinite(x).all() for x in arrays):
        raise WeightsError(f"{path}: some weights are NaN or infinite; meta-train anew")
    return arrays


def _listed(tensors: list[tuple[str, tuple[int, ...]]]) -> str:
    return ", ".join(f"{dtype} {list(shape)}" for dtype, shape in tensors)


def _digest(parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _call(name: str, settings: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in sorted(settings.items()))})"
