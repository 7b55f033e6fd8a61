# %% [markdown]
# # 08 · Bounds and load
#
# **What you will do.** You give a Service the article's bounds, predict its pods, and put fifty users on it.
#
# **What you will learn.** How target, utilization and bounds make a number of pods, what panic is, and how to read a load test.
#
# **What you need.** Nothing but this notebook; Knative is installed if it is missing.
#
# **Time.** 15 minutes (of which the machine needs 20 seconds at quick pace).

# %%
import knlab

cluster = knlab.connect()
cluster.ensure_knative()

# %% [markdown]
# ## The article's step
#
# Three annotations on the template: never fewer than one pod, never more than five, and one request in flight per pod.
#
# ```yaml
# # 2021                                     # today
# autoscaling.knative.dev/minScale: "1"      autoscaling.knative.dev/min-scale: "1"
# autoscaling.knative.dev/maxScale: "5"      autoscaling.knative.dev/max-scale: "5"
# autoscaling.knative.dev/target: "1"        autoscaling.knative.dev/target: "1"
# ```
#
# The spelling changed with Knative 1.1; the old one is still understood. `kn` has flags for them: `--scale-min 1 --scale-max 5 --scale-target 1`.

# %%
hello = cluster.deploy(
    "hello-08",
    image=knlab.images.HELLO,
    env={"TARGET": "Knative V3"},
    min_scale=1,
    max_scale=5,
    target=1,
)
hello.wait_ready()

# %% [markdown]
# They are annotations of the *template*, so changing one makes a new revision. A target is a wish of the autoscaler, no limit for a pod: with `target: 1` a pod may well serve ten requests at once. The hard limit is another setting, `containerConcurrency`.

# %%
hello.scaling

# %% [markdown]
# ## Predict
#
# > **Question.** Fifty users, always one request each in flight. One request per pod, at the default utilization of 70 %. How many pods does the autoscaler *want*? How many will it *get*?

# %% tags=["nbval-check-output"]
users, per_pod = 50, 1 * 0.70
wanted = -int(-users // per_pod)
wanted, min(max(wanted, 1), 5)

# %% [markdown]
# 72 wanted and 5 allowed. The article's five pods are not what the load needs, they are what the bound permits, and the article could not tell the difference. Five pods share fifty requests, ten each, which is fine for a program that only says hello.

# %% [markdown]
# ## Run
#
# The article's command, and ours:
#
# ```sh
# hey -z 30s -c 50 http://hello.default.10.104.46.103.nip.io
# ```
#
# `hey` is a *closed loop*: each of the 50 users waits for an answer before asking again. So the number in flight is fixed and the rate is the result, not the other way round. `knlab.load` does the same in a process of its own, and keeps every single request.

# %%
with cluster.watch_pods(hello) as pods:
    run = knlab.load(hello.url, duration=knlab.PACE.load_duration, concurrency=users)
run

# %% [markdown]
# The last line tells whether the *client* was the bottleneck, a question to ask of every load test: a client that is out of breath measures itself.

# %% [markdown]
# ## Pods over time

# %%
pods.plot(load=run)

# %% [markdown]
# One pod was there before the load: the minimum. Some two seconds later the wish jumps to five, as fast as the autoscaler's tick allows.
#
# > **Question.** The stable window is 60 seconds. How can an average over 60 seconds notice within two?

# %% [markdown]
# It cannot, and need not. There is a second window of a tenth of the length, 6 seconds. When *its* average asks for at least twice the pods that are ready, the autoscaler **panics**: it scales by the short window, and does not scale down until the overload has been gone for a whole stable window. With one pod ready and a load for 72, the threshold of 2.0 is passed with the first sample. See [panic mode](https://knative.dev/docs/serving/autoscaling/kpa-specific/).
#
# The article's proof was the list of pods, one of them older than the rest:
#
# ```sh
# kubectl get pods
# ```

# %%
hello.show("pods")

# %% [markdown]
# Same picture here. Creation times say it more exactly: seconds before (negative) or after the load began.

# %%
born = pods.events.groupby("pod")["created"].min() - run.record.started
born.sort_values().round(0)

# %% [markdown]
# ## Latency
#
# hey's own words first, computed from our records:

# %%
print(run.hey())

# %% [markdown]
# Two lines differ from hey's for a reason. `DNS+dialup` has its own fastest and slowest here; hey up to v0.1.4 prints those of the whole request by mistake. And the percentiles go on after 99 %, where it becomes interesting.
#
# > **Question.** hey's histogram has ten buckets of equal width. What does it show if one request in a thousand is a hundred times slower than the rest?

# %%
run.plot()

# %% [markdown]
# The left picture is hey's: one long bar, and the tail invisible. The right one has logarithmic scales. There you see where most requests are, and that the slow ones are a population of their own rather than the end of the others.
#
# Who are the slowest? When they *began* gives them away:

# %%
slowest = run.frame.nlargest(50, "total")
slowest[["start", "namelookup", "starttransfer", "total"]].quantile([0, 0.5, 1])

# %% [markdown]
# `start` is in seconds since the beginning of the load. If the slow ones cluster in the first seconds, they met one pod with fifty users, or the moment in which four processes started on the same processors. If they are spread over the run, they are the usual competition for a core. Name look-ups are none of it: there were none.

# %% [markdown]
# ## The path of a request
#
# > **Question.** There are five pods, all ready. Does the gateway send requests straight to them?

# %%
hello.show("sks")

# %% [markdown]
# Mode `Proxy`: every request still passes the activator. Knative takes it out of the path only if the pods could swallow a sudden burst of `target-burst-capacity` = 211 requests on top of the present load. Five pods of one request each, minus 211, minus 50 in flight:

# %% tags=["nbval-check-output"]
pods_ready, capacity, burst, in_flight = 5, 1, 211, 50
pods_ready * capacity - burst - in_flight

# %% [markdown]
# Negative, so the activator stays, as it did in the article, unnoticed. It buys safety and costs a hop. A target of 100, the default, would need three pods until the result is positive. The rule is in [`autoscaler.go`](https://github.com/knative/serving/blob/knative-v1.23.0/pkg/autoscaler/scaling/autoscaler.go), the setting is explained under [target burst capacity](https://knative.dev/docs/serving/load-balancing/target-burst-capacity/).

# %% [markdown]
# ## Check yourself

# %%
assert run.summary.failed == 0, f"requests failed: {run.summary.errors}"
assert pods.frame.desired.max() == 5, "the autoscaler did not reach the bound: was the load on?"
assert pods.frame.ready.max() <= 5, "more pods than max-scale allows"
assert born.min() < 0, "no pod was there before the load: min-scale was not obeyed"
little = run.record.workload.concurrency / run.summary.requests_per_second
assert abs(little / run.summary.average - 1) < 0.1, "users ÷ rate should be the average latency"

# %% [markdown]
# The last check is *Little's law*: users in the system = rate × time in the system. In a closed loop it must hold; if it does not, the client lost requests or time. For the article: 50 ÷ 1,412.46 = 35.4 ms, against its average of 35.3 ms.

# %% [markdown]
# ## Exercises
#
# 1. Take the activator out of the path with `target_burst_capacity=0`. What changes in requests per second?
# 2. Make the wish a limit: with `concurrency=1` a pod takes one request at a time, the others queue. What happens to requests per second, what to errors?
#
# <details><summary>Answers</summary>
#
# ```python
# hello.update(target_burst_capacity=0).wait_ready()
# direct = knlab.load(hello.url, duration="10s", concurrency=50)
# direct.compare(run)
# ```
#
# One hop less. On a real cluster it made 1.4 times as many requests per second with five pods. In the embedded cluster gateway and activator share a process, a hop between them costs next to nothing, and the ratio stays near one.
#
# ```python
# hello.update(concurrency=1, target_burst_capacity=None).wait_ready()
# limited = knlab.load(hello.url, duration="10s", concurrency=50)
# limited.compare(run)
# ```
#
# Fewer requests per second, and no errors: the activator keeps the rest in its queue and hands a pod its next request when it has answered the last. With the activator out of the path, as in exercise 1, the pods' own queues, ten requests each, overflow at the start, and `limited.summary.status` shows answers with 503.
#
# </details>

# %% [markdown]
# ## Clean up

# %%
hello.delete()

# %% [markdown]
# ## What we saw
#
# * The load wanted 72 pods; the bound gave five.
# * Panic makes the autoscaler fast, a stable window makes it calm again.
# * Linear histograms hide tails; look at p99.9 and at *when* slow requests began.
# * The activator stays in the path until there is room for a burst.
#
# Previous: [07 · Two versions](07_two_versions.ipynb) · Next: [09 · What the numbers say](09_what_the_numbers_say.ipynb)
