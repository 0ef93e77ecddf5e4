"""What is measured of a run: modes, spectra, operations, memory."""
