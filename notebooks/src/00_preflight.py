# %% [markdown]
# # 00 · Preflight
#
# **What you will do.** You look at what this machine offers for the course, without changing anything on it.
#
# **What you will learn.** Which of the article's tools are needed, which only add comfort, and what the two paces of the course are.
#
# **What you need.** Python 3.11 or newer with knlab installed. No Docker, no `kubectl`, no root, no internet.
#
# **Time.** 5 minutes (of which the machine needs 3 seconds at quick pace).

# %% [markdown]
# ## The article's first step
#
# The article begins with a list: *confirm that kind or minikube, kubectl and kn are installed*. A person would check:
#
# ```sh
# minikube version
# kubectl version --client
# kn version
# ```
#
# This course needs none of them: `knlab` brings an embedded cluster, a single process that speaks the real Kubernetes API and behaves like Knative Serving v1.23.
#
# > **Question.** Which of these tools do you expect to find on this machine?

# %%
import knlab

here = knlab.preflight()
here

# %% [markdown]
# *loopback* deserves a word. On Linux the whole block 127.0.0.0/8 belongs to your machine, so each pod of the embedded cluster gets an address of its own. macOS has only 127.0.0.1; there, pods share it and differ by port.

# %%
missing = [check.name for check in here.checks if check.verdict == "missing"]
print(f"{len(missing)} programs are not here: {', '.join(missing) or 'none'}")

# %% [markdown]
# Not an error, only commands that you cannot type yourself.

# %% [markdown]
# ## The verdict
#
# `full` means that a real cluster could run here as well (Docker, kubectl, and minikube or kind). `embedded only` means the embedded cluster, with real processes and real HTTP, which is what you want for the lessons anyway.

# %%
here.verdict

# %% [markdown]
# What does *embedded* leave out? Pods are processes, requests are HTTP, times are measured. What you don't get is isolation: no images are pulled, there are no containers and no second node. Where that matters, a lesson says so.

# %% [markdown]
# ## Two paces
#
# A pod that Knative scales down takes 30 seconds to drain, and its usual stable window is 60 seconds. Not everybody has the time, so the course has two paces. They change what is configured and how much is measured, never how.
#
# ```sh
# export KNLAB_PACE=quick      # 6 s window, 10 s of load
# export KNLAB_PACE=article    # the article's settings; the default
# ```
#
# > **Question.** 6 seconds is not an arbitrary number. Why could it be that `quick` does not use 1 second?

# %%
pace = knlab.PACE
print(f"{pace.name}: a window of {pace.window}, {pace.load_duration} of load")
print(f"{pace.cold_samples} cold starts, {pace.warm_samples} warm requests")

# %% [markdown]
# Knative refuses a stable window shorter than 6 seconds: its webhook answers `must be in [6s; 1h0m0s] range`. The autoscaler collects a sample each second and decides every two seconds; a shorter window would average almost nothing. The bound is in [`annotation_validation.go`](https://github.com/knative/serving/blob/knative-v1.23.0/pkg/apis/autoscaling/annotation_validation.go).

# %% [markdown]
# ## Images
#
# The article deploys an image from a private mirror, and mirrors come and go. All lessons take their images from one table, and the embedded cluster has a program for each.

# %%
knlab.images.DEFAULTS

# %% [markdown]
# On a real cluster behind a slow network, point a name at a mirror of your own, without touching a notebook:
#
# ```sh
# export KNLAB_IMAGES="hello=registry.example.com/helloworld-go"
# ```

# %% [markdown]
# ## Check yourself
#
# Only Python is indispensable. With one processor (`low`), fifty users and their cluster fight for it, and lesson 08 measures the fight.

# %%
found = {check.name: check.verdict for check in here.checks}
assert found["Python"] == "ok", "install Python 3.11 or newer, then install knlab with it"
assert found["memory"] == "ok", "close other programs: the course wants two gigabytes of memory"
assert found["free disk"] == "ok", "free a gigabyte of disk: the cluster keeps its state there"

# %% [markdown]
# ## Exercise
#
# List only the programs that are missing and where to get them, as a table.
#
# <details><summary>Answer</summary>
#
# ```python
# import pandas as pd
#
# pd.DataFrame([{"tool": c.name, "get it from": c.hint} for c in here.checks if c.verdict == "missing"])
# ```
#
# </details>

# %% [markdown]
# ## Clean up
#
# There is nothing to delete: a preflight reads, it does not write.
#
# ## What we saw
#
# * The course needs only Python; the article's tools are comfort.
# * The embedded cluster is real in what it does, and has no isolation between pods.
# * Two paces differ in what is configured: 6 or 60 seconds of stable window, 10 or 30 seconds of load.
#
# Next: [01 · A cluster](01_a_cluster.ipynb)
