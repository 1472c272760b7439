"""The words by which orders, customers and products are found."""

from __future__ import annotations

import pytest

from pos_api.common.text_search import (
    contact_words,
    newer_words_first,
    product_words,
    typed_words,
    wanted_contact_words,
)

MANY = " ".join(f"w{number}" for number in range(150))


def test_contact_words_are_separated_by_punctuation() -> None:
    assert contact_words("Anna-Lena (ÖBERG)", "anna@example.se") == ["anna-lena", "anna@example.se", "öberg"]


@pytest.mark.parametrize("text", ["070/123 45 67", "070-1234567", "(070) 123.45.67", "070 1234567"])
def test_a_telephone_number_is_one_word_however_it_is_written(text: str) -> None:
    assert contact_words(telephone=text) == wanted_contact_words(text) == ["0701234567"]
    assert wanted_contact_words(f"{text} Anna") == ["0701234567", "anna"]


@pytest.mark.parametrize(
    "text",
    [
        *("070–123 45 67", "070\u2011123 45 67", "\u202a070-123 45 67\u202c", "070’123’45’67", "070_123_45_67"),
        *("tel:070-1234567", "Mob: 070 123 45 67", "070-1234567(Anna)"),
    ],
)
def test_a_telephone_number_is_found_by_its_digits_whatever_else_is_in_the_field(text: str) -> None:
    assert "0701234567" in contact_words(telephone=text)


@pytest.mark.parametrize("text", ["070–123 45 67", "\u202a070-123 45 67\u202c"])
def test_a_telephone_number_may_be_searched_for_as_a_telephone_shows_it(text: str) -> None:
    assert wanted_contact_words(text) == ["0701234567"]
    assert typed_words(text) == ([], "0701234567")


@pytest.mark.parametrize("between", [" / ", ", ", " or ", ";"])
def test_of_several_telephone_numbers_each_is_found(between: str) -> None:
    words = contact_words(telephone=f"070-1234567{between}08-1234567")
    for number in ("070-1234567", "08-1234567", "070 123 45 67", f"070-1234567{between}08-1234567"):
        assert set(wanted_contact_words(number)) <= set(words)


def test_what_is_in_the_field_of_a_telephone_number_leaves_no_order_number_out() -> None:
    assert "1042" in contact_words("1042", telephone=MANY)


@pytest.mark.parametrize("number", ["2024-000123", "WEB 2024-000123", "A-123456", "1042", "#1042", "+1 Media"])
def test_an_order_number_is_found_as_it_is_written(number: str) -> None:
    assert set(wanted_contact_words(number)) <= set(contact_words(number))


@pytest.mark.parametrize(("number", "digits"), [("A-123456", "123456"), ("WEB-2024-000123", "2024000123")])
def test_an_order_number_is_found_by_its_digits(number: str, digits: str) -> None:
    assert digits in contact_words(number)


def test_digits_of_an_e_mail_address_are_no_word() -> None:
    assert contact_words("anna123456@example.se") == ["anna123456@example.se"]


@pytest.mark.parametrize(
    ("text", "whole", "beginning"),
    [
        ("anna öb", ["anna"], "öb"),
        ("anna ", ["anna"], None),
        ("070-123 4", [], "0701234"),
        ("070-123 45 ", [], "07012345"),
        ("anna 070-123 4", ["anna"], "0701234"),
        ("070-123 45 67 an", ["0701234567"], "an"),
        ("+46 7", [], "467"),
        ("2024-0", [], "2024-0"),
        ("42", [], "42"),
    ],
)
def test_of_a_text_that_is_still_being_written_the_last_word_may_be_a_beginning(
    text: str, whole: list[str], beginning: str | None
) -> None:
    assert typed_words(text) == (whole, beginning)


@pytest.mark.parametrize("text", ["", " ", "—"])
def test_a_text_without_words_has_no_beginning_either(text: str) -> None:
    assert typed_words(text) == ([], None)


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
