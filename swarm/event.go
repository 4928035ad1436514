package swarm

import (
	"net/netip"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
)

// eventKind says what happened; the comment names the fields of event that count.
type eventKind uint8

const (
	evAttached        eventKind = iota // peer, link, hello: a connection is ours
	evMessages                         // peer, batch: what one read brought
	evUploaded                         // peer, n blocks, bytes: they left for the socket
	evUploadCancelled                  // peer, block: it was taken back from the writer
	evClosed                           // peer, err: the connection has ended
	evInfo                             // torrent or err: an info dictionary was hashed
	evDisk                             // result: a job has ended; nothing below matters once we stop
	evDialFailed                       // addr, err
	evAddresses                        // addrs, from: candidates
	evGrant                            // up, down: bytes that may be spent
	evReadFailed                       // block, err: it could not be read for upload
	evFail                             // err: the torrent must stop
	evRetry                            // n: so many candidates, 0 for all
	evPause                            // the three commands
	evResume
	evRecheck
	evPriorities // files
	evSequential // n: 1 on, 0 off
	evSlots      // n: what the session deals; the same for the next two
	evMaxPeers
	evMaxDials
	evLimited  // up, down: 1 limited, 0 not
	evExternal // addr: ours, as others see it
	evAsk      // ask: a question answered on the loop, for Peers and Have
	evBegin    // config: the info dictionary is known, and what is needed with it
)

// event is the closed sum of all that can happen to a swarm.
type event struct {
	kind     eventKind
	peer     piece.PeerID
	n, bytes int
	up, down int64
	err      error
	block    metainfo.Block
	batch    []wire.Message
	more     *eventMore
	result   piece.Result
}

// eventMore holds what rare events carry, so that the common ones stay small.
type eventMore struct {
	link  Link
	hello Hello
	addr  netip.AddrPort
	addrs []netip.AddrPort
	from  Source
	ask   func(mind)
	files []uint8
	done  chan struct{} // closed when the effect is visible

	torrent *metainfo.Torrent
	config  *Config
}
