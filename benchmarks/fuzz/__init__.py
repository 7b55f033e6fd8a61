"""Malformed requests by the thousand: what comes back must be an answer, and never a 500.

`values` changes JSON values, `requests` makes HTTP requests of them (and breaks those, too),
`wire` sends them and judges the answers. The same seed gives the same requests.
"""
