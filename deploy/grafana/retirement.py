"""Retirement: is a key out of service everywhere, and who still tries it?"""

import looks
from board import board
from panels import GREY, HALF, RED, WHOLE, YELLOW, Advice, Query, listing, number, over_time
from series import BY_KEY, DEADLINE, ISSUER, KEY, LAST_USED, LATEST_EXPIRY, NONE, SAME_KEY, STATE, in_state, of_keys, rate, rows

NAME = "{{issuer}} {{kid}}"
OUT = in_state("retired|revoked")
ATTEMPTED = rows("retired_key_attempts_total", KEY)
ACCEPTED = of_keys("state", 'state=~"active|grace"')
VERDICTS = {"valid": RED, "unchecked": YELLOW, "invalid": GREY}

# An acceptance that is later than what any guard knows as the key's end.
LATE = f"{LAST_USED} - {SAME_KEY} group_left () {DEADLINE}"

# In seconds: by how much guards may differ, as JwtguardKeyUsedAfterItsGrace has it.
APART = 900


def attempted(verdict: str) -> Query:
    """All attempts of the time range by key, whatever kid of the key the tokens had."""
    selected = rows("retired_key_attempts_total", ISSUER, f'signature="{verdict}"')
    return Query(f"group {BY_KEY} ({OUT}) * {SAME_KEY} group_left () sum by (issuer, thumbprint) (increase({selected}[$__range]))")


ATTEMPTS = number(
    "Attempts after retirement",
    Advice(
        "Tokens of keys out of service that were presented (and refused) in the time range, by what is known of their signature: `valid` were really signed with the key, `invalid` are noise, `unchecked` came faster than 10 a second.",
        "0 valid ones, some time after the retirement.",
        "`valid` within a token's life of the retirement: tokens that outlived the grace. Later: somebody still signs with the key, or has stolen it.",
        ("JwtguardRetiredKeySigns",),
        nothing="no key is out of service",
    ),
    Query(f"sum by (signature) (increase({ATTEMPTED}[$__range]))", "{{signature}}"),
    unit="locale",
    width=HALF,
    colors=VERDICTS,
)

OUT_OF_SERVICE = number(
    "Keys out of service",
    Advice(
        "How many keys at least one guard refuses for ever, or until an operator reinstates them.",
        "What the security team expects: one more after each rotation. A retired key leaves the metrics 30 days after the last attempt with it; the ledger keeps it.",
        "Fewer than expected on a guard: it has no `state_dir`, or was started with a new one. `jwtguard keys list --retired` on it, and on another.",
    ),
    Query(f"count(group by (issuer, thumbprint) ({OUT})) or {NONE}", "keys"),
    unit="none",
    width=4,
)

STILL_USED = number(
    "Past their deadline and still used",
    Advice(
        "Keys of which a guard accepted a token in the last five minutes, over 15 minutes after another guard's deadline for them: guards see a withdrawal up to a refresh interval apart.",
        "0.",
        "A guard has not seen the withdrawal. The runbook has the query that names it; `jwtguard keys refresh` there, and revoke the key on it if the withdrawal was because of a compromise.",
        ("JwtguardKeyUsedAfterItsGrace",),
    ),
    Query(f"count({LATE} > {APART} and {LAST_USED} > time() - 300) or {NONE}", "keys"),
    unit="none",
    width=4,
    bad_from=1,
)

ANOMALIES = number(
    "Anomalies",
    Advice(
        "What a healthy issuer does not do, in the time range, on all guards together.",
        "0.",
        "The panel *Anomalies by type* at the end says of which type they are, and what to do about each.",
    ),
    Query(f"sum(increase({rows('key_anomalies_total', ISSUER)}[$__range]))", "anomalies"),
    unit="locale",
    width=4,
    bad_from=1,
)

KEYS = listing(
    "Keys out of service",
    Advice(
        "Keys that at least one guard refuses: the state on the guard that trusts them most, since when the first guard refuses them, the last acceptance anywhere, when the last known token expires, how many guards refuse and still accept them, and the attempts of the time range.",
        "Retired or revoked, accepted by 0 guards, last used before it was refused, and no valid attempt after its last token has expired.",
        "Accepted by a guard: give that guard the order too, or mend its way to the issuer's keys. Valid attempts after the last token expired: treat the key as compromised and revoke it on every guard.",
        ("JwtguardRevokedKeySigns",),
        nothing="no key is out of service",
    ),
    {
        "State": Query(f"{STATE} and {SAME_KEY} {OUT}"),
        "Refused since": Query(f"1000 * min {BY_KEY} ({of_keys('retired_timestamp_seconds')})"),
        "Last used": Query(f"1000 * {LAST_USED} and {SAME_KEY} {OUT}"),
        "Last token expires": Query(f"1000 * {LATEST_EXPIRY} and {SAME_KEY} {OUT}"),
        "Refused by guards": Query(f"count {BY_KEY} ({OUT})"),
        "Accepted by guards": Query(f"sum {BY_KEY} ({ACCEPTED}) and {SAME_KEY} {OUT}"),
        "Valid": attempted("valid"),
        "Invalid": attempted("invalid"),
        "Unchecked": attempted("unchecked"),
    },
    {
        "thumbprint": looks.NARROW,
        "State": looks.STATE,
        "Refused since": looks.MOMENT,
        "Last used": looks.MOMENT,
        "Last token expires": looks.MOMENT,
        "Accepted by guards": looks.BAD_ABOVE_0,
        "Valid": looks.COUNT | looks.BAD_ABOVE_0,
        "Invalid": looks.COUNT,
        "Unchecked": looks.COUNT,
    },
    sort_by="Refused since",
)

BY_VERDICT = over_time(
    "Attempts by signature",
    Advice(
        "Attempts with keys out of service, a second, by key and by what is known of the signature.",
        "A short tail of `valid` after a retirement, and then nothing.",
        "`valid` that goes on: find the client in Envoy's access log (`reason` `key_retired` or `key_revoked` with this `kid`), and ask the issuer whether anything of its own still signs. `invalid` alone is somebody who guesses.",
        ("JwtguardRetiredKeySigns",),
        nothing="no key is out of service",
    ),
    Query(f"sum by (issuer, kid, thumbprint, signature) ({rate(ATTEMPTED)})", NAME + " {{signature}}"),
    unit="reqps",
    height=9,
    stacked=True,
)

SINCE_USE = over_time(
    "Since the last acceptance",
    Advice(
        "For each key that was withdrawn or is out of service: the time since any guard last accepted a token of it.",
        "Each line rises by a second each second.",
        "A line that falls to 0 after the key was retired: a guard still accepts it. *Guards that still accept it* below says how many do.",
        ("JwtguardKeyUsedAfterItsGrace",),
        nothing="no key is out of service",
    ),
    Query(f"(time() - {LAST_USED}) and {SAME_KEY} {in_state('grace|retired|revoked')}", NAME),
    unit="s",
    height=9,
)

LATE_USE = over_time(
    "Accepted after the deadline",
    Advice(
        "By how much the latest acceptance on any guard is later than the moment from which the first guard refuses the key: the trust window as it was in fact, beyond what the first guard promised.",
        "0, or what a refresh interval and the confirmation of a withdrawal take: guards see it at different moments.",
        "More than `jwtguard check -c FILE` prints: a guard could not fetch the issuer's keys, or was served an old copy. `jwtguard evidence export` on each guard, and `evidence verify` over all, give the exact figures.",
        ("JwtguardKeyUsedAfterItsGrace",),
        nothing="no key is out of service",
    ),
    Query(f"clamp_min({LATE}, 0)", NAME),
    unit="s",
)

DISAGREEING = over_time(
    "Guards that still accept it",
    Advice(
        "For each key that one guard refuses: how many guards have it active or in grace.",
        "0, a refresh interval after the retirement at the latest.",
        "An order was not given to all guards, or a guard does not see the withdrawal: `jwtguard keys list` there; `keys retire` or `keys revoke` with the same reason.",
        ("JwtguardKeySetsDisagree",),
        nothing="no key is out of service",
    ),
    Query(f"sum {BY_KEY} ({ACCEPTED}) and {SAME_KEY} {OUT}", NAME),
    unit="none",
)

BY_TYPE = over_time(
    "Anomalies by type",
    Advice(
        "What a healthy issuer does not do, by issuer and type; `_OTHER` is the guard itself (`clock_step`).",
        "Nothing but lines at 0.",
        "`retired_key_returned`: a rollback at the issuer, or an old copy; harmless while nobody signs with it. `mass_removal`: ask the issuer whether it meant it. `private_key_published`: the key is lost. `kid_reused`, `kid_ambiguous`: the issuer gives one name to two keys. `records_full`: no new key is taken. `removal_reverted`: a withdrawal was taken back. `clock_step`: look at the machine's time service.",
        ("JwtguardRetiredKeyReturned", "JwtguardMassRemoval", "JwtguardPrivateKeyPublished", "JwtguardKidConflict", "JwtguardRecordsFull"),
    ),
    Query(f"sum by (issuer, type) (increase({rows('key_anomalies_total', ISSUER)}[$__rate_interval]))", "{{issuer}} {{type}}"),
    unit="none",
    width=WHOLE,
    bars=True,
)

DASHBOARD = board(
    "jwtguard-retirement",
    "jwtguard: Retirement",
    "Which keys are out of service, is that so on every guard, and who still tries them?",
    since="now-7d",
    rows={
        "Out of service": [ATTEMPTS, OUT_OF_SERVICE, STILL_USED, ANOMALIES, KEYS],
        "Who still tries?": [BY_VERDICT, SINCE_USE],
        "Is it refused everywhere, and in time?": [LATE_USE, DISAGREEING],
        "What the issuer should not do": [BY_TYPE],
    },
    keys=True,
)
