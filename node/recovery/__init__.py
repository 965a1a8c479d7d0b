"""Ways out of a frozen log: back from the mirror, or on in a new epoch (DESIGN L9, L10; docs/recovery.md)."""
