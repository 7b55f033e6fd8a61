"""Things that move while a cell runs; the only importer of ipywidgets.

Each ends as something static, so that a saved notebook shows the same without a kernel, and none
has a timer or a thread of its own.
"""
