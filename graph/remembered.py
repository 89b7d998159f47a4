"""What is remembered so that it need not be made again."""

from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(dict[Key, Value]):
    """
    A dictionary of so many entries at most, which forgets all of them before it would have one more.

    What has one entry removed for each that is added is slower to read, which is all that is done here, than a
    dictionary; and whoever sends a thousand things once would crowd out the others from either.
    """

    def __init__(self, at_most: int) -> None:
        super().__init__()
        self._at_most = at_most

    def __setitem__(self, key: Key, value: Value) -> None:
        if len(self) >= self._at_most and key not in self:
            self.clear()
        super().__setitem__(key, value)
