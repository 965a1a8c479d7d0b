"""Open data: what anyone may take away whole, in forms that other people's tools read."""
