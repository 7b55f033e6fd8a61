"""Every claim about speed and endurance as a runnable script: `python -m benchmarks.NAME`.

Figures depend on the machine; ratios of one run mean more than absolute numbers.
"""
