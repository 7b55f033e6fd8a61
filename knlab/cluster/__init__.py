"""Clusters as lessons see them: connect, install, deploy, watch, diagnose.

The notebook side cannot tell the embedded cluster from a real one: it has a kubeconfig and a URL.
"""
