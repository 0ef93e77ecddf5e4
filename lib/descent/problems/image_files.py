"""Readers of the files in which image data sets are published: IDX, CIFAR's batches, Keras's npz; each checked.

A reader returns what the file says it holds, or raises ``DataError`` with the file's name and what is wrong with it.
Checksums are MD5 sums, IDX files' of their decompressed contents, so that a file may have been unpacked or packed
again; they guard against damage and mix-ups, not against malice.
"""

import gzip
import hashlib
import math
import pickle
import zipfile
import zlib
from pathlib import Path

import numpy as np

MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
FASHION_MNIST_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}
CIFAR10_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
KERAS_MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"

MOST_BYTES = 64 * 2**20  # the largest published file has 47,040,016 bytes unpacked
CIFAR_ROW, CIFAR_ROWS = 3073, 10_000  # one label and 32 x 32 x 3 pixels
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049  # 0x0803 and 0x0801: unsigned bytes with three axes and with one


class DataError(RuntimeError):
    """A data set is missing or damaged; the message is one line that names the file and the ways out."""


def read_idx_pair(images: Path, labels: Path, md5: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the images [n, height, width, 1] and labels [n] of two IDX files, both uint8.

    Args:
        images: an IDX file with three axes, gzipped or not.
        labels: an IDX file with one axis.
        md5: file name without ``.gz`` -> MD5 sum of the decompressed file; a name not listed is not summed.

    Raises:
        DataError: a file is damaged, is not what its name says, or the two disagree on how many images there are.

    Source: the format as described on the MNIST page: big-endian magic number, sizes of the axes, bytes.
    """
    x, y = _read_idx(images, IMAGES_MAGIC, md5), _read_idx(labels, LABELS_MAGIC, md5)
    if len(x) != len(y):
        raise DataError(f"{labels}: {len(y)} labels for the {len(x)} images of {images.name}")
    return x[..., None], y


def read_cifar(path: Path, md5: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the images [10000, 32, 32, 3] and labels [10000] of one CIFAR-10 batch, both uint8.

    Args:
        path: a batch of the binary version (``.bin``), or of the Python version, which is a pickle.
        md5: file name -> MD5 sum, for the Python version. It is compared before the pickle is opened, for opening a
            pickle runs what is in it. The binary version has no published sums; its size and labels are checked.

    Raises:
        DataError: the file is damaged or not a batch.
    """
    content = _bytes(path)
    if path.suffix == ".bin":
        if len(content) != CIFAR_ROWS * CIFAR_ROW:
            raise DataError(f"{path}: {len(content):,} bytes where a batch of CIFAR-10 has {CIFAR_ROWS * CIFAR_ROW:,}")
        rows = np.frombuffer(content, np.uint8).reshape(CIFAR_ROWS, CIFAR_ROW)
        y, pixels = rows[:, 0], rows[:, 1:]
    else:
        if path.name not in md5:
            raise DataError(f"{path}: a batch of this name is not known, so it is not opened")
        _compare(path, content, md5)
        batch = pickle.loads(content, encoding="bytes")
        y, pixels = np.array(batch[b"labels"], np.uint8), batch[b"data"]
    if y.max() > 9:
        raise DataError(f"{path}: label {y.max()} where 0 to 9 are wanted; it is not a CIFAR-10 batch")
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), y


def read_keras_mnist(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images [n, 28, 28, 1] and labels [n] of one split of Keras's ``mnist.npz``, both uint8.

    Raises:
        DataError: the file is not the one that Keras publishes.
    """
    if hashlib.sha256(_bytes(path)).hexdigest() != KERAS_MNIST_SHA256:
        raise DataError(f"{path}: the checksum is not the published one, so the file is damaged or another")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[f"x_{split}"][..., None], arrays[f"y_{split}"]
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error


def _read_idx(path: Path, magic: int, md5: dict[str, str]) -> np.ndarray:
    content = _bytes(path)
    found = int.from_bytes(content[:4], "big")
    if found != magic:
        raise DataError(f"{path}: magic number {found} where {magic} is wanted; it is not the IDX file its name says")
    axes = magic & 0xFF
    start = 4 + 4 * axes
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if len(content) - start != math.prod(shape):
        raise DataError(f"{path}: the header promises {math.prod(shape):,} bytes, {len(content) - start:,} follow it")
    _compare(path, content, md5)
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _bytes(path: Path) -> bytes:
    """Return what a file holds, unpacked, if it is not too much for a file of these data sets."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the gzip file is truncated or damaged ({error})") from error
    if len(content) > MOST_BYTES:
        raise DataError(f"{path}: more than {MOST_BYTES // 2**20} MB, so it is not the file that its name says")
    return content


def _compare(path: Path, content: bytes, md5: dict[str, str]) -> None:
    wanted = md5.get(path.name.removesuffix(".gz"))
    if wanted and hashlib.md5(content, usedforsecurity=False).hexdigest() != wanted:
        raise DataError(f"{path}: the checksum is not the published one, so the file is damaged or another data set's")
