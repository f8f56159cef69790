"""What the shop sells, on its way into Meta's catalog: sources, items, changes, batches, feeds."""
