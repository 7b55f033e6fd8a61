"""The numbers that the article prints, each with its sentence, in the records that knlab makes.

The article is "Knative Use" of 2021-11-01: Knative 0.26 on minikube. Nothing computes with these
except notebooks, which put them beside the reader's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from knlab.measure.curl import from_curl
from knlab.measure.hey import from_hey
from knlab.measure.records import LoadSummary, Timing

WORLD: Final = "article"

# "export KNATIVE_VERSION="0.26.0"", "export KNATIVE_NET_KOURIER_VERSION="0.26.0""
VERSIONS: Final[Mapping[str, str]] = {"serving": "0.26.0", "net-kourier": "0.26.0"}

# "冷启动请求 curl -w "@curl-format.txt" $SERVICE_URL"
CURL_COLD: Final = """\
Hello Knative!
time_namelookup:  0.001831
       time_connect:  0.002052
    time_appconnect:  0.000000
      time_redirect:  0.000000
   time_pretransfer:  0.002110
 time_starttransfer:  1.966370
                    ----------
         time_total:  1.966427
"""
COLD: Final[Timing] = from_curl(CURL_COLD, world=WORLD)

# "热启动请求 curl -w "@curl-format.txt" $SERVICE_URL"
CURL_WARM: Final = """\
Hello Knative!
time_namelookup:  0.194799
       time_connect:  0.195032
    time_appconnect:  0.000000
      time_redirect:  0.000000
   time_pretransfer:  0.195137
 time_starttransfer:  0.196945
                    ----------
         time_total:  0.196989
"""
WARM: Final[Timing] = from_curl(CURL_WARM, world=WORLD)

# "比如以下策略可以定义从1-5的pod缩放": minScale "1", maxScale "5", target "1".
SETTINGS: Final[Mapping[str, str]] = {
    "autoscaling.knative.dev/minScale": "1",
    "autoscaling.knative.dev/maxScale": "5",
    "autoscaling.knative.dev/target": "1",
}

# "增加`traffic`字段来指定不同版本的流量比例": 50 for the latest revision, 50 for hello-00001.
SPLIT: Final[Mapping[str, int]] = {"hello-knative-v2": 50, "hello-00001": 50}

# "这时用hey压测": thirty seconds with fifty users, against this name.
LOAD_URL: Final = "http://hello.default.10.104.46.103.nip.io"
LOAD_DURATION: Final = 30.0
LOAD_CONCURRENCY: Final = 50

# "这时用hey压测就会得到以下结果"
HEY: Final = """\
Summary:
  Total:	30.0150 secs
  Slowest:	2.1715 secs
  Fastest:	0.0024 secs
  Average:	0.0353 secs
  Requests/sec:	1412.4594

  Total data:	763110 bytes
  Size/request:	18 bytes

Response time histogram:
  0.002 [1]	|
  0.219 [42314]	|■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
  0.436 [30]	|
  0.653 [0]	|
  0.870 [0]	|
  1.087 [0]	|
  1.304 [0]	|
  1.521 [0]	|
  1.738 [0]	|
  1.955 [0]	|
  2.171 [50]	|


Latency distribution:
  10% in 0.0151 secs
  25% in 0.0204 secs
  50% in 0.0285 secs
  75% in 0.0399 secs
  90% in 0.0546 secs
  95% in 0.0671 secs
  99% in 0.1100 secs

Details (average, fastest, slowest):
  DNS+dialup:	0.0024 secs, 0.0024 secs, 2.1715 secs
  DNS-lookup:	0.0024 secs, 0.0000 secs, 2.0054 secs
  req write:	0.0000 secs, 0.0000 secs, 0.0108 secs
  resp wait:	0.0329 secs, 0.0023 secs, 0.2963 secs
  resp read:	0.0001 secs, 0.0000 secs, 0.0073 secs
"""
LOAD_TEST: Final[LoadSummary] = from_hey(HEY, concurrency=LOAD_CONCURRENCY, world=WORLD)

# "就可以看到其中有一个预启动的比其他存活时间更久": name → AGE in seconds, 3m17s and four times 81s.
PODS: Final[Mapping[str, float]] = {
    "hello-knative-v3-deployment-fdf969d79-b8zts": 81.0,
    "hello-knative-v3-deployment-fdf969d79-gr9t2": 197.0,
    "hello-knative-v3-deployment-fdf969d79-qhd2s": 81.0,
    "hello-knative-v3-deployment-fdf969d79-sfb8g": 81.0,
    "hello-knative-v3-deployment-fdf969d79-sz4hl": 81.0,
}

# "$ kubectl get pods -n knative-serving": the six rows, without their hashes.
COMPONENTS: Final = (
    "activator",
    "autoscaler",
    "controller",
    "domain-mapping",
    "domainmapping-webhook",
    "webhook",
)
