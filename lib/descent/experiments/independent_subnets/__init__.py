"""What the chapter independent-subnets runs."""
