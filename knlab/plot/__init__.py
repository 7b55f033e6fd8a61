"""Pictures: records in, `Chart` out; the only importer of matplotlib.

Each picture has a module: `draw_*` functions put one thing on axes that they are given, and one
`*_chart` function composes them into a figure with unit, sample size, world and a sentence that
says in words what can be seen. Import the module you need; the package itself loads nothing.
"""
