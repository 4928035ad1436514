// Package piece knows what a torrent consists of on this side: Manager decides
// which blocks to ask for and what to make of those that come, Store keeps the
// bytes in files, and Disk hashes and writes on a few workers.
//
// Three kinds of goroutine meet here. A Manager belongs to the loop of its
// torrent and is not safe for anybody else. Stores and Files are safe for all:
// disk workers write, the writers of connections read, one background goroutine
// syncs, the session looks after the files. A Disk takes jobs from any
// goroutine and answers on its own.
//
// A piece is absent, written or synced. Written means that a commit was answered
// with OK: the hash was right and the bytes are with the operating system.
// Synced means that a Sync which began after that returned without naming it.
// Nothing in this package remembers a piece longer than the process lives; the
// session's records do.
package piece
