import gzip
import hashlib
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits

from descent.problems import image_files, images
from descent.problems.images import DataError, load

WAYS_OUT = "DESCENT_DATA/mnist, or go online once and let Keras download them, or choose the data set digits"
rng = np.random.default_rng(0)
PIXELS = {"train": rng.integers(0, 256, (30, 28, 28), np.uint8), "t10k": rng.integers(0, 256, (60, 28, 28), np.uint8)}
LABELS = {"train": np.arange(30, dtype=np.uint8) % 10, "t10k": np.arange(60, dtype=np.uint8) % 10}


def idx(array, magic):
    return magic.to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def contents(prefix):
    return {
        f"{prefix}-images-idx3-ubyte": idx(PIXELS[prefix], 2051),
        f"{prefix}-labels-idx1-ubyte": idx(LABELS[prefix], 2049),
    }


FILES = contents("train") | contents("t10k")


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No network, an empty Keras cache, and our small files' checksums in the place of MNIST's."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("DESCENT_DATA", raising=False)
    monkeypatch.setattr(images, "_download", lambda name: "the download failed (test)")
    sums = {name: hashlib.md5(content).hexdigest() for name, content in FILES.items()}
    monkeypatch.setitem(images.IDX_MD5, "mnist", sums)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("DESCENT_DATA", str(tmp_path / "data"))
    path = tmp_path / "data" / "mnist"
    path.mkdir(parents=True)
    return path


def write(folder, prefixes=("train", "t10k"), packed=True):
    for name, content in FILES.items():
        if name.startswith(prefixes):
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(content) if packed else content)


def test_digits_are_scikit_learns_split_by_rule_within_each_class():
    train, test = load("digits"), load("digits", "test")
    everything = load_digits()
    assert len(train) + len(test) == 1797
    assert train.x.dtype == np.float32 and train.y.dtype == np.int32
    assert train.x.min() == 0 and train.x.max() == 1
    for digit in range(10):
        rows = np.flatnonzero(everything.target == digit)
        np.testing.assert_array_equal(test.x[test.y == digit] * 16, everything.data[rows[4::5]])
        np.testing.assert_array_equal(train.x[train.y == digit] * 16, np.delete(everything.data[rows], np.s_[4::5], 0))
    assert train.source == "scikit-learn"
    assert load("digits", flatten=False).x.shape == (len(train), 8, 8, 1)


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_packed_or_not(folder, packed):
    write(folder, packed=packed)
    train, test = load("mnist"), load("mnist", "test", flatten=False)
    np.testing.assert_allclose(train.x * 255, PIXELS["train"].reshape(30, 784), rtol=1e-6)
    np.testing.assert_array_equal(train.y, LABELS["train"])
    np.testing.assert_allclose(test.x[..., 0] * 255, PIXELS["t10k"], rtol=1e-6)
    assert (train.shape, train.name, train.source) == ((28, 28, 1), "mnist/train", "DESCENT_DATA")
    assert images.available() == ["digits", "mnist", "mnist-test"]


def test_where_only_the_test_files_are_at_hand_they_are_a_data_set_under_their_own_name(folder):
    write(folder, ("t10k",))
    assert images.available() == ["digits", "mnist-test"]
    assert len(load("mnist", "test")) == 60
    train, test = load("mnist-test"), load("mnist-test", "test")
    assert (len(train), len(test)) == (50, 10)  # six of each class: the fifth is for testing
    np.testing.assert_array_equal(np.unique(test.y), np.arange(10))
    with pytest.raises(DataError, match=r"no train files \(train-images-idx3-ubyte, .*download failed.*" + WAYS_OUT):
        load("mnist")


def truncate(name):
    return lambda folder: (folder / f"{name}.gz").write_bytes((folder / f"{name}.gz").read_bytes()[:-200])


def replace(name, content):
    return lambda folder: (folder / f"{name}.gz").write_bytes(gzip.compress(content))


def unlink(name):
    return lambda folder: (folder / f"{name}.gz").unlink()


IMAGES, TAGS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
DAMAGE = {
    "truncated": (truncate(IMAGES), f"{IMAGES}.gz: the gzip file is truncated"),
    "not gzip": (lambda folder: (folder / f"{TAGS}.gz").write_bytes(b"<html>"), f"{TAGS}.gz: the gzip file is"),
    "magic": (replace(IMAGES, FILES[TAGS]), f"{IMAGES}.gz: magic number 2049 where 2051 is wanted"),
    "empty": (replace(IMAGES, b""), f"{IMAGES}.gz: magic number 0 where"),
    "short": (replace(IMAGES, FILES[IMAGES][:-1]), "promises 23,520 bytes, 23,519 follow"),
    "checksum": (replace(IMAGES, FILES[IMAGES][:-1] + b"\x07"), f"{IMAGES}.gz: the checksum is not the published"),
    "missing": (unlink(TAGS), f"{TAGS} not found beside the others"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_one_clear_line_with_the_ways_out(folder, damage):
    write(folder)
    inflict, message = DAMAGE[damage]
    inflict(folder)
    with pytest.raises(DataError) as caught:
        load("mnist")
    text = str(caught.value)
    assert message in text and WAYS_OUT in text and str(folder) in text and "\n" not in text
    assert len(load("mnist", "test")) == 60  # the other files are as good as before


def test_counts_that_disagree_are_seen_even_without_checksums(folder, monkeypatch):
    monkeypatch.setitem(images.IDX_MD5, "mnist", {})
    write(folder)
    replace(TAGS, idx(LABELS["train"][:-1], 2049))(folder)
    with pytest.raises(DataError, match=r"29 labels for the 30 images of train-images"):
        load("mnist")


def test_another_data_sets_file_in_the_folder_is_seen(folder, monkeypatch):
    monkeypatch.setitem(images.IDX_MD5, "mnist", image_files.FASHION_MNIST_MD5)
    write(folder)
    with pytest.raises(DataError, match="checksum is not the published one, so the file is damaged or another data"):
        load("mnist")


def test_a_wrong_folder_and_wrong_names_are_told(monkeypatch, tmp_path):
    monkeypatch.setenv("DESCENT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere, which is not a folder"):
        load("mnist")
    with pytest.raises(ValueError, match="name is one of digits, mnist"):
        load("svhn")
    with pytest.raises(ValueError, match="split is train or test"):
        load("digits", "validation")


def cifar_batch(seed, n=10):
    draw = np.random.default_rng(seed)
    return draw.integers(0, 10, n).astype(np.uint8), draw.integers(0, 256, (n, 3072), np.uint8)


@pytest.mark.parametrize("version", ["python", "binary"])
def test_cifar_is_read_in_both_versions(monkeypatch, tmp_path, version):
    monkeypatch.setenv("DESCENT_DATA", str(tmp_path))
    folder = tmp_path / ("cifar10" if version == "python" else "cifar-10-batches-bin")
    folder.mkdir()
    sums = {}
    for seed, name in enumerate(["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"]):
        labels, pixels = cifar_batch(seed)
        if version == "python":
            content = pickle.dumps({b"labels": labels.tolist(), b"data": pixels})
            sums[name] = hashlib.md5(content).hexdigest()
            (folder / name).write_bytes(content)
        else:
            (folder / f"{name}.bin").write_bytes(np.c_[labels, pixels].tobytes())
    monkeypatch.setattr(image_files, "CIFAR10_MD5", sums)
    monkeypatch.setattr(image_files, "CIFAR_ROWS", 10)
    data = load("cifar10", flatten=False)
    assert data.x.shape == (50, 32, 32, 3)
    labels, pixels = cifar_batch(3)
    np.testing.assert_array_equal(data.y[30:40], labels)
    # a row holds 1,024 red values, then green, then blue, each row by row
    assert data.x[32, 5, 7, 2] * 255 == pytest.approx(pixels[2, 2 * 1024 + 5 * 32 + 7], rel=1e-6)


def test_a_cifar_pickle_is_not_opened_unless_it_is_the_published_one(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was opened",))

    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="checksum"):
        image_files.read_cifar(path, image_files.CIFAR10_MD5)
    with pytest.raises(DataError, match="not known"):
        image_files.read_cifar(path.rename(tmp_path / "data_batch_6"), image_files.CIFAR10_MD5)
    (tmp_path / "x.bin").write_bytes(b"\x0b" * 30_730_000)
    with pytest.raises(DataError, match="label 11"):
        image_files.read_cifar(tmp_path / "x.bin", {})
    (tmp_path / "x.bin").write_bytes(b"\x01" * 3073 * 300)
    with pytest.raises(DataError, match=r"921,900 bytes where a batch of CIFAR-10 has 30,730,000"):
        image_files.read_cifar(tmp_path / "x.bin", {})


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_has(monkeypatch, tmp_path):
    monkeypatch.setattr(image_files, "MOST_BYTES", 2**20)
    bomb = tmp_path / IMAGES
    bomb.with_suffix(".gz").write_bytes(gzip.compress(bytes(2**24)))
    with pytest.raises(DataError, match="more than 1 MB"):
        image_files.read_idx_pair(bomb.with_suffix(".gz"), bomb, {})


def test_a_header_whose_size_would_wrap_is_refused(folder, monkeypatch):
    monkeypatch.setitem(images.IDX_MD5, "mnist", {})
    write(folder)
    header = b"".join(n.to_bytes(4, "big") for n in (2051, 2**31, 2**31, 4))
    (folder / f"{IMAGES}.gz").write_bytes(gzip.compress(header))  # the product of the sizes is 2^64
    with pytest.raises(DataError, match="promises 18,446,744,073,709,551,616 bytes, 0 follow"):
        load("mnist")


def test_keras_cache_serves_and_is_checked(monkeypatch, tmp_path):
    cache = tmp_path / "keras" / "datasets"
    cache.mkdir(parents=True)
    arrays = {
        "x_train": PIXELS["train"],
        "y_train": LABELS["train"],
        "x_test": PIXELS["t10k"],
        "y_test": LABELS["t10k"],
    }
    np.savez(cache / "mnist.npz", **arrays)
    with pytest.raises(DataError, match=r"mnist\.npz: the checksum is not the published one"):
        load("mnist")
    monkeypatch.setattr(
        image_files, "KERAS_MNIST_SHA256", hashlib.sha256((cache / "mnist.npz").read_bytes()).hexdigest()
    )
    data = load("mnist", "test", flatten=False)
    np.testing.assert_allclose(data.x[..., 0] * 255, PIXELS["t10k"], rtol=1e-6)
    assert data.source == "Keras"


def test_what_is_missing_is_downloaded_by_keras_and_then_read_from_its_cache(monkeypatch, tmp_path):
    def download(name):
        cache = tmp_path / "keras" / "datasets" / "fashion-mnist"
        cache.mkdir(parents=True)
        write(cache)
        return ""

    monkeypatch.setattr(images, "_download", download)
    monkeypatch.setitem(images.IDX_MD5, "fashion_mnist", images.IDX_MD5["mnist"])
    assert len(load("fashion_mnist")) == 30
