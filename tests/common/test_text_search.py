"""The words by which orders, customers and products are found."""

from __future__ import annotations

from pos_api.common.text_search import contact_words, newer_words_first, product_words, wanted_contact_words

MANY = " ".join(f"w{number}" for number in range(150))


def test_contact_words_are_separated_by_punctuation_and_a_telephone_number_is_one() -> None:
    assert contact_words("Anna-Lena (ÖBERG)", "anna@example.se") == ["anna-lena", "anna@example.se", "öberg"]
    assert "0701234567" in contact_words("070-123 45 67")
    assert wanted_contact_words("070/123 45 67") == ["0701234567"]


def test_a_sku_stays_one_word_whatever_is_in_it() -> None:
    assert product_words("A/1(2)", "Red CUP, large") == ["a/1(2)", "cup,", "large", "red"]


def test_of_very_many_words_the_first_are_kept() -> None:
    assert "sku-1" in product_words("SKU-1", MANY)
    assert "sku-1" not in product_words(MANY, "SKU-1")
    assert len(product_words(MANY)) == len(contact_words(MANY)) == 100
    assert product_words("x" * 1_000) == contact_words("x" * 1_000) == ["x" * 320]


def test_newer_words_come_before_those_that_are_kept() -> None:
    newer = {"$literal": ["new"]}
    assert newer_words_first(["new"], kept="$search") == {
        "$slice": [{"$concatArrays": [newer, {"$setDifference": ["$search", newer]}]}, 300]
    }
