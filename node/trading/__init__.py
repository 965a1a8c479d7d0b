"""Trading: the desk that judges and publishes acts, what is owed, and what a centre works with beside them."""
