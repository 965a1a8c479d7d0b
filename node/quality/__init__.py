"""Data quality: what of each trade record, act and trade is not right, summed up by node, place, category and step."""
