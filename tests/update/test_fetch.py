"""What an update says of names that failed."""

from __future__ import annotations

from analysis.update.fetch import by_reason


def test_names_that_failed_alike_share_a_sentence_whatever_the_address() -> None:
    failures = {
        "Qwen": "http://hub/api?author=Qwen answered 500 (asked 3 times)",
        "zai-org": "http://hub/api?author=zai-org answered 500 (asked twice)",
        "moonshotai": "not asked for after 3 failures in a row",
        "NVDA": "NVDA was delisted.",
        "AMD": "AMD was delisted.",
        "SAME": "its host is down",
        "ALSO": "its host is down",
    }
    assert list(by_reason(failures)) == [
        ("Qwen", "http://hub/api?author=Qwen answered 500 (asked 3 times). Likewise: zai-org."),
        ("NVDA", "NVDA was delisted. Likewise: AMD."),
        ("SAME, ALSO", "its host is down. Not asked for after that: moonshotai."),
    ]


def test_of_many_names_three_are_written() -> None:
    failures = dict.fromkeys([f"T{number}" for number in range(9)], "no response")
    assert list(by_reason(failures)) == [("T0, T1, T2 and 6 more", "no response")]
    assert list(by_reason({"": "The disk is full."})) == [("", "The disk is full.")]
    assert list(by_reason({})) == []


def test_names_that_were_left_out_are_named_where_nothing_else_failed() -> None:
    failures = dict.fromkeys(["NVDA", "AMD"], "not asked for after that, as all took too long")
    assert list(by_reason(failures)) == [("NVDA, AMD", "not asked for, as all took too long")]


def test_how_long_a_source_was_given_does_not_part_names_that_failed_alike() -> None:
    failures = {
        "one.zip": "french: http://host/one.zip did not finish within 45 seconds (asked once).",
        "two.zip": "french: http://host/two.zip did not finish within 35 seconds (asked once).",
        "three.zip": "not asked for after that, as all answers together took too long",
    }
    assert list(by_reason(failures)) == [
        (
            "one.zip",
            "french: http://host/one.zip did not finish within 45 seconds (asked once). "
            "Likewise: two.zip. Not asked for after that, as all answers together took too long: "
            "three.zip.",
        )
    ]
