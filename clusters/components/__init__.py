"""One logical thing per module, each a function from facts to objects. Only `clusters.cluster_tree` puts them together."""
