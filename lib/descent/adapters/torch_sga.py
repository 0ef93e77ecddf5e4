"""Symplectic gradient adjustment (SGA) for PyTorch, as an optimiser around an optimiser.

    base = torch.optim.RMSprop([{"params": generator.parameters()}, {"params": discriminator.parameters()}], lr=1e-4)
    optimizer = SGA(base)

    def losses():
        fake = generator(z)
        return generator_loss(discriminator(fake)), discriminator_loss(discriminator(real), discriminator(fake))

    optimizer.step(losses)

The closure returns the players' losses and calls no ``backward``: SGA needs derivatives of derivatives, and takes all
of them itself. Do not ``detach`` the fake samples in the discriminator's loss: how that loss depends on the generator
is half of what SGA looks at.

Nothing else in the library imports this file, and it imports nothing of the library: it can be copied.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any, Literal

try:
    import torch
except ImportError as error:
    raise ImportError(
        "descent.adapters.torch_sga needs PyTorch, which is not installed: pip install descent[torch]"
    ) from error

from torch import Tensor

Alignment = Literal["none", "paper", "notebook"]
Players = Sequence[Sequence[Tensor]]


@torch.enable_grad()
def symplectic_gradient(
    losses: Sequence[Tensor],
    players: Players,
    strength: float = 1.0,
    alignment: Alignment = "none",
    epsilon: float = 0.1,
) -> list[list[Tensor]]:
    """Return the adjusted gradient xi + lambda A^T xi of a game, given its losses with their graphs.

    With gradients g_ij = d l_i / d w_j, and xi_j = g_jj held constant,

        (A^T xi)_i = 1/2 d/dw_i  sum_{j != i} <g_jj - g_ij, xi_j>.

    Args:
        losses: one scalar per player, with its graph; the graphs are not freed.
        players: for each player the tensors it owns, leaves that require gradients.
        strength: lambda, in units of 1/curvature; at 0, xi is returned and no second derivative is taken.
        alignment: "none"; "paper" and "notebook" multiply lambda by sign(<xi, grad H> <A^T xi, grad H> / d + epsilon)
            with grad H = J^T xi, and d the number of coordinates ("paper") or of tensors ("notebook").
        epsilon: leans that sign towards +1.

    Returns:
        For each player one tensor per parameter, without graph.

    Raises:
        TypeError, ValueError: the losses are not one scalar tensor per player.
        RuntimeError: a loss has no graph, or a freed one, or depends on nothing that its player owns.

    Warns:
        UserWarning: a loss depends on nothing that some other player owns, as when fake samples are detached.

    Source: Letcher et al. 2019, Algorithm 1 and section 3.2; A^T xi by mixed derivatives as in ``descent.games``.
    """
    losses, players = list(losses), [list(own) for own in players]  # generators too, as parameters() is one
    _check(losses, players)
    if alignment not in ("none", "paper", "notebook"):
        raise ValueError(f'alignment is "none", "paper" or "notebook", got {alignment!r}')
    gradients = _first_derivatives(losses, players)
    everyone = range(len(players))
    xi = [[g.detach() for g in gradients[i][i]] for i in everyone]
    if strength == 0:
        return xi
    # slopes[i][j]: how l_i changes as player j moves along xi_j
    slopes = [[_dot(gradients[i][j], xi[j]) for j in everyone] for i in everyone]
    if alignment == "none":
        surplus = [_sum([slopes[j][j] - slopes[i][j] for j in everyone if j != i]) / 2 for i in everyone]
        turn = [_gradient(surplus[i], players[i]) for i in everyone]
        factor: float | Tensor = strength
    else:
        flat = [p for own in players for p in own]
        j_xi = [g for i in everyone for g in _gradient(_sum(slopes[i]), players[i])]
        grad_h = _gradient(_sum([slopes[i][i] for i in everyone]), flat)
        half = [(a - b) / 2 for a, b in zip(grad_h, j_xi, strict=True)]
        d = sum(p.numel() for p in flat) if alignment == "paper" else len(flat)
        product = _dot([g for own in xi for g in own], grad_h) * _dot(half, grad_h) / d
        factor = strength * torch.sign(product + epsilon)
        rest = iter(half)
        turn = [[next(rest) for _ in own] for own in players]
    return [
        [g + factor * t for g, t in zip(own, adjustment, strict=True)] for own, adjustment in zip(xi, turn, strict=True)
    ]


class SGA(torch.optim.Optimizer):
    """SGA around a base optimiser, one parameter group per player.

    ``step(closure)`` puts the adjusted gradient into every parameter's ``.grad``, over whatever was there, and lets the
    base step. Parameter groups, state, learning rates and schedulers are the base's own, through either object;
    to clip gradients, register a step pre-hook on the base.

    Args:
        base: a ``torch.optim`` optimiser whose parameter groups are the players, in the order of the losses. Groups
            that carry an entry ``"player": i`` (all do, or none) may share a player, for different weight decays say.
        strength: as in ``symplectic_gradient``.
        alignment: as in ``symplectic_gradient``.
        epsilon: as in ``symplectic_gradient``.

    Raises:
        TypeError: base is not an optimiser, or one that evaluates the closure itself (LBFGS).
        ValueError: a parameter is in two groups, the players are not numbered 0, 1, ..., or alignment is unknown.

    Source: Letcher et al. 2019, Algorithm 1, whose output "plugs into any optimiser".

    Departures: there is no ``GradScaler`` for half precision, and the base's hyper-parameters are the base's: PyTorch's
    RMSprop adds epsilon outside the root and starts its accumulator at 0, the authors' TensorFlow 1 inside, and at 1.
    """

    def __init__(
        self,
        base: torch.optim.Optimizer,
        strength: float = 1.0,
        alignment: Alignment = "none",
        epsilon: float = 0.1,
    ):
        if not isinstance(base, torch.optim.Optimizer) or isinstance(base, (SGA, torch.optim.LBFGS)):
            raise TypeError(
                f"SGA wraps an optimiser that steps along .grad, like torch.optim.RMSprop, not {type(base).__name__}"
            )
        if alignment not in ("none", "paper", "notebook"):
            raise ValueError(f'alignment is "none", "paper" or "notebook", got {alignment!r}')
        self.base, self.strength, self.alignment, self.epsilon = base, strength, alignment, epsilon
        super().__init__(base.param_groups, base.defaults)
        self._players()

    # Groups and state live in the base alone: it replaces both when it loads a state.
    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The base's parameter groups."""
        return self.base.param_groups

    @param_groups.setter
    def param_groups(self, value: list[dict[str, Any]]) -> None:
        """Let ``Optimizer.__init__`` assign what is the base's already."""

    @property
    def state(self) -> Any:  # type: ignore[override]
        """The base's state."""
        return self.base.state

    @state.setter
    def state(self, value: Any) -> None:
        """Let ``Optimizer.__init__`` assign what is the base's already."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a player, or with an entry ``"player"`` more parameters of one."""
        if not any(param_group is group for group in self.base.param_groups):
            self.base.add_param_group(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear every ``.grad``; not needed between steps, for a step does it."""
        self.base.zero_grad(set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Make one step.

        Args:
            closure: evaluates the game once and returns one scalar loss per player, graphs intact.

        Returns:
            The losses before the step, detached.

        Raises:
            TypeError: there is no closure.
            Others: as ``symplectic_gradient``. Nothing has then been changed.
        """
        if closure is None:
            raise TypeError(
                "SGA needs step(closure), with a closure that returns one loss per player: .grad is not enough"
            )
        with torch.enable_grad():  # some callers step under no_grad
            returned = closure()
        losses = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
        players = self._players()
        adjusted = symplectic_gradient(losses, players, self.strength, self.alignment, self.epsilon)
        for group in self.base.param_groups:  # what has been frozen since the last step keeps no gradient to move along
            for p in group["params"]:
                p.grad = None
        for own, gradients in zip(players, adjusted, strict=True):
            for p, g in zip(own, gradients, strict=True):
                p.grad = g
        self.base.step()
        return tuple(loss.detach() for loss in losses)

    def state_dict(self) -> dict[str, Any]:
        """Return the base's state_dict and, under "sga", strength, alignment and epsilon; its hooks are called."""
        for before in self._optimizer_state_dict_pre_hooks.values():
            before(self)
        own = {"strength": self.strength, "alignment": self.alignment, "epsilon": self.epsilon}
        state = {**self.base.state_dict(), "sga": own}
        for after in self._optimizer_state_dict_post_hooks.values():
            changed = after(self, state)
            state = state if changed is None else changed
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what ``state_dict`` returned, SGA's own settings included.

        Raises:
            ValueError: it is another optimiser's, or of other parameters.
        """
        state_dict = dict(state_dict)
        for before in self._optimizer_load_state_dict_pre_hooks.values():
            changed = before(self, state_dict)
            state_dict = state_dict if changed is None else changed
        if "sga" not in state_dict:
            raise ValueError('this state_dict has no entry "sga": if it is the base\'s, load it into SGA(...).base')
        self.base.load_state_dict({key: value for key, value in state_dict.items() if key != "sga"})
        self.__dict__.update(state_dict["sga"])
        for after in self._optimizer_load_state_dict_post_hooks.values():
            after(self)

    def __getstate__(self) -> dict[str, Any]:
        return {key: self.__dict__[key] for key in ("defaults", "base", "strength", "alignment", "epsilon")}

    def _players(self) -> list[list[Tensor]]:
        """Return each player's parameters that require gradients."""
        groups = self.base.param_groups
        if any("player" in group for group in groups):
            numbers = [group.get("player", -1) for group in groups]
        else:
            numbers = list(range(len(groups)))
        if set(numbers) != set(range(len(set(numbers)))):
            raise ValueError(f'players are numbered 0, 1, ...: the parameter groups have "player" {numbers}')
        parameters = [id(p) for group in groups for p in group["params"]]
        if len(set(parameters)) < len(parameters):
            raise ValueError("a parameter is in two groups, or twice in one: give every parameter to one player")
        players: list[list[Tensor]] = [[] for _ in set(numbers)]
        for number, group in zip(numbers, groups, strict=True):
            players[number].extend(p for p in group["params"] if p.requires_grad)
        return players


def _check(losses: Sequence[Tensor], players: Players) -> None:
    if len(losses) != len(players):
        raise ValueError(f"the closure returned {len(losses)} loss(es) for {len(players)} players (parameter groups)")
    for i, (loss, own) in enumerate(zip(losses, players, strict=True)):
        if not isinstance(loss, Tensor):
            raise TypeError(f"loss {i} is a {type(loss).__name__}, not a tensor: return it before .item() or float()")
        if loss.numel() != 1:
            raise ValueError(f"loss {i} has shape {tuple(loss.shape)}, not a scalar's: take .mean() of it")
        if not loss.requires_grad:
            raise RuntimeError(f"loss {i} has no graph: it was detached, or made under torch.no_grad()")
        if not own:
            raise ValueError(f"player {i} has no parameter that requires gradients")


def _first_derivatives(losses: Sequence[Tensor], players: Players) -> list[list[list[Tensor]]]:
    """Return g[i][j] = d l_i / d w_j, with graphs."""
    flat = [p for own in players for p in own]
    bounds = list(pairwise(accumulate(map(len, players), initial=0)))
    rows = []
    for i, loss in enumerate(losses):
        try:
            gradients = torch.autograd.grad(loss.sum(), flat, create_graph=True, allow_unused=True)
        except RuntimeError as error:
            if "second time" not in str(error):
                raise
            raise RuntimeError(f"loss {i}'s graph is freed: call no backward() in the closure, SGA does it") from error
        for j, (first, last) in enumerate(bounds):
            if any(g is not None for g in gradients[first:last]):
                continue
            if j == i:
                raise RuntimeError(f"loss {i} depends on no parameter of player {i}: are the losses in another order?")
            warnings.warn(
                f"loss {i} depends on no parameter of player {j}: SGA needs that dependence, so detach nothing",
                stacklevel=3,
            )
        whole = [torch.zeros_like(p) if g is None else g for g, p in zip(gradients, flat, strict=True)]
        rows.append([whole[first:last] for first, last in bounds])
    return rows


def _gradient(slope: Tensor, parameters: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return d slope / d parameters, zero where it does not depend on them, keeping the graph for the next."""
    if not slope.requires_grad:  # every gradient is constant: the losses are linear
        return [torch.zeros_like(p) for p in parameters]
    return torch.autograd.grad(slope, parameters, retain_graph=True, materialize_grads=True)


def _dot(x: Iterable[Tensor], y: Iterable[Tensor]) -> Tensor:
    return _sum([(a * b).sum() for a, b in zip(x, y, strict=True)])


def _sum(terms: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(terms)).sum() if terms else torch.zeros(())
