# %% [markdown]
# # 10 · Clean up
#
# **What you will do.** You find out what the course left behind, delete it, and see what stays.
#
# **What you will learn.** How deleting cascades in Kubernetes, which revisions keep pods alive, and how to stop everything.
#
# **What you need.** Nothing but this notebook; Knative is installed if it is missing.
#
# **Time.** 5 minutes (of which the machine needs 5 seconds at quick pace).

# %%
import knlab

cluster = knlab.connect()
cluster.ensure_knative()

# %% [markdown]
# ## Something to clean
#
# The article ends without cleaning up, but with a warning: a `minScale` above zero keeps *every* revision running, so don't forget old versions. We make such a case: a Service with a minimum of one pod, and a second version of it.

# %%
relic = cluster.deploy("relic-10", image=knlab.images.HELLO, env={"TARGET": "old"}, min_scale=1)
relic.wait_ready()
relic.update(env={"TARGET": "new"}).wait_ready()
relic.show("revisions")

# %% [markdown]
# > **Question.** Two revisions, each with `min-scale: 1` in its annotations. Will the old one keep its pod for ever, as the article says?

# %%
cluster.show("revisions", labels="serving.knative.dev/routingState=reserve")

# %% [markdown]
# Not since 2019. A minimum counts only while a revision can be *reached*: the old one lost its share of the traffic, its routing state changed from `active` to `reserve`, and for the autoscaler its minimum is now zero. It scales down after its stable window, like any idle revision. A revision that a Route names, even with 0 % and a tag, is reachable and does keep its minimum. That is what the warning should say.
#
# The rule is `ScaleBounds` in [`pa_lifecycle.go`](https://github.com/knative/serving/blob/knative-v1.23.0/pkg/apis/autoscaling/v1alpha1/pa_lifecycle.go). Old revisions themselves are deleted by Knative's garbage collection: by default not before they are 48 hours old, nor within 15 hours of their last use, and never the newest 20.

# %%
relic.graph().frame.groupby("kind").size()

# %% [markdown]
# ## What the course left behind
#
# Everything that knlab deploys carries the label `app.kubernetes.io/managed-by: knlab`, so it can be told from what you made yourself. Nothing is deleted before you have seen the list.
#
# ```sh
# kubectl get ksvc -l app.kubernetes.io/managed-by=knlab
# ```

# %%
plan = cluster.clean_up()
plan

# %% [markdown]
# > **Question.** One `delete` for each Service. Who deletes the Deployments, PodAutoscalers and Ingresses below?

# %%
cluster.clean_up(dry_run=False)

# %% [markdown]
# Owners take what they own along. Kubernetes' garbage collector looks for objects whose owner is gone, and it finds them generation by generation: Configuration and Route, then the Revision, then Deployment and PodAutoscaler, finally the pods.

# %%
cluster.show("ksvc")

# %% [markdown]
# The Services are gone at once. And the pods?

# %%
cluster.show("pods")

# %% [markdown]
# Pods drain for 30 seconds, as in lesson 06, so some may still be listed, those of earlier lessons too. Nobody has to wait for them. A new Service of the same name would get pods of its own.

# %% [markdown]
# ## What stays
#
# Knative itself, and the settings of lesson 03.

# %%
cluster.configuration("config-domain"), cluster.configuration("config-network")

# %% [markdown]
# To remove those as well, in a terminal:
#
# ```sh
# knlab down       # stop the cluster; its objects are kept for the next `knlab up`
# knlab reset      # stop it and forget everything
# ```
#
# On a real cluster: `kubectl delete -f` with the three files of lesson 02 in reverse order, stop `minikube tunnel`, and `minikube delete`. A tunnel that was killed may leave routes behind; `minikube tunnel --cleanup` removes them.

# %% [markdown]
# ## Check yourself

# %%
left = cluster.clean_up()
assert left.services == (), f"still there: {left.services}"
assert "relic-10" in plan.services, "the relic was not in the list: was its label removed?"
assert cluster.diagnose().findings == (), "something is not ready: cluster.diagnose()"

# %% [markdown]
# ## Exercise
#
# Remove the course's settings, too, and put them back.
#
# <details><summary>Answer</summary>
#
# ```python
# domain = cluster.domain
# cluster.configure("config-domain", {domain: None})
# cluster.configure("config-network", {"ingress-class": None})
# ```
#
# Every URL of a Service would now be private again. `ensure_knative` notices that no domain is set and makes both settings:
#
# ```python
# cluster.ensure_knative()
# ```
#
# </details>

# %% [markdown]
# ## Clean up
#
# This lesson cleaned up after itself and after all others.
#
# ## What we saw
#
# * Labels say who made an object, owners say who takes it along.
# * An old revision gives up its minimum when no Route names it.
# * Deleting is quick; draining takes its 30 seconds in the background.
#
# You have now done everything that the article does, and measured it. Previous: [09 · What the numbers say](09_what_the_numbers_say.ipynb) · The beginning: [00 · Preflight](00_preflight.ipynb)
