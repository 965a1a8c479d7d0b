"""Sync: mirroring of signed logs between nodes, up and down, over the protocol of c2sp.org/tlog-mirror (DESIGN §2)."""
