"""Every claim, in the order of their ids."""

from claim import Claim
from claims_frame import CLAIMS as FRAME
from claims_off import CLAIMS as OFF
from claims_start import CLAIMS as START
from claims_transmit import CLAIMS as TRANSMIT

CLAIMS: list[Claim] = sorted([*TRANSMIT, *START, *FRAME, *OFF], key=lambda claim: claim.id)
