"""Knative's control loops, each as data with a pure `sync`."""
