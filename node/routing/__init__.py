"""Routing and numbers as stages: may a trade be held here, who holds what is not theirs, numbers given out once."""
