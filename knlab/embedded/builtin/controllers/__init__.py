"""The control loops of a cluster of one node: pure `sync` functions, listed in `loops`."""
