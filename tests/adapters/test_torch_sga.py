import copy
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from descent.adapters.torch_sga import SGA, symplectic_gradient  # noqa: E402
from descent.games import Game  # noqa: E402
from descent.quiet import tf  # noqa: E402
from descent.rules import sga  # noqa: E402

softplus = torch.nn.functional.softplus
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


class Pair:
    """A small general-sum GAN and its closure."""

    def __init__(self, seed=0, dtype=torch.float64, device="cpu", batches=1):
        self.random = torch.Generator().manual_seed(seed)
        self.dtype, self.device = dtype, device
        self.generator = self._net(3, 2)
        self.discriminator = self._net(2, 1)
        self.data = [(self._draw(16, 2), self._draw(16, 3)) for _ in range(batches)]
        self.step = 0

    def _draw(self, *shape):
        return torch.randn(*shape, generator=self.random, dtype=torch.float64).to(self.device, self.dtype)

    def _net(self, inputs, outputs):
        layers = [torch.nn.Linear(inputs, 7), torch.nn.Tanh(), torch.nn.Linear(7, outputs)]
        net = torch.nn.Sequential(*layers).to(self.device, self.dtype)
        for p in net.parameters():
            p.data = self._draw(*p.shape)
        return net

    @property
    def players(self):
        return [list(self.generator.parameters()), list(self.discriminator.parameters())]

    def groups(self):
        return [{"params": own} for own in self.players]

    def losses(self):
        real, z = self.data[self.step % len(self.data)]
        fake, real = self.discriminator(self.generator(z)), self.discriminator(real)
        return softplus(-fake).mean(), (softplus(-real) + softplus(fake)).mean()

    def next(self):
        losses = self.losses()
        self.step += 1
        return losses

    def weights(self):
        return [p.detach().cpu().numpy().copy() for own in self.players for p in own]


def flat(tensors):
    return torch.cat([t.reshape(-1) for t in tensors])


def double_backward(losses, players):
    """xi, J^T xi and J xi the way of the authors' notebook: J xi is the derivative of J^T u with respect to u."""
    w = [p for own in players for p in own]
    xi = [g for loss, own in zip(losses, players) for g in torch.autograd.grad(loss, own, create_graph=True)]
    v = [g.detach() for g in xi]
    jt = torch.autograd.grad(xi, w, v, retain_graph=True)
    u = [torch.zeros_like(p, requires_grad=True) for p in w]
    j = torch.autograd.grad(torch.autograd.grad(xi, w, u, create_graph=True), u, v)
    return flat(v), flat(jt), flat(j)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize("alignment", ["none", "paper", "notebook"])
def test_direction_equals_an_independent_double_backward(dtype, tolerance, alignment, device):
    signs = set()
    for seed in range(6):
        pair = Pair(seed, dtype, device)
        xi, jt, j = double_backward(pair.losses(), pair.players)
        turn = (jt - j) / 2
        product = (xi @ jt) * (turn @ jt)
        # so large that it decides the sign over product / 53 coordinates, and not over product / 8 tensors
        epsilon = float(product.abs()) / 16
        d = {"none": None, "paper": xi.numel(), "notebook": 8}[alignment]
        sign = torch.sign(product / d + epsilon) if d else 1.0
        expected = xi + 0.7 * sign * turn
        rows = symplectic_gradient(pair.losses(), pair.players, 0.7, alignment, epsilon)
        assert (flat(g for own in rows for g in own) - expected).norm() <= tolerance * expected.norm()
        assert turn.norm() > 1e-3 * xi.norm()
        signs.add(float(sign))
    assert signs == ({1.0, -1.0} if alignment == "notebook" else {1.0})


@pytest.mark.parametrize(("alignment", "epsilon"), [("none", 0.1), ("paper", 0.1), ("paper", 0.0), ("notebook", 0.03)])
def test_three_players_agree_with_the_library(alignment, epsilon):
    """Cubic, general-sum, nested: l_i = <c_i, (sum_j M_ij w_j)^3>; both frameworks compute it from the same numbers."""
    rng = np.random.default_rng(4)
    shapes = [[(2,), (1, 2)], [(3,)], [(2, 2), ()]]
    sizes = [sum(int(np.prod(s)) for s in own) for own in shapes]
    m, c = rng.normal(size=(3, 5, sum(sizes))) / 3, rng.normal(size=(3, 5))
    w = [[rng.normal(size=s) for s in own] for own in shapes]

    def losses_tf(params, batch):
        x = tf.concat([tf.reshape(leaf, [-1]) for own in params for leaf in own], 0)
        return tuple(tf.tensordot(tf.constant(c[i]), tf.linalg.matvec(tf.constant(m[i]), x) ** 3, 1) for i in range(3))

    game, params = Game(losses_tf), tuple([tf.constant(a) for a in own] for own in w)
    expected, _ = sga(0.8, alignment, epsilon).update(game.gradient(params), (), params, game)
    players = [[torch.tensor(a, requires_grad=True) for a in own] for own in w]
    x = flat(p for own in players for p in own)
    losses = [torch.tensor(c[i]) @ (torch.tensor(m[i]) @ x) ** 3 for i in range(3)]
    actual = symplectic_gradient(losses, players, 0.8, alignment, epsilon)
    for a, e in zip((a for own in actual for a in own), tf.nest.flatten(expected)):
        np.testing.assert_allclose(a.numpy(), e.numpy(), rtol=1e-12, atol=1e-13)


def test_strength_zero_is_the_base_alone():
    pair, twin = Pair(11), Pair(11)
    SGA(torch.optim.Adam(pair.groups(), lr=0.1), strength=0.0).step(pair.losses)
    for loss, own in zip(twin.losses(), twin.players):
        for p, g in zip(own, torch.autograd.grad(loss, own, retain_graph=True)):
            p.grad = g
    torch.optim.Adam(twin.groups(), lr=0.1).step()
    for a, b in zip(pair.weights(), twin.weights()):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_one_player_is_left_alone_and_linear_losses_too():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    ((g,),) = symplectic_gradient([(w**3).sum()], [[w]])
    torch.testing.assert_close(g, 3 * w.detach() ** 2)
    u = torch.tensor([3.0], requires_grad=True)
    (g,), (h,) = symplectic_gradient([w.sum() + u.sum(), w.sum() + 2 * u.sum()], [[w], [u]])
    assert g.tolist() == [1.0, 1.0]
    assert h.tolist() == [2.0]


def test_the_base_steps_along_the_adjusted_gradient():
    pair, twin = Pair(1), Pair(1)
    base = torch.optim.RMSprop(pair.groups(), lr=0.01)
    by_hand = torch.optim.RMSprop(twin.groups(), lr=0.01)
    optimizer = SGA(base, strength=0.5)
    for _ in range(3):
        for p in pair.players[0]:
            p.grad = torch.ones_like(p)  # whatever was there is overwritten, not added to
        returned = optimizer.step(pair.losses)
        losses = twin.losses()
        assert [float(a) for a in returned] == [float(b.detach()) for b in losses]
        assert not any(a.requires_grad for a in returned)
        for own, gradients in zip(twin.players, symplectic_gradient(losses, twin.players, 0.5)):
            for p, g in zip(own, gradients):
                p.grad = g
        by_hand.step()
        for a, b in zip(pair.weights(), twin.weights()):
            np.testing.assert_array_equal(a, b)
    optimizer.zero_grad()
    assert all(p.grad is None for own in pair.players for p in own)


@pytest.mark.parametrize("make", [torch.optim.Adam, torch.optim.RMSprop, torch.optim.SGD])
def test_resuming_from_a_saved_state_is_bit_exact(make, tmp_path):
    def start(lr=0.01, **settings):
        pair = Pair(2, torch.float32, batches=10)
        options = {"momentum": 0.5} if make is torch.optim.SGD else {}
        return pair, SGA(make(pair.groups(), lr=lr, **options), **settings)

    pair, optimizer = start(strength=0.3, alignment="notebook", epsilon=0.01)
    for _ in range(4):
        optimizer.step(pair.next)
    nets = [pair.generator, pair.discriminator]
    torch.save([optimizer.state_dict(), *(net.state_dict() for net in nets)], tmp_path / "run.pt")
    for _ in range(5):
        optimizer.step(pair.next)

    again, resumed = start(lr=0.5)  # every setting is the file's
    state, *weights = torch.load(tmp_path / "run.pt", weights_only=True)
    resumed.load_state_dict(state)
    for net, values in zip([again.generator, again.discriminator], weights):
        net.load_state_dict(values)
    assert (resumed.strength, resumed.alignment, resumed.epsilon) == (0.3, "notebook", 0.01)
    assert resumed.param_groups[1]["lr"] == 0.01
    again.step = 4
    for _ in range(5):
        resumed.step(again.next)
    for a, b in zip(pair.weights(), again.weights()):
        np.testing.assert_array_equal(a, b)


def test_a_copy_goes_its_own_way():
    pair, optimizer = (pair := Pair(3)), SGA(torch.optim.Adam(pair.groups()), 0.4)
    optimizer.step(pair.losses)
    other = copy.deepcopy((pair, optimizer))
    other[1].step(other[0].losses)
    optimizer.step(pair.losses)
    for a, b in zip(pair.weights(), other[0].weights()):
        np.testing.assert_array_equal(a, b)
    assert other[1].strength == 0.4
    assert other[1].param_groups[0]["params"][0] is other[0].players[0][0]


@pytest.mark.parametrize("on", ["base", "sga"])
def test_learning_rate_schedulers_reach_the_step(on):
    pair = Pair(4)
    base = torch.optim.SGD(pair.groups(), lr=1.0)
    optimizer = SGA(base)
    scheduler = torch.optim.lr_scheduler.StepLR(base if on == "base" else optimizer, step_size=1, gamma=0.5)
    for k in range(3):
        before = pair.weights()
        optimizer.step(pair.losses)
        gradients = [p.grad.numpy() for own in pair.players for p in own]
        for a, b, g in zip(before, pair.weights(), gradients):
            np.testing.assert_allclose(b - a, -(0.5**k) * g, rtol=1e-9, atol=1e-15)
        scheduler.step()


def test_several_groups_may_share_a_player():
    pair, twin = Pair(5), Pair(5)
    (g, d), (h, e) = pair.players, twin.players
    groups = [{"params": d, "player": 1}, {"params": g[:2], "player": 0}, {"params": g[2:], "player": 0, "lr": 0.2}]
    SGA(torch.optim.SGD(groups, lr=0.1)).step(pair.losses)
    SGA(torch.optim.SGD([{"params": h[:2] + h[2:]}, {"params": e}], lr=0.1)).step(twin.losses)
    for i, (a, b) in enumerate(zip(g, h)):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=0)
        torch.testing.assert_close(b + 0.1 * b.grad, a + (0.1 if i < 2 else 0.2) * a.grad, rtol=1e-12, atol=1e-14)
    with pytest.raises(ValueError, match="numbered 0, 1"):
        SGA(torch.optim.SGD([{"params": h, "player": 1}, {"params": e, "player": 2}]))


def test_frozen_parameters_stay_and_new_players_can_join():
    pair = Pair(6)
    pair.players[0][0].requires_grad_(False)
    frozen = pair.players[0][0].clone()
    optimizer = SGA(torch.optim.SGD(pair.groups()[:1], lr=0.1))
    optimizer.add_param_group(pair.groups()[1])
    optimizer.step(pair.losses)
    assert len(optimizer.base.param_groups) == 2
    torch.testing.assert_close(pair.players[0][0], frozen, rtol=0, atol=0)
    assert pair.players[0][0].grad is None


def test_hooks_of_the_base_see_the_adjusted_gradient():
    pair = Pair(7)
    base = torch.optim.SGD(pair.groups(), lr=0.1)
    base.register_step_pre_hook(lambda *_: torch.nn.utils.clip_grad_norm_(pair.players[1], 1e-3) and None)
    SGA(base).step(pair.losses)
    assert flat(p.grad for p in pair.players[1]).norm().item() == pytest.approx(1e-3, rel=1e-3)


def freed(pair):
    losses = pair.losses()
    losses[1].backward()  # frees what the two losses share, too
    return losses


def detached_fake(pair):
    _, z = pair.data[0]
    fake = pair.generator(z).detach()
    return tuple(softplus(sign * pair.discriminator(fake)).mean() for sign in (-1, 1))


BAD_CLOSURES = {
    "no graph": (lambda pair: (pair.losses()[0].detach(), pair.losses()[1]), RuntimeError, "loss 0 has no graph"),
    "freed": (freed, RuntimeError, "loss 0's graph is freed"),
    "shape": (lambda pair: (pair.losses()[0].expand(2), pair.losses()[1]), ValueError, r"loss 0 has shape \(2,\)"),
    "too few": (lambda pair: pair.losses()[:1], ValueError, "1 loss.* for 2 players"),
    "one tensor": (lambda pair: pair.losses()[0], ValueError, "1 loss.* for 2 players"),
    "item": (lambda pair: (pair.losses()[0].item(), pair.losses()[1]), TypeError, "loss 0 is a float"),
    "detached fake": (detached_fake, RuntimeError, "loss 0 depends on no parameter of player 0"),
}


@pytest.mark.parametrize("name", BAD_CLOSURES)
def test_a_bad_closure_is_named_and_changes_nothing(name):
    closure, error, message = BAD_CLOSURES[name]
    pair = Pair(8)
    optimizer, before = SGA(torch.optim.SGD(pair.groups(), lr=0.1)), pair.weights()
    with pytest.raises(error, match=message):
        optimizer.step(lambda: closure(pair))
    for a, b in zip(before, pair.weights()):
        np.testing.assert_array_equal(a, b)


def test_fake_samples_detached_for_the_discriminator_are_warned_of():
    pair = Pair(12)
    real, z = pair.data[0]

    def losses():
        fake = pair.generator(z)
        judged = pair.discriminator(fake.detach())
        return softplus(-pair.discriminator(fake)).mean(), (
            softplus(-pair.discriminator(real)) + softplus(judged)
        ).mean()

    with pytest.warns(UserWarning, match="loss 1 depends on no parameter of player 0"):
        SGA(torch.optim.SGD(pair.groups(), lr=0.1)).step(losses)


def test_under_no_grad_the_closure_still_has_its_graph():
    pair = Pair(9)
    with torch.no_grad():
        SGA(torch.optim.SGD(pair.groups(), lr=0.1)).step(pair.losses)


def test_bad_construction_is_named():
    pair = Pair(10)
    base = torch.optim.SGD(pair.groups())
    with pytest.raises(TypeError, match="wraps an optimiser"):
        SGA(torch.optim.LBFGS(pair.players[0]))
    with pytest.raises(TypeError, match="wraps an optimiser"):
        SGA(pair.players)
    with pytest.raises(ValueError, match="alignment"):
        SGA(base, alignment="yes")
    with pytest.raises(TypeError, match=r"step\(closure\)"):
        SGA(base).step()
    with pytest.raises(ValueError, match='no entry "sga"'):
        SGA(base).load_state_dict(base.state_dict())
    with pytest.raises(ValueError, match="more than one parameter group"):
        torch.optim.SGD([{"params": pair.players[0]}, {"params": pair.players[0][:1]}])
    base.param_groups[1]["params"].append(pair.players[0][0])  # what PyTorch's own check has not seen
    with pytest.raises(ValueError, match="in two groups"):
        SGA(base)


def test_without_pytorch_the_import_names_the_extra():
    code = "import sys; sys.modules['torch'] = None; import descent.adapters.torch_sga"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "pip install descent[torch]" in run.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "base", [torch.optim.Adam, torch.optim.RMSprop, torch.optim.SGD], ids=lambda base: base.__name__
)
def test_a_layer_that_is_frozen_later_does_not_move(base):
    pair = Pair()
    optimizer = SGA(base([{"params": own} for own in pair.players], lr=1e-2))
    optimizer.step(pair.next)
    frozen, moving = pair.generator[0].weight, pair.generator[2].weight
    frozen.requires_grad_(False)
    before = frozen.clone(), moving.detach().clone()
    optimizer.step(pair.next)
    assert torch.equal(frozen, before[0]) and not torch.equal(moving, before[1])
    frozen.requires_grad_(True)
    optimizer.step(pair.next)
    assert not torch.equal(frozen, before[0])


def test_players_may_be_generators_of_parameters():
    pair = Pair()
    wanted = symplectic_gradient(pair.losses(), pair.players)
    found = symplectic_gradient(pair.losses(), [pair.generator.parameters(), pair.discriminator.parameters()])
    for a, b in zip(wanted, found, strict=True):
        assert len(a) == len(b) and all(map(torch.equal, a, b))


def test_hooks_of_states_are_called():
    pair = Pair()
    optimizer, called = SGA(torch.optim.Adam(pair.groups())), []
    optimizer.register_state_dict_pre_hook(lambda o: called.append("before saving"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: {k: v for k, v in state.items() if k != "note"})
    optimizer.register_load_state_dict_post_hook(lambda o: called.append("after loading"))
    state = optimizer.state_dict()
    assert state["note"] == 1
    optimizer.load_state_dict(state)
    assert called == ["before saving", "after loading"]
