"""What the chapter stationary-points runs."""
