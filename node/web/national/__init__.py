"""The sandbox of the national platform: a faithful receiver on a node whose settings name senders."""
