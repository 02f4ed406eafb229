"""Privacy models: what each promises, what classes reach, and how kernels are told."""
