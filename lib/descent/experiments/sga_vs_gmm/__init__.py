"""What the chapter sga-vs-gmm runs."""
