"""What the runs say: results, agreement, archives, costs, the report."""
