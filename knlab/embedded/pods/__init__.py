"""Pods as real operating-system processes: what the kubelet is on a node.

    kubelet              watches the pods bound to the node; one worker for each
    worker               one pod's life: volumes, init containers, containers, status, end
    lives attending      one container through its instances; one instance with probes and end
    starting containers  environment, address, program; a process behind the shim, or a task
    supervisor shim      our side, and the small process that owns every other one
    log_requests logs logfile     `kubectl logs`; reading; writing
    exec executions  attach attachments     a command of its own; the container's program
    joining carrying outcomes               what both share: protocols, bytes, the last word
    consoles taps                 a container's input and copies of its output; our side, the shim's
    addresses            an IP for each pod
    status environment volumes backoff      pure
    probes termination   what to ask and when; hook, SIGTERM, SIGKILL

This file stays empty of imports: the shim loads the package, and must start fast.
"""
