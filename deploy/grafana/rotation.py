"""Rotation: is the new key in use, is the old one drained, when can it go?"""

import looks
from board import board
from panels import WHOLE, Advice, Query, listing, over_time, timeline
from series import BY_KEY, ISSUER, KEY, LAST_USED, LATEST_EXPIRY, SAME_KEY, STATE, in_state, of_issuers, of_keys, rate, rows

KNOWN = f"group {BY_KEY} ({of_keys('info')})"
OK = 'reason="ok"'
ACCEPTED = rows("validations_total", KEY, OK)
WITHDRAWN = rows("validations_total", KEY, 'key_state=~"grace|retired|revoked"')
NAME = "{{issuer}} {{kid}}"

# A key never goes sooner than its last known token expires, and an hour after its last
# use; guards that saw tokens live longer wait for as long as those live.
LEAST_QUIET = 3600
QUIET_FROM = f"({LAST_USED} + {LEAST_QUIET})"

# Accepted tokens under all names of a key, by the name under which it is known.
ACCEPTED_BY_ANY_NAME = f"{KNOWN} * {SAME_KEY} group_left () sum by (issuer, thumbprint) ({rate(rows('validations_total', ISSUER, OK))}) or 0 * {KNOWN}"

KEYS = listing(
    "Keys",
    Advice(
        "All keys, a row for each: its state on the guard that trusts it most, how many guards know it, how many tokens of it are accepted a second, its last use, when the last known token of it expires, when it will be refused, and whether all guards call it safe to retire.",
        "One active key with nearly all the use. During a rotation the old one is in grace, its use falls to 0, and its last token expires before it is refused.",
        "A new key without use: the issuer does not sign with it yet. A key in grace with tokens that expire after it is refused: those will fail; ask the issuer to list it again before then.",
        ("JwtguardKeyRetiresInUse",),
    ),
    {
        "State": Query(STATE),
        "Guards": Query(f"count {BY_KEY} ({of_keys('info')})"),
        "Accepted": Query(ACCEPTED_BY_ANY_NAME),
        "Last used": Query(f"1000 * {LAST_USED}"),
        "Last token expires": Query(f"1000 * {LATEST_EXPIRY}"),
        "Refused": Query(f"1000 * min {BY_KEY} ({of_keys('retires_timestamp_seconds')})"),
        "Safe to retire": Query(f"min {BY_KEY} ({of_keys('safe_to_retire')})"),
    },
    {
        "thumbprint": looks.NARROW,
        "State": looks.STATE,
        "Guards": looks.NARROW,
        "Accepted": looks.RATE,
        "Last used": looks.MOMENT,
        "Last token expires": looks.MOMENT,
        "Refused": looks.MOMENT,
        "Safe to retire": looks.SAFE,
    },
    sort_by="State",
)

USE = over_time(
    "Accepted tokens by key",
    Advice(
        "Tokens that were accepted, by the key that signed them and its state.",
        "The new key takes over what the old one loses; the whole stays level.",
        "If the whole falls while the new key comes up, its tokens fail somewhere: look at *Guards that lack a key* below and at the refusals on the Health dashboard. If the new key stays at 0, the issuer does not sign with it.",
        ("JwtguardNewKeyNotEverywhere",),
    ),
    Query(f"sum by (issuer, kid, thumbprint, key_state) ({rate(ACCEPTED)})", NAME + " ({{key_state}})"),
    unit="reqps",
    height=9,
    stacked=True,
)

DRAINING = over_time(
    "Old keys draining",
    Advice(
        "What becomes of tokens of keys that were withdrawn, retired or revoked: `ok` are those accepted during the grace, all others are refused.",
        "`ok` falls to 0 before the grace ends, and nothing follows.",
        "`issued_after_withdrawal`: a part of the issuer still signs with the old key. `key_retired` after the grace: tokens outlived it, or somebody still signs; the Retirement dashboard tells which.",
        ("JwtguardRetiredKeySigns",),
        nothing="no token of a withdrawn key",
    ),
    Query(f"sum by (issuer, kid, thumbprint, reason) ({rate(WITHDRAWN)})", NAME + " {{reason}}"),
    unit="reqps",
    height=9,
    stacked=True,
)

OUTSTANDING = over_time(
    "Tokens outstanding",
    Advice(
        "How long it takes until the last token of each key that was ever accepted expires: 0 means that no known token of it is valid any more.",
        "Level for the key that signs; for an old one it falls by a second each second, down to 0.",
        "An old key whose line does not fall gets new tokens: a part of the issuer still signs with it. Find it before the key is taken out of service.",
    ),
    Query(f"clamp_min({LATEST_EXPIRY} - time(), 0)", NAME),
    unit="s",
)

DEADLINES = over_time(
    "Until old keys are refused",
    Advice(
        "For each key that its issuer withdrew or that was retired with a grace: the time until the first guard refuses it, and until the last known token of it expires.",
        "The line of the tokens lies below that of the key: all of them end in time.",
        "Tokens whose line lies above will be refused before they expire. Have the issuer list the key again before its deadline (it is active at once), and give the next rotation a longer `grace` (`jwtguard check` says how long).",
        ("JwtguardKeyRetiresInUse",),
        nothing="no key is about to be refused",
    ),
    Query(f"min {BY_KEY} ({of_keys('retires_timestamp_seconds')}) - time()", NAME + " is refused"),
    Query(f"clamp_min({LATEST_EXPIRY} - time(), 0) and {SAME_KEY} {of_keys('retires_timestamp_seconds')}", NAME + " last token expires"),
    unit="s",
)

STATES = timeline(
    "State of each key",
    Advice(
        "Each key's state over time, on the guard that trusts it most: a key is shown as retired once all guards refuse it.",
        "pending or active, then grace, then retired, and never back.",
        "From grace back to active: the issuer listed the key again (anomaly `removal_reverted`). Still active here while a guard has retired it: *Guards by state of each key* below, and *Guards that still accept it* on the Retirement dashboard.",
        ("JwtguardKeyUsedAfterItsGrace",),
    ),
    Query(STATE, NAME),
    looks.STATES,
    width=WHOLE,
)

LACKING = over_time(
    "Guards that lack a key",
    Advice(
        "For each key that no guard saw withdrawn: how many of the guards that have its issuer do not know it, or cannot use it.",
        "0. After a new key was published, for one refresh interval at most.",
        "The issuer must not sign with the key yet: those guards refuse its tokens (`kid_unknown`). `jwtguard keys refresh` on them; if it stays, an old copy is served there, or the key is skipped (Health dashboard).",
        ("JwtguardNewKeyNotEverywhere",),
    ),
    Query(
        f"count by (issuer) ({of_issuers('set_info')}) - on (issuer) group_right ()\n"
        f"(count {BY_KEY} ({in_state('pending|active')}) unless {SAME_KEY} {in_state('grace|retired|revoked')})",
        NAME,
    ),
    unit="none",
)

SAFE = timeline(
    "Safe to retire?",
    Advice(
        "Whether all guards say that nobody would notice the end of a key: its issuer's keys are fresh, another key is in use since, the last known token of it has expired, and it was not used for as long as tokens live.",
        "*not yet* for the key that signs, *safe to retire* for the old one before it is retired.",
        "`jwtguard keys show ISSUER KID` on each guard says which condition is missing, and when it will hold. A guard that has just started says no for an hour or a token's life.",
    ),
    Query(f"min {BY_KEY} ({of_keys('safe_to_retire')})", NAME),
    looks.SAFETY,
)

SOONEST = over_time(
    "Safe to retire in, at the soonest",
    Advice(
        "The time until a key that is still usable can be safe to retire if it is not used again: its last known token has expired, and an hour has passed since its last use. Guards wait for longer where tokens live longer, where they have just started, and until a successor is in use.",
        "The old key's line falls by a second each second, down to 0.",
        "A line that jumps up means that the key was used again. `jwtguard keys show ISSUER KID` gives the exact moment (`from`) and what is missing.",
    ),
    # The later of the two: there is an expiry wherever there was a use.
    Query(f"clamp_min((({LATEST_EXPIRY} > {QUIET_FROM}) or {QUIET_FROM}) - time(), 0)\nand {SAME_KEY} {of_keys('safe_to_retire')}", NAME),
    unit="s",
)

LIFETIMES = over_time(
    "Lifetimes of accepted tokens",
    Advice(
        "How long tokens are valid (`exp` - `iat`): half of them shorter than the median, nearly all shorter than p99.",
        "p99 lies below the issuer's `keys.grace`, so that no token outlives its key.",
        "Where it lies above, a withdrawn key cuts tokens off: raise `grace`, or have the issuer give shorter tokens. `jwtguard check -c FILE` holds the two against each other.",
    ),
    *[
        Query(f"histogram_quantile({q}, sum by (issuer, le) ({rate(rows('token_lifetime_seconds_bucket', ISSUER))}))", "{{issuer}} " + name)
        for q, name in [(0.5, "median"), (0.99, "p99")]
    ],
    unit="s",
    width=WHOLE,
)

GUARDS = over_time(
    "Guards by state of each key",
    Advice(
        "On how many guards each key is in which state.",
        "A change of state reaches all guards within a refresh interval, and the confirmation that a withdrawal takes.",
        "A key that stays in two states for longer: some guards fetch another copy of the issuer's keys, or were not given an order that the others were (`jwtguard keys list` on one of each).",
        ("JwtguardKeySetsDisagree",),
    ),
    Query(f"count by (issuer, kid, thumbprint, state) ({in_state('.+')})", NAME + " {{state}}"),
    unit="none",
)

DASHBOARD = board(
    "jwtguard-rotation",
    "jwtguard: Rotation",
    "Is the new key in use, is the old one drained, and when can it go?",
    since="now-6h",
    rows={
        "Where each key stands": [KEYS],
        "Is the new key in use, and the old one drained?": [USE, DRAINING, OUTSTANDING, DEADLINES],
        "Is it the same on all guards?": [STATES, LACKING, GUARDS],
        "Can the old key go?": [SAFE, SOONEST, LIFETIMES],
    },
    keys=True,
)
