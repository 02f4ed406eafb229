"""Full-domain generalization: the lattice of levels, what its nodes cost, and the search for the best."""
