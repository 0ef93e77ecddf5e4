"""Linear solvers that need only products, and the curvature products they are given."""
