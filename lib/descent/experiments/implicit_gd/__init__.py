"""What the chapter implicit-gd runs."""
