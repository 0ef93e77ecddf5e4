import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from descent import vectors
from descent.quiet import tf

numbers = st.floats(-1e3, 1e3, allow_nan=False, width=32)


def nested(values):
    """Seven coordinates in a nested structure."""
    return {"a": (values[:2], values[2]), "b": [tf.reshape(values[3:], [2, 2])]}


coordinates = hnp.arrays(np.float64, 7, elements=numbers)


@given(coordinates, coordinates, numbers)
@settings(deadline=None, max_examples=25)
def test_algebra_is_numpys_on_the_coordinates(x, y, alpha):
    vx, vy = nested(tf.constant(x)), nested(tf.constant(y))
    flat = vectors.flatten
    np.testing.assert_array_equal(flat(vectors.add(vx, vy)), x + y)
    np.testing.assert_array_equal(flat(vectors.subtract(vx, vy)), x - y)
    np.testing.assert_array_equal(flat(vectors.scale(alpha, vx)), alpha * x)
    np.testing.assert_array_equal(flat(vectors.axpy(alpha, vx, vy)), alpha * x + y)
    scale = np.abs(x) @ np.abs(y) + 1
    np.testing.assert_allclose(vectors.dot(vx, vy), x @ y, atol=1e-14 * scale)
    np.testing.assert_allclose(vectors.norm(vx), np.linalg.norm(x), rtol=1e-14)


@given(coordinates)
@settings(deadline=None, max_examples=10)
def test_like_inverts_flatten(x):
    v = nested(tf.constant(x))
    back = vectors.like(vectors.flatten(v), v)
    tf.nest.assert_same_structure(back, v)
    for a, b in zip(tf.nest.flatten(back), tf.nest.flatten(v), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.shape == b.shape


def test_like_refuses_a_wrong_number_of_coordinates():
    with pytest.raises(ValueError, match="7 coordinates"):
        vectors.like(tf.zeros(6), nested(tf.zeros(7)))


def test_size_zeros_and_ones():
    v = nested(tf.range(7.0))
    assert vectors.size(v) == 7
    np.testing.assert_array_equal(vectors.flatten(vectors.zeros_like(v)), np.zeros(7))
    np.testing.assert_array_equal(vectors.flatten(vectors.ones_like(v)), np.ones(7))


def test_python_numbers_are_not_rounded_to_float32():
    x = tf.constant(1.0, tf.float64)
    assert vectors.scale(0.1, x).numpy() == 0.1
    assert vectors.axpy(0.1, x, x).numpy() == 1.1
    assert vectors.cast(0.1, tf.float64).numpy() == 0.1
    assert vectors.cast(np.float32(0.5), tf.float64).dtype == tf.float64
    assert vectors.cast(tf.constant(0.5), tf.float64).dtype == tf.float64
    assert vectors.scale(0.1, tf.constant(1.0)).dtype == tf.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 2, 6])
def test_all_finite_sees_every_coordinate(bad, where):
    x = np.arange(7.0)
    assert vectors.all_finite(nested(tf.constant(x)))
    x[where] = bad
    assert not vectors.all_finite(nested(tf.constant(x)))


def test_a_scalar_factor_can_differ_between_lanes():
    v = nested(tf.range(7.0))
    scaled = tf.vectorized_map(lambda alpha: vectors.flatten(vectors.scale(alpha, v)), tf.constant([1.0, -2.0]))
    np.testing.assert_array_equal(scaled, [np.arange(7), -2 * np.arange(7)])


def test_a_running_mean_and_leafwise_functions_of_several_results():
    v = nested(tf.range(7.0, dtype=tf.float64))
    mean = vectors.flatten(vectors.mean(0.9, v, vectors.ones_like(v)))
    np.testing.assert_allclose(mean, 0.9 * np.arange(7) + 0.1, rtol=1e-15)
    squares, shares = vectors.each(lambda a, b: (a * a, a / b), v, vectors.scale(2.0, vectors.ones_like(v)))
    tf.nest.assert_same_structure(squares, v)
    np.testing.assert_array_equal(vectors.flatten(squares), np.arange(7) ** 2)
    np.testing.assert_array_equal(vectors.flatten(shares), np.arange(7) / 2)
