# %% [markdown]
# # 06 · To zero
#
# **What you will do.** You put load on a Service, stop, and record every pod from its creation until nothing is left.
#
# **What you will learn.** How the autoscaler comes to a number of pods, and of which parts the way to zero consists.
#
# **What you need.** Nothing but this notebook; Knative is installed if it is missing.
#
# **Time.** 10 minutes (of which the machine needs 70 seconds at quick pace).

# %%
import knlab

cluster = knlab.connect()
cluster.ensure_knative()

# %% [markdown]
# ## The article's step
#
# The article opens a second terminal and watches pods appear with the first request and vanish some time after the last. A screenshot shows the moment.
#
# ```sh
# watch kubectl get pods
# ```
#
# A screenshot cannot show *how long* anything took. We record instead. The Service of this lesson is `autoscale-go`, which works on request: `?sleep=100` makes it wait for 100 milliseconds. And it has a target: each pod shall have 10 requests in flight.

# %%
waver = cluster.deploy(
    "waver-06", image=knlab.images.AUTOSCALE, target=10, window=knlab.PACE.window
)
waver.wait_ready()

# %% [markdown]
# ## Predict
#
# Fifty users will send requests, each a new one as soon as its answer is there. So there are always about 50 requests in flight. Knative does not fill pods to the brim. It aims at 70 % of the target, so that there is room while new pods start.
#
# > **Question.** Fifty in flight, a target of 10, a utilization of 70 %: how many pods?
#
# Python rounds up with a detour over negative numbers:

# %% tags=["nbval-check-output"]
users, target, utilization = 50, 10, 0.70
-int(-users // (target * utilization))

# %% [markdown]
# That is the whole formula: *average concurrency, divided by what one pod shall carry, rounded up*. The average is taken over the stable window, or over a shorter panic window when load jumps. The embedded autoscaler runs it as Knative does, every two seconds: [`autoscaler.go`](https://github.com/knative/serving/blob/knative-v1.23.0/pkg/autoscaler/scaling/autoscaler.go).
#
# > **Question.** And after the load ends, in which order will these happen: pods terminate, pods are gone, the autoscaler wants zero?

# %% [markdown]
# ## Run
#
# The `with` block is the experiment: everything that happens to pods inside is recorded. In it we send load for a while, and then wait until not even a terminating pod is left.

# %%
with cluster.watch_pods(waver) as pods:
    run = knlab.load(waver.url + "?sleep=100", duration=knlab.PACE.load_duration, concurrency=users)
    waver.wait_scaled_to_zero()
pods

# %% [markdown]
# The grey band is the time of the load. *Starting* pods exist but are not ready, *terminating* ones finish what they have. The line is what the autoscaler desired.

# %%
pods.plot(load=run)

# %% [markdown]
# Compare the top of the line with your prediction. On the way up, a first decision may fall short, for the window then still holds some of the quiet before the load; the next tick corrects it. On the way down the wish falls in steps, since the autoscaler at most halves the pods from one decision to the next. Each pod that it gives up goes on as *terminating*.

# %% [markdown]
# ## The way to zero, in parts
#
# Four moments cut the way into three parts: the last answer, the first time that the autoscaler wants nothing, the last pod's beginning to terminate, and the last pod's disappearance.

# %%
frame, events = pods.frame, pods.events
last_answer = sum(run.window) - run.window[0] - pods.record.started
wants_zero = frame.time[(frame.time > last_answer) & (frame.desired == 0)].min()
terminating = events.time[events.phase == "terminating"].max()
gone = events.time[events.phase == "gone"].max()

# %% [markdown]
# The differences are what we are after.

# %%
import pandas as pd

moments = pd.Series([last_answer, wants_zero, terminating, gone])
names = ["until the autoscaler wants zero", "until the last pod terminates", "until it is gone"]
parts = pd.Series(moments.diff()[1:].clip(lower=0).values, index=names, name="seconds")
parts.round(1)

# %% [markdown]
# ## Why
#
# **Until the autoscaler wants zero**: the stable window has to empty, and decisions are taken every two seconds. A panic holds the number of pods for one more stable window after the last overload.
#
# **Until the last pod terminates**: a last pod is special. Before it goes, the activator must have been in the request path for `scale-to-zero-grace-period`, 30 seconds, so that no request meets an empty address. The time counts from when the activator got there. With default settings it is there from the beginning (lesson 08 explains why), so for a revision older than 30 seconds this part is nothing. At quick pace our revision is so young that it may have to wait for the rest of them.
#
# **Until it is gone**: the queue-proxy keeps serving until 30 seconds have passed without a request, for gateways may still send some. Then the program gets its TERM signal.
#
# The article's *some time* at default settings is 60 seconds of window, a tick, no grace, and 30 of draining: about 95 seconds. On a real cluster, 60.6 and 30.4 seconds were measured. [Scale to zero](https://knative.dev/docs/serving/autoscaling/scale-to-zero/) has the settings.

# %% [markdown]
# ## Who is in the path now?
#
# > **Question.** There is no pod left. To whom does the Service's address lead?

# %%
waver.show("sks")

# %% [markdown]
# Mode `Proxy`: the public Kubernetes Service of the revision means the activator. That is why a request now would not fail but wait, as in lesson 05. The autoscaler's own view is in the PodAutoscaler:

# %%
waver.show("kpa")

# %% [markdown]
# `READY False` with reason `NoTraffic` looks alarming and is not. The PodAutoscaler says that nothing is running because nobody asks. The Revision and the Service stay ready, because a request would be answered.

# %% [markdown]
# ## Check yourself

# %%
assert run.summary.failed == 0, f"requests failed: {run.summary.errors}"
assert frame.desired.max() >= 2, "the autoscaler never wanted a second pod: was the load on?"
assert last_answer < wants_zero < gone, "an odd order of events; run the lesson again"
assert parts["until it is gone"] > 25, "the last pod did not drain for 30 s"
assert not waver.pods(), "there is a pod again: somebody sent a request"

# %% [markdown]
# ## Exercises
#
# 1. Draw the latencies of the load. Why do they start at 100 milliseconds, and who are the slow ones?
# 2. How many requests did Knative lose while it removed pods?
#
# <details><summary>Answers</summary>
#
# ```python
# run.plot()
# ```
#
# Each request sleeps for 100 ms. The slow ones came at the beginning, when one pod had to serve all fifty users and new pods took their share of the processors to start.
#
# ```python
# run.summary.failed, run.summary.unfinished
# ```
#
# None, and that is what all the waiting is for.
#
# </details>

# %% [markdown]
# ## Clean up

# %%
waver.delete()

# %% [markdown]
# ## What we saw
#
# * Pods wanted = average concurrency ÷ (target × utilization), rounded up.
# * Scaling to zero is a sequence: window, grace, drain; only the first depends on load.
# * With no pods the activator answers for them; nothing is lost on either way.
#
# Previous: [05 · Cold and warm](05_cold_and_warm.ipynb) · Next: [07 · Two versions](07_two_versions.ipynb)
