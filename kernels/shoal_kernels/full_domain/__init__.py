"""Full-domain generalization: the lattice of levels, the costs of its nodes, and walks over them."""
