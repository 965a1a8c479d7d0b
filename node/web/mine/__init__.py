"""`/mine` (我的交易): what concerns the organisation of whoever is logged in as a party, and nothing of others."""
