# %% [markdown]
# # 03 · Reach it
#
# **What you will do.** You find the gateway's address, give the cluster a domain, and follow a request from a name to a Service.
#
# **What you will learn.** How a URL of Knative comes about, what two ConfigMaps have to do with it, and how to reach a Service without any DNS.
#
# **What you need.** Nothing but this notebook; Knative is installed if it is missing.
#
# **Time.** 10 minutes (of which the machine needs 5 seconds at quick pace).

# %%
import knlab

cluster = knlab.connect()
cluster.ensure_knative(configure=False)

# %% [markdown]
# `configure=False` leaves the two settings of this lesson alone. In all later lessons they are made for you.

# %% [markdown]
# ## The address of the gateway
#
# Every request from outside enters through one Kubernetes Service, `kourier`, of type LoadBalancer. In a cloud, a load balancer is created for it and its address appears as EXTERNAL-IP. On a laptop nobody does that, so the article opens a second terminal:
#
# ```sh
# minikube tunnel
# EXTERNAL_IP=$(kubectl -n kourier-system get service kourier \
#   -o jsonpath='{.status.loadBalancer.ingress[0].ip}')
# ```
#
# It adds that *you may have to run this several times*, because the address comes late. The embedded cluster's address is there as soon as Kourier is.

# %%
cluster.show("services", namespace="kourier-system")

# %% [markdown]
# Two Services, one gateway: `kourier` for the outside, `kourier-internal` for requests from pod to pod. The difference matters in a moment.
#
# The article now builds a domain from the address. `nip.io` is a public DNS service that answers any name with the address written in it: `hello.default.10.1.2.3.nip.io` is `10.1.2.3`. That saves you a DNS server, and costs a look-up across the internet for every new connection. Lesson 09 shows what that did to the article's measurements.

# %%
domain = f"{cluster.external_ip}.nip.io"
domain

# %% [markdown]
# ## A Service without a domain
#
# To see what the domain changes, we first take it away (a second run of this lesson would otherwise find it already there), and name Kourier as the ingress.
#
# ```sh
# kubectl patch configmap/config-network -n knative-serving --type merge \
#   --patch '{"data":{"ingress-class":"kourier.ingress.networking.knative.dev"}}'
# ```
#
# In 2021 the key was `ingress.class`. Since Knative 1.0 it is `ingress-class`; the old spelling is still read, but only where the new one is absent.

# %%
cluster.configure("config-domain", {domain: None})
cluster.use_kourier()

# %% [markdown]
# > **Question.** A Service needs a URL. If nobody configured a domain, what will Knative choose: `example.com`, an address, or a name that only works inside the cluster?

# %%
hello = cluster.deploy("hello-03", image=knlab.images.HELLO, env={"TARGET": "Knative"})
hello.wait_ready()
hello.url

# %% [markdown]
# Up to Knative 1.7 it was `example.com`, and older texts still show `hello.default.example.com`. Since 1.8 the default is `svc.cluster.local`, the cluster's own domain: without a decision of yours, a Service is private. The gateway keeps such a Route on its internal side only. A request from outside therefore finds nothing.

# %%
private = knlab.request(hello.url)
private.status

# %% [markdown]
# 404 is the gateway's own answer, not your program's: it knows no Route with this name on its outside. The Service is ready, and yet you cannot reach it. Both are true, because *ready* means that everything that was asked for has happened.

# %% [markdown]
# ## A domain
#
# Now the article's patch. An empty value means *for all Routes*; a label selector there would pick some.
#
# ```sh
# kubectl patch configmap config-domain -n knative-serving \
#   --type merge --patch "{\"data\": {\"$KNATIVE_DOMAIN\": \"\"}}"
# ```

# %%
cluster.use_domain(domain)

# %% [markdown]
# > **Question.** Nobody touched the Service. Will its URL change by itself?

# %%
hello.wait_domain(domain)
hello.url

# %% [markdown]
# It did. Knative's controller watches its ConfigMaps as it watches everything else; a changed domain makes it look at every Route again. Hence the pattern `SERVICE.NAMESPACE.DOMAIN`, which you could change, too: it is the key `domain-template` in `config-network`.

# %% [markdown]
# ## With and without DNS
#
# The URL has no port, and its name may not resolve here: perhaps you are offline, or your router refuses public names that point to private addresses. The article checks with `dig`. We take another way: tell the client where to connect, and leave the name in the request. It is the *Host* header by which the gateway finds the Route; how the client found the gateway is its own business.
#
# Here is a line for a terminal that works offline:

# %%
print(cluster.curl(hello.url))

# %% [markdown]
# `knlab.request` does the same silently for every Service of a connected cluster, so all lessons work on a train.

# %%
answer = knlab.request(hello.url)
answer

# %% [markdown]
# > **Question.** Same address, same port, another name in the Host header. What will the gateway say?

# %%
stranger = knlab.request(hello.url, host="nobody.default.example.com")
stranger.status, stranger.text

# %% [markdown]
# 404 again, with an empty body. That tells you how to read a 404 in front of Knative: look at the name first. If the program itself had answered 404, its own text would be in the body.

# %% [markdown]
# ## Check yourself

# %%
assert answer.status == 200, "no answer from the Service: does hello.conditions say Ready?"
assert answer.text.strip() == "Hello Knative!", f"somebody else answered: {answer.text!r}"
assert hello.url.endswith(domain), "the URL has another domain: run the cell with use_domain again"

# %% [markdown]
# ## Exercises
#
# 1. Read both settings back from the cluster.
# 2. Ask the resolver for the name instead of going directly. What happens on a machine without internet?
#
# <details><summary>Answers</summary>
#
# ```python
# cluster.configuration("config-domain"), cluster.configuration("config-network")
# ```
#
# ```python
# cluster.attempt(lambda: knlab.request(hello.url, resolve="dns"))
# ```
#
# Online it is accepted; offline the name has no address, and the error says so. In both cases the gateway itself is fine.
#
# </details>

# %% [markdown]
# ## Clean up
#
# The settings stay: later lessons need them. The Service goes.

# %%
hello.delete()

# %% [markdown]
# ## What we saw
#
# * EXTERNAL-IP of Service `kourier` is the one door from outside.
# * `config-domain` decides the URLs, `config-network` the ingress; changing them changes existing Services.
# * Without a domain a Service is private since Knative 1.8.
# * The gateway routes by Host header. DNS only helps the client to find the gateway.
#
# Knative's own text on domains: [Configuring domain names](https://knative.dev/docs/serving/using-a-custom-domain/).
#
# Previous: [02 · Install Knative](02_install_knative.ipynb) · Next: [04 · First Service](04_first_service.ipynb)
