"""The versions that knlab is written for, in one place."""

from __future__ import annotations

KNLAB = "0.1.0"
KUBERNETES = "1.34.4"
"""What the embedded cluster reports, with `+knlab` behind it."""
KNATIVE = "1.23.0"
KOURIER = "1.23.0"
ARTICLE_KNATIVE = "0.26.0"
"""What the article installs, in 2021."""
