# %% [markdown]
# # 02 · Install Knative
#
# **What you will do.** You see a deployment fail on a cluster without Knative, install Knative Serving and Kourier, and watch the components come up.
#
# **What you will learn.** What an installation consists of, what each component is for, and why today's list of pods differs from the article's.
#
# **What you need.** Lesson 01 is helpful, not required.
#
# **Time.** 10 minutes (of which the machine needs 6 seconds at quick pace).

# %%
import knlab

cluster = knlab.connect()
cluster

# %% [markdown]
# ## Too early
#
# > **Question.** We deploy a Knative Service before Knative is installed. Who will complain: knlab, the API server, or nobody, with an object that never comes to life?

# %%
too_early = cluster.attempt(lambda: cluster.deploy("hello-02", image=knlab.images.HELLO))
too_early

# %% [markdown]
# On a fresh cluster the answer is `no matches for kind "Service" in version "serving.knative.dev/v1"`, the very words of `kubectl apply`. The server does not store what it has no definition for. If it says *accepted*, Knative is here already because another lesson installed it; everything below works all the same, since an installation can be repeated.

# %% [markdown]
# ## The article's step
#
# The article applies three files and waits after each. The addresses have changed since: releases up to 0.26 were called `v0.26.0`; since 1.0 the tag begins with `knative-`, and net-kourier moved to another organisation.
#
# ```sh
# # 2021
# kubectl apply -f https://github.com/knative/serving/releases/download/v0.26.0/serving-crds.yaml
# # today
# V=knative-v1.23.0
# kubectl apply -f https://github.com/knative/serving/releases/download/$V/serving-crds.yaml
# kubectl wait --for=condition=Established --all crd --timeout=60s
# kubectl apply -f https://github.com/knative/serving/releases/download/$V/serving-core.yaml
# kubectl apply -f https://github.com/knative-extensions/net-kourier/releases/download/$V/kourier.yaml
# kubectl wait deployment --all --for=condition=Available -n knative-serving --timeout=5m
# ```
#
# Note the waits. The article writes `kubectl wait pod --timeout=-1s … > /dev/null`. To kubectl, a negative timeout means *one week*, the output that would tell you more is thrown away, and a selector that finds no pod yet fails at once. Waiting for Deployments with a deadline avoids all three.
#
# `install` does the same from Python, with manifests that ship with knlab.
#
# > **Question.** How many objects will be applied: about 5, about 50, or about 500?

# %%
done = cluster.install()
done

# %% [markdown]
# The stages are the article's: definitions of the new kinds, the core, the ingress, and finally an external address. *new* counts objects that did not exist before. Run the cell again: nothing is new, and nothing breaks, because applying says what should be and not what to do.

# %%
done.frame.set_index("kind").nlargest(8, "objects")

# %% [markdown]
# Most are *definitions, permissions and settings*. The Deployments, the parts that run, are a handful:

# %%
applied = dict(done.kinds)
print(f"{applied['Deployment']} of {sum(applied.values())} objects are Deployments")

# %% [markdown]
# ## What runs now
#
# The article prints six pods of `knative-serving`. Today there are five.
#
# > **Question.** Software rarely loses parts. Where could two of the article's components have gone?
#
# ```sh
# kubectl get pods -n knative-serving
# ```

# %%
cluster.show("pods", namespace="knative-serving")

# %% [markdown]
# The next table puts the article's list beside ours and gives the reason for each difference; lessons 05 to 08 show the components at work.

# %%
components = cluster.components()
components

# %% [markdown]
# `domain-mapping` and its webhook were merged into `controller` and `webhook` in Knative 1.11: fewer processes, same function. The gateway lives in a namespace of its own, `kourier-system`; it is the only component that all requests pass through.

# %% [markdown]
# ## The same deployment again
#
# Nothing about the Service has changed, only the cluster has learned what a Service is.

# %%
hello = cluster.deploy("hello-02", image=knlab.images.HELLO)
hello

# %% [markdown]
# Accepted. Whether it also becomes *ready* depends on one more thing: a Route needs to know which ingress takes care of it and under which domain. That is the next lesson. Until then, the reason that the Service gives for not being ready is an honest description of what is missing.

# %%
hello.conditions

# %% [markdown]
# ## They are alive
#
# A pod that says `Running` may still do nothing. Its log is the simplest proof of life, and the first thing to read when something fails. The controller has just been given work:
#
# ```sh
# kubectl logs -n knative-serving deployment/controller --tail=6
# ```

# %%
print(cluster.logs("deployment/controller", namespace="knative-serving", tail=6))

# %% [markdown]
# ## Check yourself
#
# All five of Knative 1.23's components and the gateway must be ready.

# %% tags=["nbval-check-output"]
sorted(components.ready)

# %%
wanted = {"activator", "autoscaler", "controller", "net-kourier-controller", "webhook"}
missing = wanted - set(components.ready)
assert not missing, f"not ready: {missing}; cluster.diagnose() says why"

# %% [markdown]
# ## Exercises
#
# 1. Delete the pod of the activator, and list the pods again. What happens, and how long does it take? Who noticed?
# 2. The webhook checks every Service. What would happen to a deployment while its pod is gone?
#
# <details><summary>Answers</summary>
#
# ```python
# cluster.delete_pods("activator", namespace="knative-serving")
# cluster.show("pods", namespace="knative-serving", labels="app=activator")
# ```
#
# A new pod with another name appears at once: the Deployment says that there should be one, its ReplicaSet counts, and makes up the difference. Nobody had to be told; the count was wrong.
#
# While the webhook is away, the API server cannot ask it, and refuses: `failed calling webhook`. Knative chose to refuse rather than to store objects that nobody has checked.
#
# </details>

# %% [markdown]
# ## Clean up
#
# Knative stays, all following lessons use it. Only our trial Service goes.

# %%
hello.delete()

# %% [markdown]
# ## What we saw
#
# * Without definitions there is no kind; the server says so and stores nothing.
# * An installation is a few files of declarations; repeating it is harmless.
# * Five components in `knative-serving` today, six in the article: two were merged, one was not listed.
# * Wait for Deployments, with a deadline, and read logs when in doubt.
#
# Previous: [01 · A cluster](01_a_cluster.ipynb) · Next: [03 · Reach it](03_reach_it.ipynb)
