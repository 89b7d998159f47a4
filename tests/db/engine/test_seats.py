import asyncio

from db.engine.seats import Seats


async def test_so_many_are_taken_at_once_and_no_more() -> None:
    seats = Seats(2)

    taken = [seats.take_now() for _ in range(3)]
    seats.give_back()

    assert taken == [True, True, False]
    assert seats.take_now()


async def test_who_finds_none_waits_and_the_first_to_come_is_the_first_to_have_one() -> None:
    seats, came = Seats(1), []
    await seats.take()

    async def come(name: str) -> None:
        await seats.take()
        came.append(name)

    waiting = [asyncio.create_task(come(name)) for name in "abc"]
    await asyncio.sleep(0)
    seats.give_back()
    # Who comes now comes after those.
    has_overtaken = seats.take_now()
    for _ in range(2):
        await asyncio.sleep(0)
        seats.give_back()
    await asyncio.gather(*waiting)

    assert not has_overtaken
    assert came == ["a", "b", "c"]


async def test_who_goes_away_while_waiting_leaves_the_seat_to_others() -> None:
    seats = Seats(1)
    await seats.take()
    gone, given_and_gone, staying = (asyncio.create_task(seats.take()) for _ in range(3))
    await asyncio.sleep(0)

    gone.cancel()
    seats.give_back()
    # It has been given a seat, and has not heard of it.
    given_and_gone.cancel()
    await asyncio.wait({gone, given_and_gone, staying})

    assert (gone.cancelled(), given_and_gone.cancelled(), staying.exception()) == (True, True, None)
    assert not seats.take_now()
    seats.give_back()
    assert seats.take_now()
