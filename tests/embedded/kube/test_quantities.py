from __future__ import annotations

from decimal import Decimal

import pytest

from knlab.embedded.kube.quantities import (
    QuantityError,
    canonical_quantity,
    find_quantity,
    parse_quantity,
)


@pytest.mark.parametrize(
    ("text", "value", "canonical"),
    [
        pytest.param("250m", "0.25", "250m", id="milli stays milli"),
        pytest.param("0.5", "0.5", "500m", id="a decimal fraction becomes milli"),
        pytest.param("1000m", "1", "1", id="a thousand milli is one"),
        pytest.param(2, "2", "2", id="a number is a quantity"),
        pytest.param(10**40, str(2**63 - 1), str(2**63 - 1), id="there is a largest one"),
        pytest.param("1024Mi", str(1024**3), "1Gi", id="the largest binary unit wins"),
        pytest.param("1.5Gi", str(1536 * 1024**2), "1536Mi", id="a binary fraction goes one down"),
        pytest.param("1e3", "1000", "1e3", id="an exponent stays one"),
        pytest.param("100M", "100000000", "100M", id="decimal units of bytes"),
        pytest.param("0", "0", "0", id="zero"),
        pytest.param("25m", "0.025", "25m", id="what queue-proxy asks for"),
        pytest.param("400Mi", str(400 * 1024**2), "400Mi", id="no larger unit fits"),
        pytest.param("100", "100", "100", id="a whole number"),
    ],
)
def test_a_quantity_has_a_value_and_one_spelling(text: object, value: str, canonical: str) -> None:
    assert parse_quantity(text) == Decimal(value)
    assert canonical_quantity(text) == canonical


@pytest.mark.parametrize("text", ["lots", "x", "", "1 Gi", "1 ", "1Q", "1Xi", True, "--1"])
def test_other_text_is_no_quantity(text: object) -> None:
    assert find_quantity(text) is None
    with pytest.raises(QuantityError, match="must match the regular expression"):
        canonical_quantity(text)
