"""A generic Kubernetes API server: it knows no kind by name.

Kinds are rows of a registry; what differs between them is data (columns, scopes, scale paths) or a
hook (`Strategy`). Objects are plain JSON dictionaries. Pure modules beside the server do the
conversions: patches, schemas, selectors, tables, protobuf.
"""
