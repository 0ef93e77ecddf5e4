"""Pages: blocks, figures' frames, take-away notebooks, staging, PDF."""
