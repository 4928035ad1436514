// Package peer owns one connection to another client: the handshake, a reader
// and a writer goroutine, buffers and time-outs. It knows frames but not what
// they mean for a torrent; that is its Handler's business. It never dials or
// listens: whoever has a net.Conn may use it, each Conn as its methods say.
package peer

import (
	"shoal/metainfo"
	"shoal/peer/wire"
)

// Handler receives what happens on a connection. Its methods may block; that
// is how a slow consumer slows the remote down.
type Handler interface {
	// Messages hands over everything that one read from the socket brought, in
	// order. The handler owns the slice, its Data and its Blocks. It returns a slice without elements for the next
	// batch, one that it got earlier and is done with; nil will do. Called
	// from the reader goroutine only. Keep-alives and unknown ids are left out.
	Messages(batch []wire.Message) (spare []wire.Message)
	// Uploaded reports that blocks which were queued with Conn.Upload have left
	// for the socket: how many blocks, and their payload bytes. A block that
	// Source could not deliver was answered with a Reject and counts as a block without
	// bytes. Called from the writer goroutine only.
	Uploaded(blocks int, bytes int)
	// Closed is the last call, made once, after both goroutines have ended. err
	// says why and is never nil.
	Closed(err error)
}

// Source is where the bytes of uploaded blocks come from. It is read by the
// connection's writer when the block's turn comes.
type Source interface {
	// ReadAt reads len(p) bytes at byte off of the torrent, as io.ReaderAt.
	ReadAt(p []byte, off int64) (int, error)
	// Offset is the position of a block in the torrent, in bytes.
	Offset(b metainfo.Block) int64
}
