"""Knative's pod autoscaler (KPA) as functions of their arguments. Pure: no clock, no I/O.

What may live here: the rules by which Knative turns reported load into a number of pods, told the
time on every call. The embedded cluster ticks them live (`embedded.autoscaling`); a simulation or
a recording can drive the same objects.

    spec.py           what the autoscaler is told: cluster settings, one revision's share of them
    target.py         annotations + settings → that share, and where each value came from
    stat.py           what pods and activators report
    sampling.py       reports of some pods → one report for all
    windows.py        reports → averages over the stable and the panic window
    decide.py         averages → pods, with the explanation
    autoscaler.py     the three above for one revision
    bounds.py         min-scale, max-scale, initial-scale
    burst.py          burst capacity: activators, Serve or Proxy
    activity.py       the Active condition
    scale_to_zero.py  when the last pod may go
"""
