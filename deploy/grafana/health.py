"""Health: are the guards up, fast, fresh, and of one mind?"""

import looks
from board import board
from panels import BLUE, GREEN, HALF, RED, THIRD, YELLOW, Advice, Query, colored, listing, over_time, timeline, words
from series import GUARD, of_guards, of_issuers, rate

DECISIONS = rate(of_guards("decisions_total"))
DENIED = 'decision!="allow"'
UNJUDGED = 'reason=~"overloaded|internal_error|keys_unavailable|keys_stale"'
HIT = 'result="hit"'

# The scrape job's name is what deploy/prometheus/rules.yaml expects.
UP = timeline(
    "Guards",
    Advice(
        "Whether Prometheus can scrape each guard (job `jwtguard`).",
        "up.",
        "Requests may fail, or pass unchecked where Envoy has `failure_mode_allow`. Ask the guard for `/readyz`, and read its log before it is started again.",
        ("JwtguardAbsent",),
    ),
    Query(f'up{{job="jwtguard", {GUARD}}}', "{{instance}}"),
    words(("down", RED), ("up", GREEN)),
    height=7,
)

BUILDS = listing(
    "What is running",
    Advice(
        "The version, commit and Go of each guard.",
        "One version, but for the time of a deployment.",
        "Guards of two versions may judge differently: finish the deployment, or undo it.",
    ),
    {"Guards": Query(f"count by (version, commit, go) ({of_guards('build_info')})")},
    {"Guards": looks.NARROW},
    sort_by="version",
    width=HALF,
    height=7,
)

CHECKS = over_time(
    "Checks by decision",
    Advice(
        "Checks a second by decision; `shadow_deny` is what a policy in shadow mode lets pass and would have denied.",
        "As much as Envoy passes on, nearly all of it `allow`.",
        "None at all: Envoy does not ask this guard, or fails before it does (`ext_authz.error` in its statistics). A rise of `deny`: the panel beside this one says why.",
        ("JwtguardAbsent",),
    ),
    Query(f"sum by (decision) ({DECISIONS})", "{{decision}}"),
    unit="reqps",
    stacked=True,
)

# A reason that never occurred has no row: it is 0 as long as there is a guard to say so.
REFUSALS = over_time(
    "Refusals by reason",
    Advice(
        "What was refused, or would have been in shadow mode, a second, by policy and reason.",
        "A low, level mixture: `token_expired` and `token_missing` are every day's.",
        "`kid_unknown`: a new key is not known here yet, or somebody guesses. `signature_invalid`: forgeries, or a kid that was given twice. `keys_unavailable`, `keys_stale`: the row about keys below. The README says what each reason means; `jwtguard explain` shows one token step by step.",
        ("JwtguardNewKeyNotEverywhere",),
    ),
    Query(f"sum by (policy, reason) ({rate(of_guards('decisions_total', DENIED))}) or 0 * sum by (policy) ({DECISIONS})", "{{policy}} {{reason}}"),
    unit="reqps",
    stacked=True,
)

LATENCY = over_time(
    "Duration of a check",
    Advice(
        "The time from a check's arrival to its answer: median and p99 over all guards, and the p99 of the slowest guard. With exemplars, a point leads to its trace.",
        "p99 under a millisecond; a token that was not seen before costs a signature check more, and an unknown kid may wait up to 100 ms for a fetch.",
        "Envoy gives up after its own timeout (200 ms unless it is set). One slow guard: its CPU is throttled, or the machine is busy. All of them: more checks than CPUs for them (`overloaded` beside this one), or many unknown kids.",
    ),
    *[
        Query(f"histogram_quantile({q}, sum by (le) ({rate(of_guards('check_duration_seconds_bucket'))}))", name, exemplars=q > 0.5)
        for q, name in [(0.5, "median"), (0.99, "p99")]
    ],
    Query(f"max(histogram_quantile(0.99, sum by (instance, le) ({rate(of_guards('check_duration_seconds_bucket'))})))", "p99 of the slowest guard"),
    unit="s",
)

UNAVAILABLE = over_time(
    "Answered with 503",
    Advice(
        "Checks that the guard could not judge, a second: `overloaded` (more work than its limits allow), `internal_error` (a mistake of ours), `keys_unavailable` and `keys_stale` (the issuer's keys).",
        "0.",
        "`overloaded`: give the guard more CPU, or more guards. `internal_error`: keep the log and report it. The others: the issuer's keys cannot be fetched.",
        ("JwtguardJWKSStale",),
    ),
    Query(f"sum by (instance, reason) ({rate(of_guards('decisions_total', UNJUDGED))}) or 0 * sum by (instance) ({DECISIONS})", "{{instance}} {{reason}}"),
    unit="reqps",
    stacked=True,
)

AGE = over_time(
    "Age of the issuers' keys",
    Advice(
        "The time since the last good fetch of each issuer's keys, on the guard where it is longest ago.",
        "Under the refresh interval (5 minutes unless it is set) and a tenth.",
        "Fetches fail: the results are in the next line of panels. On all guards it is the issuer, on one its network; choose a guard above to see which. `jwtguard keys refresh ISSUER` gives the error.",
        ("JwtguardJWKSAging",),
    ),
    Query(f"time() - min by (issuer) ({of_issuers('last_success_timestamp_seconds')})", "{{issuer}}"),
    unit="s",
    width=THIRD,
)

STALE = over_time(
    "Until keys are too old",
    Advice(
        "The time until the first guard answers all tokens of an issuer with 503, because nobody has said for `max_stale` that its keys still hold.",
        "Level, near `max_stale` (4 hours unless it is set).",
        "It falls by a second each second while fetches fail. Mend the way to the issuer's keys before it reaches 0.",
        ("JwtguardJWKSStale",),
    ),
    Query(f"min by (issuer) ({of_issuers('stale_timestamp_seconds')}) - time()", "{{issuer}}"),
    unit="s",
    width=THIRD,
)

REFRESHES = colored(
    over_time(
        "Fetches by result",
        Advice(
            "Fetches of the issuers' keys by their result.",
            "`ok` and `not_modified` alone.",
            "`network`, `tls`, `timeout`: the way there. `http_status`: the issuer refuses or fails. `malformed`, `too_large`: the address answers something else than a key set, which is never used.",
            ("JwtguardJWKSAging",),
        ),
        Query(f"sum by (issuer, result) (increase({of_issuers('refreshes_total')}[$__rate_interval]))", "{{issuer}} {{result}}"),
        unit="none",
        bars=True,
    ),
    {"ok": GREEN, "not_modified": BLUE, "http_status": YELLOW, "malformed": RED},
)

SETS = over_time(
    "Different key sets",
    Advice(
        "How many different sets of usable keys the guards know, by issuer.",
        "1. After a key was published or withdrawn, 2 for one refresh interval at most.",
        "A token passes on one guard and fails on another. The table beside this one says which set how many guards have; `jwtguard keys list` on one of each says which key differs.",
        ("JwtguardKeySetsDisagree",),
    ),
    Query(f"count by (issuer) (count by (issuer, hash) ({of_issuers('set_info')}))", "{{issuer}}"),
    unit="none",
)

WHICH_SET = listing(
    "Which guard knows which set",
    Advice(
        "The hash of the usable keys that each guard knows of each issuer.",
        "One hash for each issuer.",
        "Compare the keys of two guards whose hashes differ: `jwtguard keys list ISSUER` on both. Do not let the issuer go on with a rotation before they agree.",
        ("JwtguardKeySetsDisagree",),
    ),
    {"Known": Query(f"max by (issuer, hash, instance) ({of_issuers('set_info')})")},
    {},
    sort_by="issuer",
    hidden=("Value",),
    width=HALF,
)

KEYS = over_time(
    "Usable keys",
    Advice(
        "How many keys that may be used each issuer lists, on the guard that knows the fewest.",
        "1 or 2; one more during a rotation.",
        "0: all its tokens are refused, but for those of a key in grace. Look why no key is listed, or why all are skipped.",
        ("JwtguardIssuerWithoutKey",),
    ),
    Query(f"min by (issuer) ({of_issuers('keys')})", "{{issuer}}"),
    unit="none",
    width=THIRD,
)

SKIPPED = over_time(
    "Skipped keys",
    Advice(
        "Keys that an issuer lists and that are not used, by reason, on the guard with the most.",
        "0, or a level number of keys that are meant for something else (`use_not_sig`, `kty_unknown`).",
        "`retired`: the issuer lists a key that is out of service. `kid_reused`, `kid_ambiguous`: it gave one name to two keys. `private_key`: the key is public, and lost. The others: the key is not fit for use; docs/lifecycle.md has the reasons.",
        ("JwtguardKidConflict",),
    ),
    Query(f"max by (issuer, reason) ({of_issuers('skipped_keys')}) or 0 * max by (issuer) ({of_issuers('keys')})", "{{issuer}} {{reason}}"),
    unit="none",
)

CACHE = over_time(
    "Token cache: hits",
    Advice(
        "The share of tokens that the cache of verified tokens knew already, by guard. Key, policy and times of those are judged anew all the same; a refused token is never kept.",
        "As high as clients reuse their tokens; over 90 % is usual.",
        "Low: clients fetch a token for each request, many tokens are refused (the panels above say why), or the cache is too small (the panel beside this one). It costs CPU, and nothing else.",
        nothing="the token cache is off",
    ),
    Query(
        f"sum by (instance) ({rate(of_guards('token_cache_requests_total', HIT))}) / sum by (instance) ({rate(of_guards('token_cache_requests_total'))})",
        "{{instance}}",
    ),
    unit="percentunit",
)

CACHE_SIZE = over_time(
    "Token cache: size",
    Advice(
        "The memory that the cache of verified tokens takes, by guard.",
        "Up to `token_cache.max_bytes`, and over it for moments only.",
        "At the limit while few tokens are hits: raise `token_cache.max_bytes`, and the memory limit of the container with it.",
        nothing="the token cache is off",
    ),
    Query(f"max by (instance) ({of_guards('token_cache_bytes')})", "{{instance}}"),
    unit="bytes",
    width=6,
)

CACHE_ENTRIES = over_time(
    "Token cache: entries",
    Advice(
        "The tokens that the cache of verified tokens holds, by guard.",
        "About as many as there are clients with a valid token.",
        "Many more: tokens of short use fill it (a token for each request). No harm, but its hits become fewer.",
        nothing="the token cache is off",
    ),
    Query(f"max by (instance) ({of_guards('token_cache_entries')})", "{{instance}}"),
    unit="short",
    width=6,
)

LEDGER = over_time(
    "Ledger: lines",
    Advice(
        "The sequence number of each guard's last ledger line; guards without a `state_dir` are not shown.",
        "It rises slowly: by some lines in 15 minutes, and more during a rotation.",
        "A number that falls: the guard began with a new or an older `state_dir`, and has forgotten what was retired. A number that stands still for an hour while keys are in use: see the errors beside this panel.",
        ("JwtguardLedgerWentBack", "JwtguardLedgerErrors"),
        nothing="no guard has a state_dir",
    ),
    Query(f"max by (instance) ({of_guards('ledger_sequence')})", "{{instance}}"),
    unit="locale",
)

LEDGER_ERRORS = over_time(
    "Ledger: errors",
    Advice(
        "Writes to the ledger that went wrong.",
        "0.",
        "What is retired stays refused while the guard runs, and a restart could forget it: do not restart it. Make room in `state_dir`, or mend the disk.",
        ("JwtguardLedgerErrors",),
        nothing="no guard has a state_dir",
    ),
    Query(f"sum by (instance) (increase({of_guards('ledger_errors_total')}[$__rate_interval]))", "{{instance}}"),
    unit="none",
    bars=True,
)

RELOADS = colored(
    over_time(
        "Reloads of the configuration",
        Advice(
            "Reloads of the configuration by their result.",
            "`ok`, when somebody changed it.",
            "`error`: the new file is not valid, and the guard goes on with the old one. `jwtguard check -c FILE` says what is wrong, by line and column.",
        ),
        Query(f"sum by (instance, result) (increase({of_guards('config_reloads_total')}[$__rate_interval]))", "{{instance}} {{result}}"),
        unit="none",
        bars=True,
    ),
    {"ok": GREEN, "error": RED},
)

CLOCK = over_time(
    "Drift of the clock",
    Advice(
        "By how much each guard's wall clock is ahead of its lifecycle time, which never goes back.",
        "0, to some milliseconds.",
        "Over 5 seconds it is an anomaly (`clock_step`): the machine's clock was set, or it was suspended. Nothing is trusted for longer because of it; have its time service looked at.",
    ),
    Query(f"max by (instance) ({of_guards('clock_drift_seconds')})", "{{instance}}"),
    unit="s",
)

DASHBOARD = board(
    "jwtguard-health",
    "jwtguard: Health",
    "Are the guards up, fast, fresh, and of one mind?",
    since="now-3h",
    rows={
        "Guards": [UP, BUILDS],
        "Checks": [CHECKS, REFUSALS, LATENCY, UNAVAILABLE],
        "Issuers' keys": [AGE, STALE, KEYS, REFRESHES, SKIPPED, SETS, WHICH_SET],
        "Token cache": [CACHE, CACHE_SIZE, CACHE_ENTRIES],
        "Ledger, configuration and clock": [LEDGER, LEDGER_ERRORS, RELOADS, CLOCK],
    },
    keys=False,
)
