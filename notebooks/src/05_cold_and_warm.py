# %% [markdown]
# # 05 · Cold and warm
#
# **What you will do.** You time requests that find no pod and requests that find one, phase by phase, and draw both as histograms.
#
# **What you will learn.** What curl's timing fields mean, what a cold start consists of, and why one measurement of each kind is not enough.
#
# **What you need.** Nothing but this notebook; Knative is installed if it is missing.
#
# **Time.** 15 minutes (of which the machine needs 75 seconds at quick pace, nearly all of it waiting for pods to drain).

# %%
import knlab

cluster = knlab.connect()
cluster.ensure_knative()

# %% [markdown]
# ## The article's step
#
# The article times two requests with a format file for curl, one when there is no pod and one right after it:
#
# ```sh
# curl -w "@curl-format.txt" $SERVICE_URL
# ```
#
# curl's fields are cumulative: each counts from the beginning. To know what a *phase* took, subtract its neighbour. What the server took is `starttransfer − pretransfer`; we call it the **wait**. Here are the article's two requests, taken apart:

# %%
knlab.compare(cold=knlab.article.COLD, warm=knlab.article.WARM)

# %% [markdown]
# By the total, the cold request took ten times as long as the warm one. By the wait, the factor is more than a thousand: the warm request spent nearly all its time on the look-up of a name, which has nothing to do with Knative. From here on, we compare waits.

# %% [markdown]
# ## Ten cold starts
#
# One cold start is an anecdote. We get ten with ten Services that go to zero together. `window` is the stable window, the time without requests after which the autoscaler wants no pods: 60 seconds at the article's pace, 6 at quick pace.

# %%
names = [f"cold-05-{number}" for number in range(knlab.PACE.cold_samples)]
window = knlab.PACE.window
services = [cluster.deploy(name, image=knlab.images.HELLO, window=window) for name in names]
ready = [service.wait_ready() for service in services]
print(f"{len(ready)} Services, each with {len(services[0].pods())} pod")

# %% [markdown]
# A Service becomes ready only after it has had a pod once. So each has one now, and it will go away if nobody asks.
#
# > **Question.** With a window of 6 seconds, when will the last of the ten pods be gone: after about 6 seconds, half a minute, or more than a minute?

# %%
waited = [service.wait_scaled_to_zero() for service in services]
print(f"no pod left after {sum(waited):.0f} s")

# %% [markdown]
# More than the window, because three things follow one another: the stable window, a grace period in which the activator gets into the request path, and the pod's own drain, 30 seconds in which it still takes late requests. Lesson 06 measures each part.
#
# A cold start deserves the name only if there is no pod at all, not even a terminating one. Proof:

# %%
leftovers = [pod["metadata"]["name"] for service in services for pod in service.pods()]
leftovers

# %% [markdown]
# > **Question.** Now one request to each Service. On a real cluster the median was 0.98 seconds, of which the container runtime took most. What do you expect here, where a container is a process?
#
# One at a time: ten starts at once would compete for the processors. The first line is for a second run of this cell; it waits until there are no pods again.

# %%
again = [service.wait_scaled_to_zero() for service in services]
cold = [knlab.request(service.url) for service in services]
waits = sorted(answer.wait for answer in cold)
print(f"{sum(answer.ok for answer in cold)} answers, none refused")
print(f"waits from {waits[0]:.3f} s to {waits[-1]:.3f} s")

# %% [markdown]
# The gateway sent each request to the activator, which held it and told the autoscaler that somebody is waiting; the pod started, its readiness was probed, and only then was the request let through. The client saw nothing but a slow answer.

# %% [markdown]
# ## A hundred warm requests
#
# The last Service has a pod now. Every request opens its own connection, as curl did for the article.

# %%
warm = [knlab.request(services[-1].url) for _ in range(knlab.PACE.warm_samples)]
times = knlab.compare(cold=cold, warm=warm)
times

# %% [markdown]
# The table shows medians of each phase. Only the wait differs by orders of magnitude; connecting, sending and reading hardly care whether there is a pod. The ratio in its row is *this machine's* price of a cold start, in units of a warm request:

# %%
wait = times.frame.set_index("what").loc["wait"]
print(f"a cold start costs as much as {wait.ratio:.0f} warm requests")

# %% [markdown]
# In the picture, each request is a stroke on the lower edge. The scale is logarithmic; on a linear one the warm requests would be a single bar at zero.

# %%
times.plot(view="histogram")

# %% [markdown]
# Two humps, far apart, and nothing in between: a request either waits for a pod or it doesn't. The width of the cold hump is the spread of starting a process on a machine that has other things to do; how wide the article's was, its single cold start cannot tell.
#
# Where did the time go? One typical request of each kind, each on a time axis of its own:

# %%
times.plot(view="waterfall")

# %% [markdown]
# ## Why
#
# The waiting request sits in the **activator**. It is in the path whenever a revision has no pods, because the revision's public Kubernetes Service then points to the activator instead. It probes a new pod by itself, without waiting for the kubelet's next probe, and its queue is long enough that even a burst on an idle Service does not fail. See [`throttler.go`](https://github.com/knative/serving/blob/knative-v1.23.0/pkg/activator/net/throttler.go) and [the request path](https://knative.dev/docs/serving/request-flow/).

# %% [markdown]
# ## Check yourself
#
# Every answer must be a success, and a typical cold request should take many times as long as a typical warm one.

# %%
assert not leftovers, f"these were not cold starts: {leftovers}"
assert all(answer.ok for answer in cold + warm), "a request failed: look at cluster.diagnose()"
assert wait.ratio > 3, f"only {wait.ratio:.1f} times: was the machine busy? run the lesson again"

# %% [markdown]
# ## Exercises
#
# 1. How wide is each hump? Compute the interquartile range of the wait.
# 2. Is the first cold start slower than the others? What could be the reason on a real node?
#
# <details><summary>Answers</summary>
#
# ```python
# {name: part.frame["wait"].quantile([0.25, 0.5, 0.75]) for name, part in times.parts}
# ```
#
# ```python
# [round(answer.wait, 3) for answer in cold]
# ```
#
# On a real node the first start may include the pull of the image; all later ones find it on disk. Here there is nothing to pull, but the first process may find the file cache cold.
#
# </details>

# %% [markdown]
# ## Clean up

# %%
all(service.delete() for service in services)

# %% [markdown]
# ## What we saw
#
# * Compare waits, not totals: subtract the phases that have nothing to do with the server.
# * A cold start is a delay, not a failure: the activator holds the request.
# * Cold and warm requests form two separate humps; only several samples show their width.
# * Going to zero takes longer than the window.
#
# Previous: [04 · First Service](04_first_service.ipynb) · Next: [06 · To zero](06_to_zero.ipynb)
