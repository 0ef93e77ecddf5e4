"""Momentum federated learning: what the chapter of that name runs."""
