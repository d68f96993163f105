"""Which arm is better at the same compute: plans, budgets, ledgers and reports of many runs."""
