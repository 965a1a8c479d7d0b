"""The store: one database a node, all origins in the same tables. SQLite here; the same calls will serve PostgreSQL."""
