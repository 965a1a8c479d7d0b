"""Pages of the data quality board."""
