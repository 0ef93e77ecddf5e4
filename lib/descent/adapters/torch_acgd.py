"""Adaptive competitive gradient descent (ACGD) for PyTorch.

    optimizer = ACGD([{"params": generator.parameters()}, {"params": discriminator.parameters()}], lr=1e-4)

    def loss():
        return adversarial_loss(discriminator(real), discriminator(generator(z)))

    optimizer.step(loss)

The closure returns one loss, which the first player goes down and the second up, or two losses, one for each to go
down; it calls no ``backward``. Do not ``detach`` the fake samples: how each player's loss depends on the other is all
that the competition is about.

Nothing else in the library imports this file, and it imports nothing of the library: it can be copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

try:
    import torch
except ImportError as error:
    raise ImportError(
        "descent.adapters.torch_acgd needs PyTorch, which is not installed: pip install descent[torch]"
    ) from error

from torch import Tensor

Apply = Callable[[Tensor], Tensor]


class ACGD(torch.optim.Optimizer):
    """Adaptive competitive gradient descent of two players, one parameter group each.

    With rates E = lr sqrt(1 - beta^t) / (sqrt(v) + eps), v the running mean of squared gradients, odd steps solve for
    the first player x, whose loss is f, and the second one y, whose loss is g, answers:

        (I - E_x^(1/2) D_xy f E_y D_yx g E_x^(1/2)) s = -E_x^(1/2) (grad_x f - D_xy f E_y grad_y g),
        dx = E_x^(1/2) s,       dy = -E_y (grad_y g + D_yx g dx);

    in even steps they change places. If the closure returns one loss, these are conjugate gradients; if two, conjugate
    gradients on the normal equations.

    Args:
        params: two parameter groups, in the order of the players.
        lr: eta.
        beta: how much of the mean of squared gradients is kept at a step.
        eps: added to the root of v.
        tolerance: relative residual at which the iteration stops.
        absolute: residual at which it stops in any case.
        iterations: cap on their number; ``capped`` counts the steps that met it, ``iterations`` is the last step's.

    Raises:
        ValueError: there are not two groups, or one has no parameter that requires gradients.

    Source: the authors' package ``CGDs``, whose max player is player 0 of the loss with its sign changed; its
    tolerances are of squared norms. ``descent.rules.acgd`` is the same in TensorFlow.

    Departures: the package has no cap but the player's dimension.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        beta: float = 0.99,
        eps: float = 1e-5,
        tolerance: float = 1e-6,
        absolute: float = 1e-10,
        max_iterations: int = 1000,
    ):
        defaults = {"lr": lr, "beta": beta, "eps": eps}
        super().__init__(params, defaults)
        self.tolerance, self.absolute, self.max_iterations = tolerance, absolute, max_iterations
        self.iterations, self.capped = 0, 0
        if len(self.param_groups) != 2:
            raise ValueError(f"ACGD is for two players, one parameter group each; got {len(self.param_groups)}")
        self._players()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Make one step.

        Args:
            closure: evaluates the game once, and returns one scalar loss or two, graphs intact.

        Returns:
            The losses before the step, detached.

        Raises:
            TypeError: there is no closure.
            ValueError: it does not return one or two scalars.
        """
        if closure is None:
            raise TypeError("ACGD needs step(closure), with a closure that returns the loss: .grad is not enough")
        with torch.enable_grad():
            returned = closure()
            losses = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
            if len(losses) not in (1, 2) or any(not isinstance(x, Tensor) or x.numel() != 1 for x in losses):
                raise ValueError("ACGD: the closure returns one scalar loss, or one for each of two players")
            zero_sum = len(losses) == 1
            players = self._players()
            first = _first_derivatives(losses, players)
        own = [first[i][i].detach() for i in (0, 1)]
        roots = [self._rates(i, players[i], own[i]).sqrt() for i in (0, 1)]
        t = self.state[players[0][0]]["step"]
        i = 0 if t % 2 == 1 else 1
        j = 1 - i
        i_by_j = _along(first[i][j], players[i])  # v -> D_ij l_i v
        j_by_i = _along(first[j][i], players[j])

        def matrix(v: Tensor) -> Tensor:
            return v - roots[i] * i_by_j(roots[j] ** 2 * j_by_i(roots[i] * v))

        b = -roots[i] * (own[i] - i_by_j(roots[j] ** 2 * own[j]))
        start = torch.cat([self.state[p]["last"].reshape(-1) for p in players[i]])
        bound = max(self.tolerance * float(b.norm()), self.absolute)
        if zero_sum:
            s, count = _conjugate_gradients(matrix, b, start, bound, self.max_iterations)
        else:
            back_i, back_j = _along(first[j][j], players[i]), _along(first[i][i], players[j])

            def transposed(v: Tensor) -> Tensor:
                return v - roots[i] * back_i(roots[j] ** 2 * back_j(roots[i] * v))

            right = transposed(b)
            bound = max(self.tolerance * float(right.norm()), self.absolute)
            s, count = _conjugate_gradients(lambda v: transposed(matrix(v)), right, start, bound, self.max_iterations)
        answer = -roots[j] * (own[j] + j_by_i(roots[i] * s))
        self.iterations, self.capped = count, self.capped + (count >= self.max_iterations)
        for k, last in ((i, s), (j, answer)):
            self._move(players[k], roots[k] * last, last)
        return tuple(loss.detach() for loss in losses)

    def _players(self) -> list[list[Tensor]]:
        players = [[p for p in group["params"] if p.requires_grad] for group in self.param_groups]
        for number, own in enumerate(players):
            if not own:
                raise ValueError(f"ACGD: player {number} has no parameter that requires gradients")
        return players

    def _rates(self, player: int, parameters: Sequence[Tensor], gradient: Tensor) -> Tensor:
        """Take a gradient into the running means, and return the player's rates E, one a coordinate."""
        group, found, at = self.param_groups[player], [], 0
        for p in parameters:
            state = self.state[p]
            if not state:
                state.update(step=0, v=torch.zeros_like(p), last=torch.zeros_like(p))
            g = gradient[at : at + p.numel()].view_as(p)
            at += p.numel()
            state["step"] += 1
            state["v"].mul_(group["beta"]).addcmul_(g, g, value=1 - group["beta"])
            correction = (1 - group["beta"] ** state["step"]) ** 0.5
            found.append((group["lr"] * correction / (state["v"].sqrt() + group["eps"])).reshape(-1))
        return torch.cat(found)

    def _move(self, parameters: Sequence[Tensor], change: Tensor, last: Tensor) -> None:
        at = 0
        for p in parameters:
            here = slice(at, at + p.numel())
            p.add_(change[here].view_as(p))
            self.state[p]["last"] = last[here].view_as(p).clone()
            at += p.numel()


def _first_derivatives(losses: Sequence[Tensor], players: Sequence[Sequence[Tensor]]) -> list[list[Tensor]]:
    """Return g[i][j] = d l_i / d w_j, flat and with graphs."""
    everything = [p for own in players for p in own]
    rows = []
    for loss in losses:
        flat = torch.autograd.grad(loss.sum(), everything, create_graph=True, materialize_grads=True)
        whole = torch.cat([g.reshape(-1) for g in flat])
        ends = sum(p.numel() for p in players[0])
        rows.append([whole[:ends], whole[ends:]])
    return rows if len(rows) == 2 else [rows[0], [-g for g in rows[0]]]


def _along(gradient: Tensor, parameters: Sequence[Tensor]) -> Apply:
    """Return v -> d <gradient, v> / d parameters, flat; zero where the gradient does not depend on them."""

    def apply(v: Tensor) -> Tensor:
        if not gradient.requires_grad:
            return torch.cat([torch.zeros_like(p).reshape(-1) for p in parameters])
        found = torch.autograd.grad(gradient, parameters, v, retain_graph=True, materialize_grads=True)
        return torch.cat([g.reshape(-1) for g in found])

    return apply


def _conjugate_gradients(apply: Apply, b: Tensor, x: Tensor, bound: float, cap: int) -> tuple[Tensor, int]:
    """Solve A x = b for symmetric positive definite A, from x, until the residual's norm is at most the bound."""
    r = b - apply(x) if bool(x.any()) else b.clone()
    p, rr, count = r.clone(), r.dot(r), 0
    while float(rr) > bound**2 and count < cap:
        ap = apply(p)
        alpha = rr / p.dot(ap)
        x, r = x + alpha * p, r - alpha * ap
        before, rr = rr, r.dot(r)
        p, count = r + rr / before * p, count + 1
    return x, count
