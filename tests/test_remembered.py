from graph.remembered import Remembered


def test_so_many_are_remembered_and_with_one_more_all_others_are_forgotten() -> None:
    remembered: Remembered[str, int] = Remembered(2)
    remembered["a"], remembered["b"] = 1, 2
    at_most = dict(remembered)

    remembered["c"] = 3

    assert at_most == {"a": 1, "b": 2}
    assert remembered == {"c": 3}


def test_what_is_known_again_makes_nothing_forgotten() -> None:
    remembered: Remembered[str, int] = Remembered(2)
    remembered["a"], remembered["b"] = 1, 2

    remembered["a"] = 3

    assert remembered == {"a": 3, "b": 2}
