"""The published formats of transparency logs (c2sp.org, RFC 6962), pure: no network, disk, clock or randomness."""
