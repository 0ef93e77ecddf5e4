"""Noise: alpha-stable laws, estimators of their index, stochastic gradient noise, and controls with exact answers."""
