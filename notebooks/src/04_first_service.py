# %% [markdown]
# # 04 · First Service
#
# **What you will do.** You deploy the article's hello world, watch it become ready, and look at everything that Knative made out of it.
#
# **What you will learn.** What a Service is made of, how to read its conditions, and what the cluster says when you ask for something impossible.
#
# **What you need.** Nothing but this notebook; Knative is installed if it is missing.
#
# **Time.** 15 minutes (of which the machine needs 8 seconds at quick pace).

# %%
import knlab

cluster = knlab.connect()
cluster.ensure_knative()

# %% [markdown]
# ## Three spellings of one wish
#
# The article pipes a manifest into `kubectl apply`. The same Service as a `kn` command is one line:
#
# ```sh
# kn service create hello-04 --image ghcr.io/knative/helloworld-go --port 8080 --env TARGET=Knative
# ```
#
# And in Python, with the same words:

# %%
hello = cluster.deploy("hello-04", image=knlab.images.HELLO, port=8080, env={"TARGET": "Knative"})
print(hello.manifest)

# %% [markdown]
# What you see is the manifest that this line produced, ready for `kubectl apply -f -`. The label is ours, so that lesson 10 can find what the course left behind. It says only what you want; everything else is filled in by the cluster.
#
# > **Question.** The template above names an image, a port and one variable. Which further settings will the stored object have?

# %%
hello.object["spec"]["template"]["spec"]

# %% [markdown]
# The webhook has been at work. `containerConcurrency: 0` means that a pod takes any number of requests at once, and `timeoutSeconds: 300` is how long one may take. A readiness probe without a port is a note to Knative: probe whatever port the container listens on. `kubectl get -o yaml` shows the same.

# %% [markdown]
# ## Becoming ready
#
# ```sh
# kubectl wait ksvc hello-04 --for=condition=Ready --timeout=2m
# ```
#
# The article waits with `--all --timeout=-1s`, which would also wait for everybody else's Services, for a week.
#
# > **Question.** Ready means: a pod has started, a route leads to it, and the gateway has confirmed the route. Which of these takes longest?

# %%
hello.wait_ready()

# %% [markdown]
# Each line is a moment at which the Service gave a different reason for not being ready yet; the last line says when it was. A single line means that it was ready before we began to watch. On the real cluster that this course was checked against, the way from create to Ready took 1.4 to 2.0 seconds; there, a container runtime has to set up a container.

# %%
hello.conditions

# %% [markdown]
# A condition is a sentence with a truth value and a date. `Ready` sums up the other two: `ConfigurationsReady` (there is a working revision) and `RoutesReady` (requests get to it). When something fails, read the message of the one that is `False`; it is written for you.

# %% [markdown]
# ## The first request
#
# ```sh
# SERVICE_URL=$(kubectl get ksvc hello-04 -o jsonpath='{.status.url}')
# curl $SERVICE_URL
# ```

# %%
answer = knlab.request(hello.url)
print(answer.status, answer.text)

# %% [markdown]
# ## What Knative made of it
#
# You asked for one object.
#
# > **Question.** How many objects exist now because of it?

# %%
family = hello.graph()
print(f"{len(family)} objects, {family.frame.kind.nunique()} kinds")
family

# %% [markdown]
# Each object names its *owner*, and that is how this picture was drawn; nothing in it is an illustration. Read it from the top. A **Configuration** is what you want to run, a **Route** is who gets there. Every change of the template makes a **Revision**, a frozen copy. A Revision owns a **Deployment**, which makes pods as everywhere in Kubernetes, and a **PodAutoscaler** that decides how many.
#
# The **ServerlessService** is Knative's trick. It stands for two Kubernetes Services: a private one that always means the pods, and a public one that means the pods *or* the activator. Lesson 06 shows it changing sides. Deleting the Service deletes them all: owners take what they own with them.

# %%
family.frame.groupby("group").size()

# %% [markdown]
# ## Asking for the impossible
#
# Errors are part of the interface, and it is better to meet them here than on a bad day. First, an image that does not exist.
#
# > **Question.** Will the cluster refuse it at once, or take the object and fail later?

# %%
broken = cluster.deploy("broken-04", image="ghcr.io/knative/no-such-image")
unknown_image = cluster.attempt(lambda: broken.wait_ready(timeout="1m"))
unknown_image

# %% [markdown]
# It took the object. Whether an image exists is not a property of the manifest; it turns out when the controller asks the registry for the digest. The condition then carries the registry's words. `diagnose` looks at everything in the cluster that is not ready, and adds a cause and a remedy.

# %%
cluster.diagnose()

# %% [markdown]
# The article met the same failure as `ImagePullBackOff`, hidden behind a wait that never ends. Next, percentages that do not add up:

# %%
shares = {"@latest": 50, "hello-04-00001": 40}
ninety = cluster.attempt(
    lambda: cluster.deploy("split-04", image=knlab.images.HELLO, traffic=shares)
)
ninety

# %% [markdown]
# This time the refusal came at once and nothing was stored: it can be seen in the manifest alone, so the webhook checks it. The message names the field. The same goes for names that DNS could not carry:

# %%
cluster.attempt(lambda: cluster.deploy("Hello_04", image=knlab.images.HELLO))

# %% [markdown]
# The rule behind all three: what is wrong *in the object* is refused when you send it; what is wrong *in the world* becomes a condition later. A pipeline that only looks at the exit code of `kubectl apply` sees half of the failures. [Configuration and validation of Services](https://knative.dev/docs/serving/services/) has more.

# %% [markdown]
# ## Check yourself
#
# Your Service answers, and the impossible one says why it does not.

# %%
assert answer.text.strip() == "Hello Knative!", f"unexpected answer: {answer.text!r}"
kinds = set(family.frame.kind)
assert {"Configuration", "Route", "Revision", "PodAutoscaler"} <= kinds, f"only {kinds}"
assert "Unable to fetch image" in unknown_image.message, f"it said: {unknown_image.message}"
assert "sum to 90, want 100" in ninety.message, f"it said: {ninety.message}"

# %% [markdown]
# ## Exercises
#
# 1. Which pod answered, and what are its two containers called?
# 2. Change `TARGET` to your name. How many revisions are there afterwards, and does the old one still exist?
#
# <details><summary>Answers</summary>
#
# ```python
# [[c["name"] for c in pod["spec"]["containers"]] for pod in hello.pods()]
# ```
#
# `user-container` is your program, `queue-proxy` stands in front of it: it counts and limits requests.
#
# ```python
# hello.update(env={"TARGET": "Reader"}).wait_ready()
# hello.show("revisions")
# ```
#
# Two. A revision never changes, and old ones stay so that you can go back (lesson 07).
#
# </details>

# %% [markdown]
# ## Clean up

# %%
broken.delete()
hello.delete()

# %% [markdown]
# ## What we saw
#
# * Manifest, `kn` and Python say the same; the cluster fills in the rest.
# * Conditions tell how far a Service is, in words.
# * One Service is a dozen objects, tied together by owner references.
# * Bad objects are refused at once, bad circumstances become conditions.
#
# Previous: [03 · Reach it](03_reach_it.ipynb) · Next: [05 · Cold and warm](05_cold_and_warm.ipynb)
