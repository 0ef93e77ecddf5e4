"""What the chapter competitive-descent runs."""
