"""Privacy models on one class: its histogram of sensitive values against the limits."""
