"""Events on their way to a browser: in order, from any thread, and bounded where the browser is slow."""

from __future__ import annotations

import asyncio
from threading import Thread

from co_perception.studio.event_queue import EventQueue


def test_events_come_in_order_from_another_thread() -> None:
    async def run() -> str:
        queue = EventQueue()
        stream = queue.stream()
        assert await anext(stream) == "retry: 1000\n\n"

        def put() -> None:
            for number in range(50):
                queue.put("said", str(number))

        thread = Thread(target=put)
        thread.start()
        text = ""
        while text.count("\n\n") < 50:
            text += await asyncio.wait_for(anext(stream), 10)
        thread.join()
        assert queue.dropped == 0
        return text.replace(": still here\n\n", "")

    assert asyncio.run(run()) == "".join(f"event: said\ndata: {number}\n\n" for number in range(50))


def test_a_slow_browser_gets_the_newest() -> None:
    async def run() -> tuple[str, int]:
        queue = EventQueue(most=3)
        stream = queue.stream()
        await anext(stream)
        for number in range(1000):
            queue.put("said", str(number))
        return await asyncio.wait_for(anext(stream), 10), queue.dropped

    text, dropped = asyncio.run(run())
    assert [line for line in text.split("\n") if line.startswith("data")] == ["data: 997", "data: 998", "data: 999"]
    assert dropped == 997


def test_what_is_told_once_is_not_lost_among_pictures() -> None:
    async def run() -> str:
        queue = EventQueue(most=4)
        stream = queue.stream()
        await anext(stream)
        for number in range(100):
            queue.put("picture", str(number))
            if number == 7:
                queue.put("recorded", "{}")
            if number == 8:
                queue.put("recording", "null")
        return await asyncio.wait_for(anext(stream), 10)

    text = asyncio.run(run())
    assert [line.removeprefix("event: ") for line in text.split("\n") if line.startswith("event")] == [
        "recorded", "recording", "picture", "picture",
    ]  # fmt: skip
    assert [line for line in text.split("\n") if line.startswith("data")][2:] == ["data: 98", "data: 99"]


def test_one_that_waits_ends_when_it_is_closed() -> None:
    async def run() -> list[str]:
        queue = EventQueue()
        stream = queue.stream()
        await anext(stream)

        async def read() -> list[str]:
            return [text async for text in stream]

        reading = asyncio.ensure_future(read())
        await asyncio.sleep(0)  # it waits now
        queue.put("said", "1")
        queue.close()
        return await asyncio.wait_for(reading, 10)

    assert asyncio.run(run()) == ["event: said\ndata: 1\n\n"]
