"""Pages about what is disclosed (R30): a trade, a project of the former centres, and the list of disclosures."""
