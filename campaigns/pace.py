"""How fast a run goes, and when it will be over if it goes on like this."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from campaigns.running import PIECE
from crm_store.campaign_runs import CampaignRun, Progress
from crm_store.messages import Policy

ENOUGH = 20  # messages sent before their pace says something


def expected_end(
    run: CampaignRun,
    progress: Progress,
    channels: Collection[str],
    policies: Mapping[str, Policy],
    now: datetime,
) -> datetime | None:
    """When a run will be over; None where that cannot be told, as for one that is paused or over."""
    if run.status != "running" or not progress.to_come:
        return None
    elapsed = (now - run.started_at).total_seconds()
    if progress.sent >= ENOUGH and elapsed > 1:
        pace = progress.sent / elapsed
    else:
        used = [policies[name] for name in channels or policies if name in policies]
        pace = sum(policy.per_second or PIECE for policy in used if policy.push) or PIECE
    return now + timedelta(seconds=progress.to_come / min(pace, PIECE))
