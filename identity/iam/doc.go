// Package iam holds the accounts of berth with their users, groups, roles, policies, access keys and sessions, knows who signs a request, and
// decides what the caller may do.
//
// Two rules shape it. Every reference between rows is by a unique id that is never given twice (AIDA…, AROA…), so that a user who is deleted and made
// again under the same name inherits nothing (H102). And what a request needs (secret, compiled policies, boundary, tags) is kept in memory only under
// the epoch of its account: a change is seen by the very next request on this node, and by other nodes when their epoch moves.
//
// Secrets must be recoverable, since a SigV4 signature is checked with the secret itself. They are sealed with AES-256-GCM under a key that is kept
// in a table of its own in the same database, bound to the row that they belong to: a secret cannot be moved to another access key, and what shows a
// table of keys (a query log, a partial dump) shows no secret. Whoever has the whole database has the secrets: its backups need the same care. Secrets
// are never logged and leave this package only in the answer that makes them and in Credential.
package iam
