"""What the platform adds to a request of fraud/scorer, hop by hop, with the real programs on loopback: `edge_path` of `make bench`."""
