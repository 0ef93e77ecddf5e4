"""Where rules converge: linearised rules, and what formulas say."""
