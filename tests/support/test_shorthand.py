"""The one-line grammar reads what it should, writes it back and refuses the rest."""

from __future__ import annotations

import pytest

from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import (
    Call,
    Weighted,
    parse_sum,
    parse_value,
    plain,
    split_list,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.75", 0.75),
        ("-2", -2),
        ("True", True),
        ("'word'", "word"),
        ("0.5->0.75", "0.5->0.75"),
        ("1e-3 -> -0.5", "1e-3->-0.5"),
        (" random ", Call("random")),
        ("block(4)", Call("block", (4,))),
        ("block(size=4, shift=True)", Call("block", (), {"size": 4, "shift": True})),
        ("rectangles(aspect=[0.5, 2])", Call("rectangles", (), {"aspect": [0.5, 2]})),
        ("linear(0.5->0.75, until=0.4)", Call("linear", ("0.5->0.75",), {"until": 0.4})),
        ("complement(block(2))", Call("complement", (Call("block", (2,)),))),
        (
            "parts(weights={face: 3, 'left eye': 0.5})",
            Call("parts", (), {"weights": {"face": 3, "left eye": 0.5}}),
        ),
        ("{face: 0.5->1, eyes: [1, 2]}", {"face": "0.5->1", "eyes": [1, 2]}),
        ("uniformity(of=class)", Call("uniformity", (), {"of": "class"})),
        (
            "f(x=[class, is], y='in (from, x)')",
            Call("f", (), {"x": ["class", "is"], "y": "in (from, x)"}),
        ),
        ("a + 2*b", [Weighted(1.0, Call("a")), Weighted(2, Call("b"))]),
        (
            "0->1*a + cosine(1->0)*b(3)",
            [Weighted("0->1", Call("a")), Weighted("cosine(1->0)", Call("b", (3,)))],
        ),
        ("blend(a + b)", Call("blend", ([Weighted(1.0, Call("a")), Weighted(1.0, Call("b"))],))),
    ],
)
def test_a_line_is_read(text, value) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "random",
        "block(4, size=2)",
        "linear(0.5->0.75, until=0.4)",
        "f(x='a', y=[1, 2], z=g(1))",
        "f(x={a: 1, 'b c': 0.5->1, 'in': [2]})",
    ],
)
def test_a_call_written_out_reads_back_as_itself(text) -> None:
    call = parse_value(text)
    assert str(call) == text
    assert parse_value(str(call)) == call


@pytest.mark.parametrize(
    "text",
    [
        "",
        "block(",
        "a - b",
        "a / 2",
        "a.b",
        "a[0]",
        "lambda: 1",
        "f(**x)",
        "__import__('os').system('x')",
        "{1: 2}",
        "{a.b: 2}",
        "{a, b}",
        "{**a}",
        "{a: b.c}",
        "1 if a else b",
        "a; b",
    ],
)
def test_what_is_not_in_the_grammar_is_refused_and_never_run(text) -> None:
    with pytest.raises(MaskwrightError, match="Could not read"):
        parse_value(text)


def test_a_sum_of_one_and_a_mapping_are_sums() -> None:
    assert parse_sum("block(size=4)") == [Weighted(1.0, Call("block", (), {"size": 4}))]
    assert parse_sum({"name": "block", "size": 4}) == parse_sum("block(size=4)")
    assert parse_sum("0.5*a") == [Weighted(0.5, Call("a"))]


@pytest.mark.parametrize(
    ("value", "fragment"),
    [("0.75", "Expected a name"), ("[1, 2]", "Expected a name"), ({"size": 4}, "needs a 'name'")],
)
def test_a_sum_without_names_is_refused(value, fragment) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        parse_sum(value)


def test_bare_names_are_words_and_calls_with_arguments_stay_calls() -> None:
    call = parse_value("f(a=word, b=[one, 2, g(3)], c={key: word}, d=0.5->1)")
    assert plain(call.options) == {
        "a": "word",
        "b": ["one", 2, Call("g", (3,))],
        "c": {"key": "word"},
        "d": "0.5->1",
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("random, block(size=2)", ["random", "block(size=2)"]),
        (
            "random;block(size=2, shift=True) ; {a: 1, b: 2}",
            ["random", "block(size=2, shift=True)", "{a: 1, b: 2}"],
        ),
        ("given(path='a(1),b;c.png'), grid", ["given(path='a(1),b;c.png')", "grid"]),
        ("5", ["5"]),
        (" ; ,", []),
    ],
)
def test_a_list_is_cut_at_commas_and_semicolons_outside_brackets_and_quotes(text, parts) -> None:
    assert split_list(text) == parts
