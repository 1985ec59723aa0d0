"""Which gateways of a home are there, by files that each holds a lock on."""

import asyncio
import os
import threading
from pathlib import Path

from gateway.runs.presence import any_present, present


async def starts(folder: Path, times: int) -> None:
    """Of gateways that end at once, as one does that crashes again and again."""
    for _ in range(times):
        async with present(folder):
            pass


async def test_a_gateway_is_there_however_many_others_started_and_ended_since(tmp_path: Path) -> None:
    """A restore would else be let loose on the home of a gateway at work."""
    folder = tmp_path / "gateways"
    async with present(folder) as here:
        await starts(folder, 60)
        assert (folder / here.name).exists()
        assert any_present(folder)
        async with present(folder) as other:
            assert not other.gone(here.name)
    assert not any_present(folder)


async def test_the_files_of_those_that_ended_long_ago_go(tmp_path: Path) -> None:
    folder = tmp_path / "gateways"
    await starts(folder, 70)
    assert len(list(folder.iterdir())) < 60


def test_several_start_at_once_over_the_files_of_many_that_ended(tmp_path: Path) -> None:
    """As workers do: each clears away what the others clear away, too."""
    folder = tmp_path / "gateways"
    folder.mkdir()
    failures: list[BaseException] = []
    for _ in range(5):
        for number in range(400):
            file = folder / f"gateway_{number}_0"
            file.touch()
            os.utime(file, (number, number))
        together = threading.Barrier(4)

        def start(together: threading.Barrier = together) -> None:
            together.wait()
            try:
                asyncio.run(starts(folder, 1))
            except OSError as error:
                failures.append(error)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
