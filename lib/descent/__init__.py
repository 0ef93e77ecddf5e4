"""Rules that move parameters through the vector field of a game: simulate, measure, judge."""
