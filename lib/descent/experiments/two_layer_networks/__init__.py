"""What the chapter two-layer-networks runs: wide networks beside what their kernel predicts."""
