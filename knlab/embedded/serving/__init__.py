"""Knative Serving's behaviour as pure rules: admission, resource builders, reconcilers, routing."""
