"""Sessions: who comes back after a long silence begins anew, with what is known of them."""

from __future__ import annotations

from datetime import datetime

from nlu.base import State
from nlu.domain import Domain
from nlu.tracker import Tracker


def in_session(state: State, domain: Domain, now: datetime) -> State:
    """The state as a message finds it now.

    After a silence of `session_expiration_time` minutes (0: never) a form that was open is left and stories
    begin anew; slots stay, if the domain says so.
    """
    moment, minutes = now.timestamp(), domain.session_expiration_minutes
    if state.heard_at and minutes and moment - state.heard_at > minutes * 60:
        tracker = Tracker(state, domain)
        tracker.renew()
        state = tracker.state.but(done=[])
    return state.but(heard_at=moment)
