"""Methods that make classes: Mondrian, tight, full-domain, suppression."""
