"""Ask for actions as a real Rasa does: `.venv-rasa/bin/python rasa_client.py < CALLS > ANSWERS`.

In: `url`, `token`, `domain` and `calls`, each with `action`, `sender`, `text`, `intent`, `slots`. Out: for
each call its `events` and what was `said`, or `failed`.
"""

# What it imports is in Rasa's environment, and not here.
# mypy: ignore-errors

import asyncio
import json
import logging
import sys
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

from rasa.core.actions.action import RemoteAction  # noqa: E402
from rasa.core.channels.channel import CollectingOutputChannel  # noqa: E402
from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator  # noqa: E402
from rasa.shared.core.domain import Domain  # noqa: E402
from rasa.shared.core.events import BotUttered, SlotSet, UserUttered  # noqa: E402
from rasa.shared.core.trackers import DialogueStateTracker  # noqa: E402
from rasa.shared.exceptions import RasaException  # noqa: E402
from rasa.utils.endpoints import EndpointConfig  # noqa: E402


async def _ask(told, call):
    domain = Domain.from_dict(told["domain"])
    endpoint = EndpointConfig(told["url"], headers={"Authorization": f"Bearer {told['token']}"})
    tracker = DialogueStateTracker(call["sender"], domain.slots)
    for name, value in call["slots"].items():
        tracker.update(SlotSet(name, value))
    tracker.update(UserUttered(call["text"], {"name": call["intent"], "confidence": 1.0}))
    action = RemoteAction(call["action"], endpoint)
    nlg = TemplatedNaturalLanguageGenerator(domain.responses)
    try:
        events = await action.run(CollectingOutputChannel(), nlg, tracker, domain)
    except RasaException as error:
        return {"failed": type(error).__name__}
    return {
        "said": [{"text": e.text, **e.data} for e in events if isinstance(e, BotUttered)],
        "events": [e.as_dict() for e in events if not isinstance(e, BotUttered)],
    }


async def _main(told):
    return [await _ask(told, call) for call in told["calls"]]


print(json.dumps(asyncio.run(_main(json.load(sys.stdin)))))
