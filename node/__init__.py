"""ggzy-node: a federated public-resource trading node (公共资源交易节点).

Start at `node/app.py` and docs/architecture.md.
"""

__version__ = "0.1.0"
