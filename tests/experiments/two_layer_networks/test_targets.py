"""What the chapter measures of trained networks: against exponentials, power laws, and networks trained one by one."""

import numpy as np
import pytest

from descent.experiments.two_layer_networks import modes, more_data, practical, targets
from descent.experiments.two_layer_networks.network import Lanes, starts

SEEDS = [0, 1]


def test_an_exponential_takes_as_long_for_each_factor_of_ten_and_a_power_law_ten_times_as_long():
    t = np.arange(4001.0)
    assert targets.decades(np.exp(-t / 50)) == pytest.approx(1, abs=0.02)
    assert targets.decades(1 / (1 + t)) == pytest.approx(10, abs=0.1)  # from 9 to 99 after 9
    assert targets.decades(np.full(10, 1.0)) == 0  # it never fell


def test_the_kernels_powers_are_those_of_the_coefficients():
    found = targets.kernel_powers()
    assert found["power.square_kernel"] == pytest.approx(-0.5, abs=0.05)
    assert found["power.triangle_kernel"] == pytest.approx(-1.5, abs=0.05)


def test_cos_3_theta_stays_without_a_bias_and_its_quarter_on_the_circle_too():
    found = targets.cos_three(64, SEEDS)
    assert found.change < 1e-12 and np.all(found.left[True] < 1)
    assert np.all(found.losses[1] >= 0.25 - 1e-12) and np.all(found.losses[0] < 0.25)


def test_waves_start_at_their_kernels_loss_and_a_cosine_falls_fastest():
    found = targets.waves(256, 400, SEEDS)
    for name, loss in found.by_network.items():
        np.testing.assert_allclose(loss[0], found.by_kernel[name][0], rtol=1e-12)
    assert found.by_kernel["cosine"][-1] < found.by_kernel["triangle"][-1] < found.by_kernel["square"][-1]
    assert set(found.measurements()) == {
        "exponential.band_limited", "exponential.triangle", "power.square_grid", "power.square_network",
        "power.square_over_kernel",
    }  # fmt: skip


def test_wider_networks_are_closer_to_the_closed_form_and_to_their_kernels():
    distance = modes.follow([64, 4096], SEEDS).distance()
    assert np.all(distance[1] < distance[0])
    found = practical.practical_width([1, 2], [32, 2048], SEEDS)
    error = found.error()
    assert np.all(error[:, 1] < error[:, 0]) and error[1, 1] > error[0, 1]
    assert np.all(found.behind[1] > 0)  # it lags


def test_slopes_widths_and_ratios_are_those_of_known_laws():
    t = np.arange(1001.0)
    curve = 1 / (1 + t) ** 0.7
    made = targets.Waves(
        t, {"square": curve}, {"cosine": curve[:, None], "triangle": curve[:, None], "square": curve[:, None]}
    )
    assert made.late_slope(curve) == pytest.approx(-0.7, abs=0.01)
    widths = [10, 100, 1000]
    behind = np.array([[[k**2 / m, -(k**2) / m] for m in widths] for k in (1, 2, 3)])
    law = practical.Practical([1, 2, 3], widths, behind)  # 1% at a width of 100 k^2
    np.testing.assert_allclose(law.width(), [100, 400, 900])
    assert law.exponent() == pytest.approx(2) and law.measurements()["width.behind_share"] == 0.5
    left = {"true": 0.1, "random": 0.8, "true, kernel": 0.05, "random, kernel": 0.7}
    labels = more_data.Labels("any", {name: np.full((2, 3), share) for name, share in left.items()})
    assert [x[0] for x in labels.measurements().values()] == pytest.approx([8, 2])
    on_fresh = np.array([[[1.0], [0.8]], [[1.0], [0.2]]])  # fewest data, most data; start, end
    sizes = more_data.Sizes([10, 20], 2 * on_fresh, on_fresh, np.array([[0.6], [0.1]]))
    assert [x[0] for x in sizes.measurements().values()] == pytest.approx([0.25, 6])


def test_a_lane_with_points_of_its_own_is_a_network_trained_alone():
    sizes = more_data.by_size([40], 32, SEEDS)
    x = more_data.data(1, 40, more_data.DIMENSIONS)[0]
    trainer = Lanes(x, every=more_data.EVERY)
    u = trainer.run(more_data.target(x), starts([1], 5, 32), more_data.STEP_SIZE, more_data.RECORDS)[:, 0]
    alone = ((u - more_data.target(x)) ** 2).mean(-1)
    np.testing.assert_allclose(sizes.on_data[0, :, 1], alone, rtol=1e-10)
    kernel = more_data.FrozenKernel(more_data.limit_gram(x), 1 / 40)
    assert sizes.smallest[0, 1] == pytest.approx(kernel.eigenvalues[0], rel=1e-6)
