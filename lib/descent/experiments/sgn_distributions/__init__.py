"""What the chapter sgn-distributions runs."""
