"""The `knlab` command: one module for each group of verbs, all of them thin."""
