"""What the chapter one-sample-frank-wolfe runs."""
