package main

const keysListUsage = `Usage: jwtguard keys list [ISSUER] (-c FILE | --admin URL) [--retired [-o config]]
                          [--json]

Lists the keys of a running guard, or of one of its issuers: those that need
attention first. Times are relative to this machine's clock; where the table is too
wide, thumbprints are cut short: --thumbprint takes them as they are shown, and
"keys show" has all of them.

  --retired         only keys that are out of service, or will be by an order
  --retired -o config
                    the same as lines for the configuration, under keys: of each
                    issuer. A guard without a state directory forgets at a restart
                    what does not stand there.
  -c FILE, --admin URL, --token-file FILE, --json
                    see jwtguard keys --help

Exit status: 0 listed, even if there is nothing to list; 1 no guard answers, it has
no such issuer, or a key cannot be written as a line; 2 wrong usage, or a
configuration that cannot be used.
`

const keysShowUsage = `Usage: jwtguard keys show ISSUER KID (-c FILE | --admin URL) [--thumbprint T] [--json]

Shows what a running guard knows of one key, and what can be done next.

  --thumbprint T    the key by its RFC 7638 thumbprint, with - for KID; beside a
                    KID, it says which of the keys that the kid has named. The
                    beginning that "keys list" shows will do, if it is one key's
  -c FILE, --admin URL, --token-file FILE, --json
                    see jwtguard keys --help

Exit status: 0 shown; 1 no such key, or no guard answers; 2 wrong usage, or a
configuration that cannot be used.
`

// keysOrderUsage is what the commands that change something have in common.
const keysOrderUsage = `  --thumbprint T    the key by its RFC 7638 thumbprint, with - for KID; beside a
                    KID, it says which of the keys that the kid has named. The
                    beginning that "keys list" shows will do, if it is one key's
  -c FILE, --admin URL, --token-file FILE, --json
                    see jwtguard keys --help

Exit status: 0 in force (a warning says if it would not outlast a restart); 1
refused, or no guard answers; 2 wrong usage, or a configuration or token file that
cannot be used.
`

const keysRetireUsage = `Usage: jwtguard keys retire --reason TEXT ISSUER KID (-c FILE | --admin URL)
                            [--grace D] [--force] [--unseen] [--thumbprint T] [--json]

Puts a key out of service for ever. During the grace, tokens that were issued
before this moment still pass. The key is refused then, whatever the issuer lists.

  --reason TEXT     why; it is recorded
  --grace D         for how long, such as 30m or 0s (default: keys.grace of the issuer)
  --force           although tokens in use would be cut off, or the issuer would be
                    left without a usable key
  --unseen          also a key that this guard has never seen; it gets no grace
` + keysOrderUsage

const keysRevokeUsage = `Usage: jwtguard keys revoke --reason TEXT ISSUER KID (-c FILE | --admin URL)
                            [--force] [--unseen] [--thumbprint T] [--json]

Puts a compromised key out of service for ever, from the next request on, under
every issuer of this guard. This cannot be undone.

  --reason TEXT     why; it is recorded
  --force           although the issuer would be left without a usable key
  --unseen          also a key that this guard has never seen
` + keysOrderUsage

const keysReinstateUsage = `Usage: jwtguard keys reinstate --reason TEXT ISSUER KID (-c FILE | --admin URL)
                               [--thumbprint T] [--json]

Undoes a retirement: the key is trusted again while the issuer lists it. A revoked
key is never trusted again, and one that the configuration retires stays so.

  --reason TEXT     why; it is recorded
` + keysOrderUsage

const keysRefreshUsage = `Usage: jwtguard keys refresh ISSUER (-c FILE | --admin URL) [--token-file FILE] [--json]

Has a running guard fetch the keys of an issuer, and tells what came of it. An
issuer's keys are fetched once in 10 s at most, whoever asks: this waits for that.
It does not wait for the longer back-off after failures; where the issuer asked for one
(Retry-After), this says when the fetch is due.

  -c FILE, --admin URL, --token-file FILE, --json
                    see jwtguard keys --help

Exit status: 0 fetched; 1 the fetch failed or is still to come, or no guard
answers; 2 wrong usage, or a configuration or token file that cannot be used.
`
