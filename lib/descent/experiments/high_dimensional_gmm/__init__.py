"""What the chapter high-dimensional-gmm runs."""
