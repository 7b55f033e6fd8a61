"""What Kubernetes fills in: one module per group of kinds, all `(new, old) -> new`."""
