"""What a node does while it serves, beside answering: its jobs, which worker runs them, how workers tell each other."""
