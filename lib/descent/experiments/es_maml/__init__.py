"""What the chapter on ES-MAML runs."""
