import pytest

from graph.settlement.nmi import MalformedNmi, check_digit, parse_nmi

# The examples of AEMO's NMI Procedure.
EXAMPLES = [
    ("2001985732", 8),
    ("2001985733", 6),
    ("3075621875", 8),
    ("3075621876", 6),
    ("4316854005", 9),
    ("4316854006", 7),
    ("6305888444", 6),
    ("6350888444", 2),
    ("7001888333", 8),
    ("7102000001", 7),
    ("NAAAMYS582", 6),
    ("NBBBX11110", 0),
    ("NBBBX11111", 8),
]


@pytest.mark.parametrize(("nmi", "digit"), EXAMPLES)
def test_check_digit_matches_the_examples_of_the_procedure(nmi: str, digit: int) -> None:
    assert check_digit(nmi) == digit


@pytest.mark.parametrize(("nmi", "digit"), EXAMPLES)
def test_nmi_is_parsed_with_and_without_its_check_digit(nmi: str, digit: int) -> None:
    assert parse_nmi(nmi) == nmi
    assert parse_nmi(f"{nmi}{digit}") == nmi


@pytest.mark.parametrize(("nmi", "digit"), EXAMPLES)
def test_wrong_check_digit_is_refused_with_the_correct_one(nmi: str, digit: int) -> None:
    for wrong in set("0123456789A") - {str(digit)}:
        with pytest.raises(MalformedNmi) as refusal:
            parse_nmi(nmi + wrong)

        assert str(refusal.value) == f"The check digit of {nmi} is {digit}, not {wrong}."


@pytest.mark.parametrize(("text", "count"), [("", 0), ("987654321", 9), ("200198573288", 12), ("9" * 5000, 5000)])
def test_wrong_length_is_refused_with_the_valid_lengths(text: str, count: int) -> None:
    with pytest.raises(MalformedNmi) as refusal:
        parse_nmi(text)

    assert str(refusal.value) == f"An NMI has 10 characters, or 11 with its check digit; this text has {count}."


@pytest.mark.parametrize(
    ("case", "text", "named"),
    [
        ("the letter O", "20O1985732", "Character 3 is 'O'"),
        ("the letter I", "IAAAMYS582", "Character 1 is 'I'"),
        ("a small letter", "NAAAmYS582", "Character 5 is 'm'"),
        ("punctuation", "NAAA-YS582", "Character 5 is '-'"),
        ("a space before", " 2001985732", "Character 1 is ' '"),
        ("a space after", "2001985732 ", "Character 11 is ' '"),
        ("a line feed", "200198573\n", "Character 10 is '\\n'"),
        ("a full-width digit", "200198573\uff12", "Character 10 is '\\uff12'"),
        ("a full-width check digit", "2001985732\uff18", "Character 11 is '\\uff18'"),
        ("a superscript", "200198573\u00b2", "Character 10 is '\\xb2'"),
        ("an Arabic digit", "\u0662001985732", "Character 1 is '\\u0662'"),
        ("a Cyrillic capital", "N\u0410AAMYS582", "Character 2 is '\\u0410'"),
    ],
)
def test_invalid_character_is_refused_with_its_position(case: str, text: str, named: str) -> None:
    with pytest.raises(MalformedNmi) as refusal:
        parse_nmi(text)

    assert str(refusal.value) == f"{named}; an NMI has only digits and capital letters, never O or I."
