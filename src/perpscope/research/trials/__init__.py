"""What was tried before something was found: the append-only trial ledger, and studies registered before data is read."""

from perpscope.research.trials.ledger import Ledger, LedgerReading
from perpscope.research.trials.registration import Registration, read_registration, register, registration_hash
from perpscope.research.trials.trial import Trial, data_hash

__all__ = [
    "Ledger",
    "LedgerReading",
    "Registration",
    "Trial",
    "data_hash",
    "read_registration",
    "register",
    "registration_hash",
]
