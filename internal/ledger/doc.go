// Package ledger appends what happens to keys to a hash-chained file, and
// replays it at start, so that a retired key stays retired.
//
// The file is DIR/ledger.jsonl: JSON Lines, one event each, with its members in
// this order: seq (1, 2, 3, … across files), time (wall clock), life (lifecycle
// time), prev (the hash of the line before; 64 zeros at the beginning of a
// chain), event, then what the event has, and last hash: the SHA-256, in
// lowercase hexadecimal, of the line's bytes before `,"hash"`. Times are RFC 3339
// in UTC.
//
// Key events bear the words of [keyset.EventType], and issuer, iss, kid,
// thumbprint, from, to, action, anomaly, detail, reason, actor. Their key is the
// whole record after the event. It is left out where the lines before it give that
// record already, and in lines that had to wait for a disk that failed: there,
// key_record lines after the events give the records. The ledger's own events:
//
//   - file_opened begins each file: format, guard, version, records. After it come
//     as many key_record lines with the usage totals of each record, and one
//     observed line an issuer, so that older files may be archived.
//   - state_loss_accepted follows it where a new chain begins because damage was
//     accepted: damage, with the keys that were put out of service by what other
//     lines say of them, and aside, the file that was damaged.
//   - guard_started and guard_stopped, with guard and version.
//   - key_record: a record that changed without an event. With was, it takes the
//     place of the record without material that is known by that kid.
//   - key_forgotten: a record is gone.
//   - observed: the newest observation. Every alias that is listed, and its key,
//     was last seen then. Last-seen times that follow from it are not written one
//     by one, so that they may be older than the truth, never younger.
//   - usage: what was counted since the key's usage line before, and the latest
//     times.
//   - gap: nothing could be written since then; events_left_out were not kept. The
//     records are exact all the same.
//
// What is stored, and who is trusted with it: a reader trusts each line as far as
// the chain up to it holds, so that nothing can be changed, removed or put in
// between without a trace, but for the end. The chain does not stop whoever
// rewrites the whole file; its head is logged for that, to be kept off this host.
// Material is read again from each kept JWK, and must give its thumbprint.
//
// Writing: one goroutine owns the file. Whatever waits is written with one write
// and one fsync, and only then taken as what a replay gives. After a fault the
// file is cut back to what is known to be durable before anything else is
// written.
package ledger
