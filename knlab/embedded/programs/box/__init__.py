"""The box: small Unix tools of our own, the only commands that containers here can run.

Each container's first process, and each command run in it later, is a process of the box. It sees
the container's own directory as `/`, the cluster's network through one socket, and nothing else of
the machine: paths are walked inside that directory, and no program is ever executed.
"""
