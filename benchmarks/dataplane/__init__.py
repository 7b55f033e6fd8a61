"""The parts of `python -m benchmarks.dataplane`: client, scenarios, figures and goals."""
