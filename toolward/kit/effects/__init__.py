"""Changing something once, however often the call is repeated.

port.py        what the kit asks of a database (EffectStore); sqlite_store.py and sqlalchemy_store.py have it
writing.py     the one writing thread, and the Transaction that a tool takes
elsewhere.py   effects outside the database: the Effect that a tool takes, and its Evidence
once.py        looking the key up, and keeping what came of the call
calling.py     the same, as a server's tools are called
"""

from toolward.kit.effects.elsewhere import Effect, Evidence, NotDone
from toolward.kit.effects.once import Effects
from toolward.kit.effects.port import CallKey, EffectStore, Kept
from toolward.kit.effects.writing import Transaction

__all__ = ["CallKey", "Effect", "EffectStore", "Effects", "Evidence", "Kept", "NotDone", "Transaction"]
