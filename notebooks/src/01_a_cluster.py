# %% [markdown]
# # 01 · A cluster
#
# **What you will do.** You start a Kubernetes cluster and look around in it: its node, its namespaces, its pods.
#
# **What you will learn.** What a cluster is from the outside, what Kubernetes knows before anybody installs Knative, and how a table in this course relates to `kubectl`.
#
# **What you need.** Lesson 00, or just Python with knlab installed.
#
# **Time.** 5 minutes (of which the machine needs 4 seconds at quick pace).

# %% [markdown]
# ## The article's step
#
# The article starts minikube. Behind a slow network that took it several lines: a mirror for minikube's own images, a proxy for the node's container runtime, and a list of addresses that must not go through the proxy.
#
# ```sh
# minikube start \
#   --image-mirror-country cn \
#   --image-repository registry.cn-hangzhou.aliyuncs.com/google_containers \
#   --docker-env http_proxy=http://YOUR_IP:1080 \
#   --docker-env no_proxy=localhost,127.0.0.1,10.96.0.0/12,192.168.39.0/24
# ```
#
# Two kinds of proxy settings are easy to confuse. `export http_proxy=…` helps *your* programs, `--docker-env` helps the *node* that pulls images. A pod stuck in `ImagePullBackOff` usually lacks the second.
#
# The embedded cluster pulls nothing. In a terminal you start it with:
#
# ```sh
# knlab up
# ```
#
# In Python, `connect` finds or starts one.
#
# > **Question.** minikube needs one to three minutes. How long do you think this cell takes?

# %%
import knlab

cluster = knlab.connect()
cluster

# %% [markdown]
# The table names the *world* of this cluster. Every result carries that word along, so that you never mistake a number from the embedded cluster for one from a real one. `KNLAB_CLUSTER=kubeconfig` would make the same line use your kubeconfig.

# %%
version = cluster.api.version()
release, _, maker = version.partition("+")
cluster.world, release, maker

# %% [markdown]
# Clients such as `kubectl` decide by version what they may ask for, so it must be a true one; the suffix says who implements it.

# %% [markdown]
# ## Nodes
#
# What `kubectl get nodes` prints is made by the API server; kubectl only sets it in columns. The course asks for the same table. Above it stands the command.
#
# ```sh
# export KUBECONFIG=$(knlab kubeconfig)
# kubectl get nodes
# ```

# %%
cluster.show("nodes")

# %% [markdown]
# One node, as with minikube. A *node* is a machine that runs pods; an agent on it, the kubelet, starts containers and probes them. In this world a container is a process. Starting, probing, draining and killing follow the same rules.

# %% [markdown]
# ## Namespaces
#
# A namespace keeps names apart: two teams may both have a Service called `hello`. Kubernetes starts with four.
#
# > **Question.** Lesson 02 installs Knative and Kourier. How many namespaces will be added, and what might they be called?

# %%
namespaces = cluster.show("namespaces")
namespaces

# %% [markdown]
# `default` is for you, `kube-system` for Kubernetes itself, `kube-public` for what everybody may read, and `kube-node-lease` for heartbeats of nodes. Who has run lesson 02 already sees the answer here.

# %%
added = set(namespaces.frame.NAME) - {"default", "kube-system", "kube-public", "kube-node-lease"}
added or "nothing yet: only what Kubernetes starts with"

# %% [markdown]
# The two will be `knative-serving` and `kourier-system`.

# %% [markdown]
# ## Pods
#
# A *pod* is the smallest thing that Kubernetes starts: one or more containers that share an address. A new minikube has half a dozen in `kube-system`: the API server, etcd, DNS. Here those parts live inside one process.
#
# ```sh
# kubectl get pods -A
# ```

# %%
pods = cluster.show("pods", namespace=None)
print(f"{len(pods)} pods in all namespaces")

# %% [markdown]
# ## What Kubernetes does not know
#
# Knative adds its own kinds of objects to Kubernetes. The most important is called *Service* too, a `ksvc` in short, and it is not the Service that Kubernetes brings along.
#
# > **Question.** What does a Kubernetes without Knative answer to `kubectl get ksvc`: an empty list, or an error?
#
# `attempt` runs something that may be refused, and makes the answer a result that we can look at.

# %%
asked = cluster.attempt(lambda: cluster.show("ksvc"))
asked

# %% [markdown]
# Without Knative the answer is a refusal: *no matches for kind*. Kubernetes learns a new kind from a *CustomResourceDefinition*; without one the kind does not exist, which differs from existing without objects. If the attempt was accepted, Knative is installed here already.
#
# One pattern runs through the course: Kubernetes stores *what should be*, and controllers that watch it make it so.

# %% [markdown]
# ## Check yourself
#
# The node must be ready before any pod can run on it.

# %%
nodes = cluster.show("nodes").frame
assert set(nodes.STATUS) == {"Ready"}, "a node is not ready: cluster.diagnose() looks for the cause"
assert "default" in set(cluster.show("namespaces").frame.NAME), "every Kubernetes has `default`"

# %% [markdown]
# ## Exercises
#
# 1. Which address does the API server have, and why can nobody on your network reach it?
# 2. Show the wide form of the nodes table. Which column tells you what runs the containers?
#
# <details><summary>Answers</summary>
#
# ```python
# cluster.api.server      # https://127.0.0.1:PORT: loopback only, TLS, and a token is needed
# ```
#
# ```python
# cluster.show("nodes", wide=True)      # CONTAINER-RUNTIME
# ```
#
# </details>

# %% [markdown]
# ## Clean up
#
# This lesson made no objects. The cluster stays up for the next lessons; `knlab down` in a terminal stops it and keeps its objects, `knlab reset` forgets them.

# %%
assert cluster.diagnose().findings == (), "something is not ready; look at cluster.diagnose()"

# %% [markdown]
# ## What we saw
#
# * A cluster is an address and a set of credentials; `connect` finds or starts one.
# * The tables of this course are the server's own, the ones `kubectl` prints.
# * Kubernetes refuses kinds that nobody has defined. Knative defines its own.
#
# Previous: [00 · Preflight](00_preflight.ipynb) · Next: [02 · Install Knative](02_install_knative.ipynb)
