"""Run chapters: parameters, fingerprints, kernels, sealed runs."""
