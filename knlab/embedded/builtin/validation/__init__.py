"""What Kubernetes refuses, in its own words: one module per group of kinds, all lists of causes."""
