"""Experiments that more than one chapter runs: a game, a rule, what is recorded, and what is kept."""
