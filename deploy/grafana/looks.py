"""The colours and words in which states, times and answers are shown everywhere."""

from panels import BLUE, GREEN, GREY, RED, YELLOW, words

# In the order of series.TRUST.
STATES = words(("active", GREEN), ("grace", YELLOW), ("pending", BLUE), ("retired", GREY), ("revoked", RED), first=1)
SAFETY = words(("not yet", GREY), ("safe to retire", GREEN))

# Columns of tables.
STATE = {"mappings": STATES, "custom.cellOptions": {"type": "color-text"}}
SAFE = {"mappings": SAFETY, "custom.cellOptions": {"type": "color-text"}}
MOMENT = {"unit": "dateTimeFromNow"}  # takes milliseconds
RATE = {"unit": "reqps"}
COUNT = {"unit": "locale", "decimals": 0}
NARROW = {"custom.width": 110}
BAD_ABOVE_0 = {
    "custom.cellOptions": {"type": "color-text"},
    "thresholds": {"mode": "absolute", "steps": [{"color": "text", "value": None}, {"color": RED, "value": 1}]},
}
