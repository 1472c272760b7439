"""Names and titles as people read them: WordPress prints them as HTML."""

from __future__ import annotations

import pytest

from pos_api.senders.values import person_or_place, title


@pytest.mark.parametrize(
    ("came", "read"),
    [
        ("Pendrive<span> - </span>128 GB", "Pendrive - 128 GB"),
        ('Cash on <strong>Delivery</strong> <img src="https://cdn.example/x.png">', "Cash on Delivery"),
        ("Mug<br/>large<!-- new -->", "Mug large"),
        ("Mug <em>large</em> &amp; lid", "Mug large & lid"),
        ("Bolt &lt;5 mm&gt;", "Bolt <5 mm>"),
        ("&lt;b&gt; is bold", "<b> is bold"),
        ("a < b > c, 3<4, I <3 you", "a < b > c, 3<4, I <3 you"),
        ("ends in <b", "ends in <b"),
        ("two  blanks", "two  blanks"),
    ],
)
def test_tags_are_taken_out_before_entities_are_decoded(came: str, read: str) -> None:
    assert title(came) == read


def test_a_persons_name_keeps_what_looks_like_a_tag() -> None:
    assert person_or_place("A<B>C &amp; Co") == "A<B>C & Co"
