// Package library owns the daemon's list of torrents: a status.Engine over a session.Session that remembers everything.
// The methods of a Library may be called by any goroutine; Run must be called once.
//
// A torrent of the list is an item. What is remembered of it is in item.kept, and on disk as S/torrents/HASH.entry beside its
// S/torrents/HASH.torrent; what the session says of it is in item.last. A torrent that does not run is not in the session.
//
// One mutex guards the list. It is never held across a wait: neither for the disk, nor for the session. What a
// torrent is doing in the session is changed by one goroutine at a time (claim), and entries are written by one goroutine, the store's,
// for all: a burst of changes becomes few writes, and a command waits for the write that holds its change. One loop looks at
// the session once a second and lets decide, which is pure, say what is to be done. No goroutine belongs to a torrent.
package library
