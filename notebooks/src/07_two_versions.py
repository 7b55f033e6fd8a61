# %% [markdown]
# # 07 · Two versions
#
# **What you will do.** You deploy a second version of a Service, split the traffic in halves, and count who answers.
#
# **What you will learn.** What a revision is, how Knative chooses one for each request, and how far a count may be off before something is wrong.
#
# **What you need.** Nothing but this notebook; Knative is installed if it is missing.
#
# **Time.** 15 minutes (of which the machine needs 8 seconds at quick pace).

# %%
import knlab

cluster = knlab.connect()
cluster.ensure_knative()

# %% [markdown]
# ## The first version

# %%
hello = cluster.deploy("hello-07", image=knlab.images.HELLO, env={"TARGET": "Knative"})
hello.wait_ready()
first = hello.latest_revision
first

# %% [markdown]
# Knative numbers revisions: the name of the Service and a counter. A revision is a frozen copy of the template, with everything that can change what the program does: image, variables, limits, scaling. It is never edited, only joined by others. That is what makes going back safe: the old version is not rebuilt from memory, it is still there.

# %% [markdown]
# ## The second, with a split
#
# The article applies the manifest again, with another `TARGET`, a name of its own for the revision, and a section `traffic`:
#
# ```yaml
# spec:
#   template:
#     metadata:
#       name: hello-knative-v2
#   traffic:
#   - latestRevision: true
#     percent: 50
#   - revisionName: hello-00001
#     percent: 50
# ```
#
# `kn` says the same in one line:
#
# ```sh
# kn service update hello --env TARGET="Knative V2" --revision-name hello-knative-v2 \
#   --traffic @latest=50,hello-00001=50
# ```
#
# A name of one's own reads well and has a catch: revisions are frozen, so a second apply with the same name and *another* template is refused. A number would simply be the next one.
#
# Percentages are whole numbers and must add up to 100; lesson 04 showed what happens otherwise. `@latest` means whatever revision became ready last, and moves along when you deploy again.

# %%
split = {"@latest": 50, first: 50}
hello = cluster.deploy(
    "hello-07",
    image=knlab.images.HELLO,
    env={"TARGET": "Knative V2"},
    revision="hello-07-knative-v2",
    traffic=split,
)
hello.wait_ready()

# %% [markdown]
# `kubectl apply` would print `configured`, which only means that the wish was stored. `wait_ready` compares two numbers, the `generation` of what you want and the `observedGeneration` of what the controllers have seen, and looks at conditions only when both agree. The Route switches when the new revision can answer, not before.

# %%
hello.traffic

# %% [markdown]
# ```sh
# kn revisions list
# kubectl get revisions -l serving.knative.dev/service=hello-07
# ```

# %%
hello.show("revisions")

# %% [markdown]
# ## Who answers?
#
# > **Question.** Four hundred requests at 50 %. Will the answers alternate? Will it be exactly 200 each? If not, what would make you suspicious: 210, 230, 260?

# %%
answers = [knlab.request(hello.url) for _ in range(knlab.PACE.split_requests)]
seen = knlab.Split.of(answers, expected={"Hello Knative!": 50, "Hello Knative V2!": 50})
seen

# %% [markdown]
# The interval says where the true share lies with 95 % confidence, judging from this count alone. *p* is the probability that a fair split gives a count at least as far off as ours. A fair coin thrown 400 times lands between 180 and 220 in 95 of 100 cases, so 210 is nothing, 230 is worth another look, and 260 is a fault.

# %%
seen.plot()

# %% [markdown]
# And do they alternate? Count how often the answer *changed* from one request to the next, plus one. Taking turns would give as many runs as requests. A choice by lot gives about half as many.

# %%
seen.runs, len(seen)

# %% [markdown]
# ## Why
#
# The choice is made by the **gateway**, for each request anew, by weights that Knative wrote into the Route. It remembers nothing: neither the client nor the connection nor its last choice. Two consequences follow. A user may see both versions on one page, so versions must get along. And small percentages need many requests before a count means anything.
#
# Each revision is scaled by itself. A version with 1 % of the traffic goes to zero between its requests, and most of what it serves are cold starts. See [traffic splitting](https://knative.dev/docs/serving/traffic-management/) and the rules in [`route_validation.go`](https://github.com/knative/serving/blob/knative-v1.23.0/pkg/apis/serving/v1/route_validation.go).

# %% [markdown]
# ## A door of its own
#
# For a test of one version, a *tag* gives it a host name outside the split.
#
# ```sh
# kn service update hello-07 --tag hello-07-00001=old
# ```

# %%
hello.split(split, tags={"old": first})
hello.wait_ready()
hello.tag_urls

# %%
old = {knlab.request(hello.tag_urls["old"]).text.strip() for _ in range(20)}
old

# %% [markdown]
# Twenty requests, one voice. Tags are how people try a version before it gets any traffic: deploy it with 0 % and a tag, look at it, then move the percentages.
#
# ## A trap in the article
#
# The article's next manifest, for version 3, has no `traffic` section.
#
# > **Question.** After it is applied, does the split stay as it is, does version 3 join it, or is the split gone?

# %%
cluster.deploy("hello-07", image=knlab.images.HELLO, env={"TARGET": "Knative V3"})
hello.wait_ready()
hello.traffic

# %% [markdown]
# It is gone: *no* traffic section means *everything to the latest*. `apply` removes what the last manifest set and the new one leaves out. A canary ends that way when somebody deploys from an older file; the split belongs in the manifest, or in nobody's.

# %% [markdown]
# ## Check yourself

# %%
assert all(answer.ok for answer in answers), "a request failed: look at cluster.diagnose()"
assert set(seen.counts) == {"Hello Knative!", "Hello Knative V2!"}, f"also answered: {seen.counts}"
assert seen.p_value > 1e-6, f"this is no fair split: {seen.counts}"
assert old == {"Hello Knative!"}, f"the tag leads to others too: {old}"

# %% [markdown]
# ## Exercises
#
# 1. Give the first version 10 % and count again. How many requests do you need until the interval no longer contains 20 %?
# 2. What does the cluster say to a revision that does not exist?
#
# <details><summary>Answers</summary>
#
# ```python
# hello.split({"@latest": 90, first: 10}).wait_ready()
# more = [knlab.request(hello.url) for _ in range(100)]
# knlab.Split.of(more, expected={"Hello Knative!": 10, "Hello Knative V3!": 90})
# ```
#
# About one hundred are enough: the interval of 10 in 100 is 5.5 % to 17.4 %.
#
# ```python
# hello.split({"@latest": 50, "hello-07-99999": 50})
# cluster.attempt(lambda: hello.wait_ready(timeout="10s"))
# ```
#
# It is stored, and the Route says `RevisionMissing`: the world might still change. Old traffic goes on meanwhile.
#
# </details>

# %% [markdown]
# ## Clean up

# %%
hello.delete()

# %% [markdown]
# ## What we saw
#
# * Every change of the template is a new, frozen revision.
# * The gateway draws lots for each request; counts scatter around the split as theory says.
# * Tags give a revision its own address.
# * A manifest without `traffic` takes a split away.
#
# Previous: [06 · To zero](06_to_zero.ipynb) · Next: [08 · Bounds and load](08_bounds_and_load.ipynb)
