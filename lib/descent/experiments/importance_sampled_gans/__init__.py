"""What the chapter on importance-sampled GANs runs."""
