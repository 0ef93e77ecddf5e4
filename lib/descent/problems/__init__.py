"""What is descended on: games, networks, data."""
