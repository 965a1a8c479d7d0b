"""Measurements that anyone can repeat: `ggzy bench NAME`. Real node processes, real-shaped records, ratios in one run.

Each measurement is a module with `async def run(options) -> dict`; `report.py` prints what it gives.
"""
