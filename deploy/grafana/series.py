"""Which series of a metric a panel asks for, as the dashboard's variables say.

Keys are joined by issuer and thumbprint: a key may have several kids, and a kid is a
name that can be given again. What several guards say about one key becomes one row.
"""

# The variables of the dashboards, as matchers.
GUARD = 'instance=~"$guard"'
ISSUER = f'issuer=~"$issuer", {GUARD}'
KEY = f'kid=~"$kid", {ISSUER}'

# A row for each key.
BY_KEY = "by (issuer, kid, thumbprint)"
# Joins two rows that are about one key.
SAME_KEY = "on (issuer, thumbprint)"


def rows(metric: str, matchers: str, *more: str) -> str:
    """The series of jwtguard_METRIC that match."""
    return f"jwtguard_{metric}{{{', '.join([matchers, *more])}}}"


def of_keys(metric: str, *more: str) -> str:
    return rows(f"key_{metric}", KEY, *more)


def of_issuers(metric: str, *more: str) -> str:
    return rows(f"jwks_{metric}", ISSUER, *more)


def of_guards(metric: str, *more: str) -> str:
    return rows(metric, GUARD, *more)


def rate(selected: str) -> str:
    """By the second, over as few scrapes as Grafana finds meaningful."""
    return f"rate({selected}[$__rate_interval])"


def in_state(states: str) -> str:
    """1 for each key and guard where the key is in one of the states (a|b)."""
    matcher = f'state=~"{states}"'
    return f"{of_keys('state', matcher)} == 1"


# States by how far a key in them is trusted, the widest trust first, so that the
# least over all guards says what the most trusting guard does.
TRUST = ["active", "grace", "pending", "retired", "revoked"]

_RANKED = [f"{n} * ({in_state(state)})" for n, state in enumerate(TRUST, 1)]
STATE = f"min {BY_KEY} ({' or '.join(_RANKED)})"

# When a key is refused from, as the first guard to do so knows it: the deadline of
# one that is usable, the end of one that was.
DEADLINE = f"min by (issuer, thumbprint) ({of_keys('retires_timestamp_seconds')} or {of_keys('retired_timestamp_seconds')})"

# 0 as long as there is a guard to say so.
NONE = f"0 * count({of_guards('build_info')})"

LAST_USED = f"max {BY_KEY} ({of_keys('last_used_timestamp_seconds')})"
LATEST_EXPIRY = f"max {BY_KEY} ({of_keys('latest_token_expiry_timestamp_seconds')})"
