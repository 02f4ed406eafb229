"""The public names of `shoal.attack` and where each is defined: the one list, for type checkers and at run time."""
