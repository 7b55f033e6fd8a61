from __future__ import annotations

import re

import pytest

from knlab.embedded.builtin.hashes import fnv32a, suffix, template_hash


@pytest.mark.parametrize(
    ("content", "value"), [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968)]
)
def test_the_hash_is_fnv_1a_with_32_bits(content: bytes, value: int) -> None:
    assert fnv32a(content) == value


def test_a_template_hash_depends_on_content_and_collisions_only() -> None:
    template = {"spec": {"containers": [{"name": "a"}]}, "metadata": {}}
    reordered = {"metadata": {}, "spec": {"containers": [{"name": "a"}]}}
    assert template_hash(template) == template_hash(reordered)
    assert template_hash(template) != template_hash(template, collisions=1)
    assert re.fullmatch("[bcdf456789]{7,10}", template_hash(template))


def test_suffixes_have_five_letters_that_form_no_words() -> None:
    many = {suffix("uid", number) for number in range(2000)}
    assert len(many) > 1990
    assert all(re.fullmatch("[bcdfghjklmnpqrstvwxz2456789]{5}", each) for each in many)
