"""Measuring: requests, load and pods over time, as plain records with the raw numbers kept.

What lives here produces records and computes with them. `records`, `stats`, `hey`, `curl`,
`timeline` and `contrast` are pure; `request`, `load`, `generator` and `watch` touch the network,
clocks and processes. Nothing here draws, and nothing here needs a cluster.
"""
