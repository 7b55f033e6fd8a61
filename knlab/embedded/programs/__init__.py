"""Programs that ship with the embedded cluster, one module per image; each is a process of its own.

They import only what a start needs: a cold start is mostly the interpreter loading modules. Hence
no typing, no asyncio, nothing outside the standard library and nothing of knlab but this package.
"""
