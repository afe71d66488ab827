"""Campaigns in an open house: the clock begins them, the delivery sends them, answers go before them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlmodel import col, select

from crm_store import campaign_deeds, campaign_runs, campaigns
from crm_store.history import Message
from crm_store.messages import Address, Content, Policy, Sent
from parley.house import House
from parley.now import utc_now
from parley.rate import Buckets
from tests.parley.tiny import TinyHouse, tiny_house, until_true

PUSH = Policy(inline_within=2.0)
SPRING = [{"language": "zh", "text": "spring {display_name|friend}"}]


def launch(house: House) -> None:
    """Everybody is to hear of spring, now."""
    with house.database.writing() as session:
        row = campaigns.make_campaign(
            session, {"name": "spring", "texts": SPRING}, actor="staff:mia", now=utc_now()
        )
        campaign_deeds.launch(session, row.id, actor="staff:mia", now=utc_now())


def statuses(house: House) -> list[str]:
    """What became of the pushes."""
    with house.database.reading() as session:
        return list(session.exec(select(Message.status).where(col(Message.sender) == "campaign")))


async def meet(tiny: TinyHouse, count: int) -> None:
    for number in range(count):
        assert await tiny.ask(f"c{number:02}", "1", "hello") is not None


def test_a_launched_campaign_goes_out_by_itself(database_url: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with tiny_house(database_url, tmp_path, PUSH) as tiny:
            object.__setattr__(tiny.house.rules, "quiet", None)  # at whatever hour this test runs
            await meet(tiny, 3)
            launch(tiny.house)
            await until_true(lambda: statuses(tiny.house) == ["accepted"] * 3)
            assert tiny.channel.sent.count("spring friend") == 3

            def ended() -> bool:
                with tiny.house.database.reading() as session:
                    return all(run.ended_at for run in session.exec(select(campaign_runs.CampaignRun)))

            await until_true(ended)

    asyncio.run(main())


def test_a_platform_that_hangs_on_pushes_keeps_no_answer_waiting(sqlite_url: str, tmp_path: Path) -> None:
    hanging = list[str]()

    async def main() -> None:
        gate = asyncio.Event()
        async with tiny_house(sqlite_url, tmp_path, Policy()) as tiny:
            object.__setattr__(tiny.house.rules, "quiet", None)
            await meet(tiny, 20)
            await until_true(lambda: len(tiny.channel.sent) == 20)
            send = tiny.channel.send

            async def hang_on_pushes(to: Address, content: Content) -> Sent:
                if content.text.startswith("spring"):
                    hanging.append(to.external_id)
                    await gate.wait()
                return await send(to, content)

            tiny.channel.send = hang_on_pushes  # type: ignore[method-assign]
            launch(tiny.house)
            await until_true(lambda: len(hanging) >= 6)
            await tiny.ask("anna", "1", "are you there?")
            await until_true(lambda: "re are you there?" in tiny.channel.sent)
            assert len(hanging) == 6
            gate.set()
            await until_true(lambda: statuses(tiny.house) == ["accepted"] * 20)

    asyncio.run(main())


def test_pushes_leave_room_in_a_channels_rate_for_answers() -> None:
    async def main() -> None:
        buckets = Buckets(Policy(per_second=30), clock=lambda: 0.0)
        assert await buckets.reserve(8, 8) == (8, 8)
        assert await buckets.reserve(16, 16) == (16, 16)
        assert await buckets.reserve(8, 8) == (6, 0)
        assert await buckets.reserve(8, 8) == (0, -6)
        await buckets.give_back(2)
        assert await buckets.reserve(8, 8) == (2, -4)
        assert await Buckets(Policy(per_second=1)).reserve(8, 8) == (1, 1)

    asyncio.run(main())
