# %% [markdown]
# # 09 · What the numbers say
#
# **What you will do.** You put the article's printed numbers beside your own and find five things that they hide.
#
# **What you will learn.** How to question a measurement: what was timed, what was counted, and what the tool did not print.
#
# **What you need.** Nothing but this notebook; Knative is installed if it is missing.
#
# **Time.** 15 minutes (of which the machine needs 20 seconds at quick pace).

# %%
import knlab

cluster = knlab.connect()
cluster.ensure_knative()
article = knlab.article

# %% [markdown]
# ## Our own data
#
# We need a cold request, a few warm ones and a load test. To have a cold start without waiting for a minute, we let a Service begin at zero: `initial-scale: 0` must first be allowed for the cluster.
#
# ```sh
# kubectl patch configmap config-autoscaler -n knative-serving --type merge \
#   --patch '{"data":{"allow-zero-initial-scale":"true"}}'
# ```

# %%
allowed = cluster.configure("config-autoscaler", {"allow-zero-initial-scale": "true"})
window = knlab.PACE.window
sleeper = cluster.deploy("sleeper-09", image=knlab.images.HELLO, initial_scale=0, window=window)
sleeper.wait_ready()
len(sleeper.pods())

# %% [markdown]
# Ready without a pod, because nobody asked for one. While it sleeps, the article's load test on another Service, with the article's settings:

# %%
bounds = {"min_scale": 1, "max_scale": 5, "target": 1}
hello = cluster.deploy("hello-09", image=knlab.images.HELLO, env={"TARGET": "Knative V3"}, **bounds)
hello.wait_ready()
run = knlab.load(hello.url, duration=knlab.PACE.load_duration, concurrency=50)
run

# %% [markdown]
# Now the sleeper. Its first request meets no pod, all others do. (The first line does nothing, unless you run the cell again.)

# %%
sleeper.wait_scaled_to_zero()
cold = knlab.request(sleeper.url)
warm = [knlab.request(sleeper.url) for _ in range(knlab.PACE.warm_samples)]
cold

# %% [markdown]
# Slower than the cold starts of lesson 05? Two seconds are possible here. The autoscaler is woken at once by a request for a revision that it has *scaled* to zero. About one that never ran it has not decided anything yet, and the request waits for the next regular decision, up to two seconds away. Keep that in mind: what is called a *cold start* may contain more than a start.

# %% [markdown]
# ## 1 · Ten times, or a thousand times?
#
# The article's cold request took 1.97 s and its warm one 0.20 s by `time_total`.
#
# > **Question.** What share of the warm request's time was spent by Knative?

# %%
import pandas as pd

pd.DataFrame({"cold": article.COLD.phases, "warm": article.WARM.phases}).mul(1000).round(2)

# %% [markdown]
# In milliseconds. Of the warm request's 197 ms, 195 are `namelookup`: a public DNS server was asked for `nip.io`. The server's part is 1.8 ms. Now the ratios, by total and by wait, for the article and for us:

# %%
ours = knlab.compare(cold=cold, warm=warm).frame.set_index("what").ratio
theirs = knlab.compare(cold=article.COLD, warm=article.WARM).frame.set_index("what").ratio
ratios = pd.DataFrame({"article": theirs, "ours": ours}).loc[["wait", "total"]].round(1)
ratios

# %% [markdown]
# For the article the two rows differ by a factor of a hundred: its warm request was not ten but 1,086 times faster than its cold one. For us they differ by little, because our requests looked up no name. What is left of the difference is the connection, which takes about as long as a warm answer.
#
# The lesson is not about DNS. It is to say what is in a number before you divide by it. A total contains everything that happened to be on the way, and a ratio of totals compares the ways.

# %% [markdown]
# ## 2 · Whose fault is the tail?
#
# The article's slowest bucket holds 50 requests of about 2.17 s, and one is tempted to read *cold starts*.
#
# > **Question.** There were fifty connections and fifty slow requests. Coincidence?

# %%
details = {each.name: each for each in article.LOAD_TEST.details}
lookups = details["DNS-lookup"].average * article.LOAD_TEST.requests / 50
longest = {name: each.slowest for name, each in details.items()}
print(f"one look-up took {lookups:.2f} s on average, the longest {longest['DNS-lookup']:.2f} s")
print(f"the longest wait for the server was {longest['resp wait']:.2f} s")

# %% [markdown]
# hey spreads 50 look-ups, one for each connection, over all 42,395 requests when it prints an average. Undo that, and a look-up took two seconds, while no request waited more than 0.3 s for the server. The tail is `nip.io`, not the autoscaler. Fifty users, fifty connections, fifty look-ups, all at the very start: no coincidence at all.
#
# In our own run every request has its phases. Here are the fifty slowest, by what they spent their time on:

# %%
slowest = run.frame.nlargest(50, "total")
server = slowest.starttransfer - slowest.pretransfer
spent = pd.Series({"look-up": slowest.namelookup.sum(), "server": server.sum()})
spent / slowest.total.sum()

# %% [markdown]
# Our tail is the server's: pods that started while others had to work for fifty users, or a processor that had to be shared. The same shape on paper, another cause. A histogram of totals cannot tell them apart; only phases can, and only if somebody kept them for each request.

# %% [markdown]
# ## 3 · A line that cannot be true
#
# > **Question.** The article's output says that `DNS+dialup` took 2.1715 s at most. Which other line has that number, and how likely is that?
#
# `doubts` reads a report as a sceptic would.

# %%
from knlab.measure.hey import doubts

doubts(article.LOAD_TEST)

# %% [markdown]
# The same questions for ours:

# %%
doubts(run.summary)

# %% [markdown]
# The first doubt is a printing error of hey up to v0.1.4: it puts the whole request's fastest and slowest into the line for dialling. It was reported and fixed, but after the last release, so most people still run it. An empty answer for our run means that none of these rules was violated, no more.
#
# Such rules are cheap. Parts should not exceed the whole, two lines should not agree to four digits by chance, and sums that ought to match should match. The self-check at the end of this lesson has some more.

# %% [markdown]
# ## 4 · The last percentile
#
# hey stops at 99 %. The article's p99 is 110 ms.
#
# > **Question.** 50 of 42,395 requests took about two seconds. What is the p99.9?

# %%
hidden = 50 / article.LOAD_TEST.requests
print(f"{hidden:.3%} of the requests are in the last bucket; p99.9 leaves out {0.001:.3%}")

# %% [markdown]
# More than a thousandth, so p99.9 is about *two seconds*, twenty times p99. A page that makes a hundred requests meets such a one every tenth time, so *rare* is not the word for it. This is what our run looks like on a scale where every nine is one step:

# %%
run.plot(view="percentiles")

# %% [markdown]
# ## 5 · Five pods, as configured?
#
# The article sees five pods and says that the settings work.
#
# > **Question.** What would have been different with `max-scale: 4`, or 50, or without the line?
#
# The rule of lesson 08, now computed by the function that the embedded autoscaler itself uses:

# %% tags=["nbval-check-output"]
from knlab.kpa.spec import AutoscalerConfig
from knlab.kpa.target import resolve

told = resolve(article.SETTINGS, AutoscalerConfig())
target = told.decider.target
target, -int(-article.LOAD_CONCURRENCY // target), told.bounds.maximum

# %% [markdown]
# The old spelling of the annotations is understood here as on a real cluster. The load wanted 72 pods and was *clipped* to five: not the load decided, but the bound. With `max-scale: 4` there would have been four pods, with 50 fifty, and without the line all 72, as far as the node has room.
#
# Utilization, the 70 % in it, is nowhere in the article's manifest; it is a default. Each setting knows where it came from:

# %%
pd.Series(told.origins, name="comes from").to_frame().head(8)

# %% [markdown]
# ## Ours beside the article's

# %%
run.compare(article.LOAD_TEST)

# %% [markdown]
# `verdict` says how far apart two numbers are: *alike* within a quarter, *near* within a factor of two, *apart* beyond. It does not say who is better; a laptop of 2021, minikube and Envoy in between, and your machine with an embedded cluster are different worlds. What compares well is inside one world: cold against warm, p99 against p50, one setting against another.

# %%
run.compare(article.LOAD_TEST).plot()

# %% [markdown]
# ## Check yourself
#
# The article's numbers agree with each other, and ours do.

# %%
summary = article.LOAD_TEST
counted = round(summary.requests_per_second * summary.total)
assert counted == summary.requests, f"rate times time gives {counted} requests"
for each, tolerance in ((summary, 0.01), (run.summary, 0.1)):
    users = each.requests_per_second * each.average
    assert abs(users / 50 - 1) < tolerance, f"Little's law gives {users:.1f} users, not 50"
assert cold.ok, f"the cold request failed: {cold.text}"
assert run.summary.failed == 0, f"requests failed: {run.summary.errors}"
assert ratios.ours["wait"] > 2, "cold was not slower than warm: had sleeper-09 a pod already?"

# %% [markdown]
# ## Exercises
#
# 1. The article cut hey's *Status code distribution*. Why does that matter, and what does ours say?
# 2. Compute the article's mean DNS+dial-up from two of its other averages.
#
# <details><summary>Answers</summary>
#
# ```python
# run.summary.status
# ```
#
# hey counts a fast error as a fast request. Without the distribution, success is unproven.
#
# ```python
# details = {each.name: each.average for each in article.LOAD_TEST.details}
# article.LOAD_TEST.average - details["resp wait"]
# ```
#
# 35.3 − 32.9 = 2.4 ms, which is the line's average. So the average is right, only its neighbours are wrong.
#
# </details>

# %% [markdown]
# ## Clean up
#
# The setting goes back to what it was.

# %%
cluster.configure("config-autoscaler", {"allow-zero-initial-scale": None})
hello.delete(), sleeper.delete()

# %% [markdown]
# ## What we saw
#
# * A ratio of totals may be a ratio of look-ups.
# * Only phases tell whose fault a tail is.
# * Tools have errors, and the last percentile is where they stop, not where the trouble does.
# * A number of pods may be the load's or the bound's.
#
# Previous: [08 · Bounds and load](08_bounds_and_load.ipynb) · Next: [10 · Clean up](10_clean_up.ipynb)
