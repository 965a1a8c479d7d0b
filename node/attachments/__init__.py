"""Attachments (附件): files that records list by hash; their bytes lie on the node's disk (docs/attachments.md)."""
