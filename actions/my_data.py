"""A customer's own data in the chat: what is kept, in words, and a link to all of it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func
from sqlmodel import col, select

from actions.base import Turn, action
from actions.said_moment import label
from crm_store import audit, consents, customers, data_links
from crm_store.conversations import Conversation
from crm_store.events import Event
from crm_store.followups import FollowUp
from crm_store.history import Message
from crm_store.identities import identities_of
from crm_store.masking import mask_email, mask_phone
from crm_store.messages import Content

_SHOWN_BY_NAME = {"name", "phone", "email"}


@action("action_my_data")
def my_data(turn: Turn) -> Iterable[Content]:
    """Say what is kept, phone and e-mail partly hidden, with a link to the whole for fifteen minutes."""
    secret = data_links.make_link(turn.session, turn.customer_id, turn.now)
    audit.note(
        turn.session, actor="customer", action="customer.asked_for_data", noun="customer",
        noun_id=turn.customer_id, customer_id=turn.customer_id, now=turn.now,
    )  # fmt: skip
    link = f"{str(turn.settings.get('public_url') or '').rstrip('/')}/my-data/{secret}"
    return turn.say("utter_my_data", link=link, **_known(turn), **_counts(turn))


def _known(turn: Turn) -> dict[str, str]:
    none = label(turn, "none")
    facts = {n: str(f.value) for n, f in customers.attributes(turn.session, turn.customer_id).items()}
    accounts = identities_of(turn.session, [turn.customer_id]).get(turn.customer_id, [])
    others = ", ".join(f"{name} {value}" for name, value in facts.items() if name not in _SHOWN_BY_NAME)
    named = customers.get_customer(turn.session, turn.customer_id).display_name
    phone, email = facts.get("phone"), facts.get("email")
    return {
        "name": facts.get("name") or named or none,
        "phone": mask_phone(phone) if phone else none,
        "email": mask_email(email) if email else none,
        "tags": ", ".join(customers.tags(turn.session, turn.customer_id)) or none,
        "others": others or none,
        "channels": ", ".join(sorted({account.channel for account in accounts})) or none,
        "marketing": _marketing(turn),
    }


def _marketing(turn: Turn) -> str:
    granted = consents.find_consent(turn.session, turn.customer_id, "marketing")
    names = {None: "marketing_unsaid", True: "marketing_allowed", False: "marketing_stopped"}
    return label(turn, names[granted])


def _counts(turn: Turn) -> dict[str, int]:
    mine = col(Conversation.customer_id) == turn.customer_id
    own = col(Message.conversation_id).in_(select(Conversation.id).where(mine))
    queries = {
        "messages": select(func.count()).where(own),
        "events": select(func.count()).where(col(Event.customer_id) == turn.customer_id),
        "followups": select(func.count()).where(col(FollowUp.customer_id) == turn.customer_id),
    }
    return {name: turn.session.exec(query).one() for name, query in queries.items()}
