package swarm

import (
	"net/netip"

	"shoal/metainfo"
	"shoal/peer/wire"
)

// Link is what a swarm needs of a connection. Its methods never block and
// may be called only from the swarm's loop. peer.Conn is one.
type Link interface {
	// Send queues messages in order. The link closes itself when its queue is full. The
	// slice may be reused after the call; Data of a message may not be changed.
	Send(ms ...wire.Message)
	// Upload queues a Piece message; its bytes are read when its turn comes, and
	// then reported through Sink.Uploaded.
	Upload(b metainfo.Block)
	// CancelUpload takes back a block queued with Upload and reports whether it
	// was still there; if so it will not be reported as uploaded.
	CancelUpload(b metainfo.Block) bool
	// Backlog returns how many bytes of messages wait to be sent, queued uploads apart.
	Backlog() int
	// Close ends the connection; the reason is for logs and the peer list. Sink.Closed follows.
	Close(reason error)
}

// Hello is what the handshake told about a new link.
type Hello struct {
	Addr     netip.AddrPort // remote address; its port is the listening port only for outgoing links
	PeerID   [20]byte
	Incoming bool
	// Encrypted says that all of the connection is.
	Encrypted bool
	Fast      bool // both sides speak BEP 6
	Extended  bool // both sides speak BEP 10
	DHT       bool // the remote runs a DHT node (BEP 5)
}

// Host is what a swarm asks of the session. Its methods are called from the
// loop and never block.
type Host interface {
	// Dial starts a connection attempt. It ends in Swarm.Attach or Swarm.DialFailed; the session
	// refuses it by DialFailed with ErrBusy.
	Dial(addr netip.AddrPort)
	// Reserve asks for n bytes of piece memory; Release gives them back. The
	// first open piece of a torrent is always granted.
	Reserve(n int64) bool
	Release(n int64)
	// Demand says how many bytes this torrent could send and request right now;
	// Swarm.Grant answers. It is called only for directions that are limited (see Config.LimitedUp...).
	Demand(up, down int64)
	// NeedPeers says that candidates have run out and connections are wanted.
	NeedPeers()
	// Completed is called when the last wanted piece has been verified and written
	// during this run, or what was missing is not wanted any more: once, and again if more was wanted after that.
	Completed()
	// Failed says that the torrent stopped because of err (disk full, file gone, ...), before the snapshot does.
	Failed(err error)
	// Banned says that this address was proven to have lied.
	Banned(addr netip.Addr, reason string)
	// ExternalAddr reports our own address as the remote at by sees it (BEP 10 yourip).
	ExternalAddr(addr, by netip.Addr)
	// Metadata is called once, when the info dictionary of a swarm was found that began without: ID, Info and InfoBytes of t
	// are set. The swarm keeps its connections and waits for Begin, which others must call: this is the loop.
	Metadata(t *metainfo.Torrent)
	// DHTNode says that a peer runs a DHT node at addr (BEP 5).
	DHTNode(addr netip.AddrPort)
	// Verified says that piece i is now verified and written, so that the session can
	// note the resume record as changed.
	Verified(i int)
}

// Sink is the way into a swarm for one link; it has the methods of
// peer.Handler and keeps to what is said there. Swarm.Attach returns it.
type Sink interface {
	Messages(batch []wire.Message) (spare []wire.Message)
	Uploaded(blocks int, bytes int)
	Closed(err error)
}
