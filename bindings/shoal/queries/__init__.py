"""Private queries: plans, releases, noise, accounting, audits."""
