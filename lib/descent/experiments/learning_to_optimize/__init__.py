"""What the chapter learning-to-optimize runs."""
