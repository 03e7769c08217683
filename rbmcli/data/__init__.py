"""Tables of ratings: contracts, readers, writers, ids, levels and splits. Knows Arrow, knows no model."""
