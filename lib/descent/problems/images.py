"""Image data: digits that come with scikit-learn, and MNIST, Fashion-MNIST and CIFAR-10 where they can be had.

``load("digits")`` needs no file. The others are looked for in the folder that the variable ``DESCENT_DATA`` names, then
in Keras's cache, then downloaded into that cache by ``tf.keras.datasets``. Wherever they are found they are checked;
when they can't be had, or are damaged, that is an error with the ways out, and never another data set instead.

Under ``DESCENT_DATA``: ``mnist/`` and ``fashion_mnist/`` with the original IDX files, gzipped or not; ``cifar10/`` with
CIFAR-10's Python or binary batches. A copy of torchvision's folders will do as well.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from descent.problems import image_files
from descent.problems.image_files import DataError
from descent.quiet import tf

Split = Literal["train", "test"]
Pixels = tuple[np.ndarray, np.ndarray]

NAMES = ("digits", "mnist", "mnist-test", "fashion_mnist", "cifar10")
# Where each data set may be, under DESCENT_DATA and under Keras's cache.
LOCAL_FOLDERS = {
    "mnist": ("mnist", "MNIST/raw", "MNIST"),
    "fashion_mnist": ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
    "cifar10": (
        "cifar10",
        *("cifar10/cifar-10-batches-py", "cifar10/cifar-10-batches-bin"),
        *("cifar-10-batches-py", "cifar-10-batches-bin"),
    ),
}
KERAS_FOLDERS = {
    "mnist": (".",),
    "fashion_mnist": ("fashion-mnist",),
    "cifar10": ("cifar-10-batches-py-target/cifar-10-batches-py", "cifar-10-batches-py"),
}
IDX_MD5 = {"mnist": image_files.MNIST_MD5, "fashion_mnist": image_files.FASHION_MNIST_MD5}
IDX_PREFIX = {"train": "train", "test": "t10k"}
CIFAR_BATCHES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images of ten classes.

    Args:
        x: float32 in [0, 1], shape [n, d], or [n, height, width, channels] if not flattened.
        y: int32 labels 0 to 9, shape [n].
        name: of the data set and split, such as "digits/train".
        source: who brought it: "scikit-learn", "DESCENT_DATA" or "Keras".
        shape: (height, width, channels) of one image.
    """

    x: np.ndarray
    y: np.ndarray
    name: str
    source: str
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.y)

    def first(self, n: int) -> Images:
        """Return the first n images.

        Raises:
            ValueError: there are fewer.
        """
        if not 1 <= n <= len(self):
            raise ValueError(f"{self.name} has {len(self)} images: choose between 1 and {len(self)} of them, not {n}")
        return replace(self, x=self.x[:n], y=self.y[:n], name=f"{self.name}, first {n}")

    def random_labels(self, seed: int, share: float = 1.0) -> Images:
        """Return the same images, a share of them with labels drawn anew and evenly from the ten classes.

        Args:
            seed: gives the images that are chosen and their labels.
            share: of images whose label is drawn; a tenth of these draws the true one.

        Source: Zhang et al. 2017, "Understanding deep learning requires rethinking generalization".
        """
        generator = np.random.default_rng(seed)
        chosen = generator.permutation(len(self)) < round(share * len(self))
        drawn = generator.integers(0, 10, len(self), np.int32)
        return replace(self, y=np.where(chosen, drawn, self.y), name=f"{self.name}, {share:g} random labels ({seed})")


def load(name: str = "digits", split: Split = "train", flatten: bool = True) -> Images:
    """Load a data set.

    Args:
        name: "digits" (scikit-learn's 1,797 images of 8 x 8 pixels, the test set of the UCI's handwritten digits);
            "mnist", "fashion_mnist" (28 x 28), "cifar10" (32 x 32 x 3) with their published splits; "mnist-test", the
            10,000 test images of MNIST as a data set of their own, for where only those are at hand.
        split: "train" or "test". For "digits" and "mnist-test", which are published in one piece, every fifth image of
            each class, in the order of the file, is for testing.
        flatten: whether x is [n, d] or keeps the images' axes.

    Returns:
        The images.

    Raises:
        DataError: the files are missing or damaged, or DESCENT_DATA is not a folder.
        ValueError: another name or split.
    """
    if name not in NAMES or split not in IDX_PREFIX:
        raise ValueError(f"load: name is one of {', '.join(NAMES)} and split is train or test; got {name!r}, {split!r}")
    if name == "digits":
        pixels, labels = _digits()
        source, largest = "scikit-learn", 16.0
    else:
        (pixels, labels), source = _find(name.removesuffix("-test"), "test" if name == "mnist-test" else split)
        largest = 255.0
    if name in ("digits", "mnist-test"):
        chosen = _every_fifth(labels) == (split == "test")
        pixels, labels = pixels[chosen], labels[chosen]
    x = (pixels / np.float32(largest)).astype(np.float32)
    x = x.reshape(len(x), -1) if flatten else x
    return Images(x, labels.astype(np.int32), f"{name}/{split}", source, pixels.shape[1:])


def available() -> list[str]:
    """Return the names that ``load`` would find both splits of without a download; files are not checked."""
    names = ["digits"]
    for name in NAMES[1:]:
        wanted: tuple[Split, ...] = ("test",) if name == "mnist-test" else ("train", "test")
        stem = name.removesuffix("-test")
        if all(any(not _missing(folder, stem, split) for folder in _folders(stem)) for split in wanted):
            names.append(name)
    return names


def _digits() -> Pixels:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise DataError("the digits come with scikit-learn: run pip install '.[chapters]'") from error
    digits = load_digits()
    return digits.images[..., None], digits.target


def _every_fifth(labels: np.ndarray) -> np.ndarray:
    """Mark the 5th, 10th, ... image of each class: a split by rule, the same on every machine."""
    marked = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        marked[np.flatnonzero(labels == label)[4::5]] = True
    return marked


def _find(name: str, split: Split) -> tuple[Pixels, str]:
    for download in (False, True):
        problem = _download(name) if download else ""
        for folder in _folders(name):
            missing = _missing(folder, name, split)
            if not missing:
                try:
                    source = "Keras" if folder.is_relative_to(keras_cache()) else "DESCENT_DATA"
                    return _read(folder, name, split), source
                except (DataError, OSError) as error:
                    raise DataError(f"{error}; remove it and {_ways_out(name)}") from error
            if len(missing) < len(_files(name, split)):
                raise DataError(f"{folder}: {', '.join(missing)} not found beside the others; {_ways_out(name)}")
    wanted = ", ".join(_files(name, split))
    looked = " or ".join(str(folder) for folder in _folders(name, first=True))
    raise DataError(f"{name}: no {split} files ({wanted}) in {looked}, and {problem}; {_ways_out(name)}")


def _folders(name: str, first: bool = False) -> list[Path]:
    """Return where the data set may be, best first; with ``first``, only the first name in each place."""
    places = [(keras_cache(), KERAS_FOLDERS[name])]
    if os.environ.get("DESCENT_DATA"):
        root = Path(os.environ["DESCENT_DATA"]).expanduser().resolve()
        if not root.is_dir():
            raise DataError(f"DESCENT_DATA is {root}, which is not a folder; {_ways_out(name)}")
        places.insert(0, (root, LOCAL_FOLDERS[name]))
    return [root / folder for root, folders in places for folder in folders[: 1 if first else None]]


def keras_cache() -> Path:
    """Return the folder into which ``tf.keras.datasets`` downloads."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    if not os.access(home if home.exists() else home.parent, os.W_OK):
        home = Path("/tmp/.keras")  # Keras's own fallback
    return home / "datasets"


def _files(name: str, split: Split) -> tuple[str, ...]:
    if name == "cifar10":
        return CIFAR_BATCHES[split]
    return f"{IDX_PREFIX[split]}-images-idx3-ubyte", f"{IDX_PREFIX[split]}-labels-idx1-ubyte"


def _missing(folder: Path, name: str, split: Split) -> list[str]:
    if (folder / f"{name}.npz").is_file():
        return []
    return [file for file in _files(name, split) if not _path(folder, file)]


def _path(folder: Path, file: str) -> Path | None:
    """Return the file under one of the names it goes by: packed, unpacked, or in CIFAR's binary version."""
    paths = (folder / f"{file}{suffix}" for suffix in ("", ".gz", ".bin"))
    return next((path for path in paths if path.is_file()), None)


def _read(folder: Path, name: str, split: Split) -> Pixels:
    if (folder / f"{name}.npz").is_file():
        return image_files.read_keras_mnist(folder / f"{name}.npz", split)
    paths = [path for file in _files(name, split) if (path := _path(folder, file))]
    if name == "cifar10":
        batches = [image_files.read_cifar(path, image_files.CIFAR10_MD5) for path in paths]
        return np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])
    return image_files.read_idx_pair(paths[0], paths[1], IDX_MD5[name])


def _download(name: str) -> str:
    """Let Keras fetch the data set into its cache; return what went wrong, or nothing."""
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)  # seconds without an answer
    try:
        with _one_at_a_time(keras_cache() / f".{name}.lock"):
            getattr(tf.keras.datasets, name).load_data()
    except Exception as error:
        return f"the download failed ({' '.join(str(error).split()) or type(error).__name__})"
    finally:
        socket.setdefaulttimeout(patience)
    return "the download did not bring them"


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold a lock: replicates of a chapter start together, and two downloads into one file would spoil each other."""
    import fcntl

    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _ways_out(name: str) -> str:
    return (
        f"put the original files into $DESCENT_DATA/{LOCAL_FOLDERS[name][0]}, or go online once and let Keras "
        "download them, or choose the data set digits, which needs no file"
    )
