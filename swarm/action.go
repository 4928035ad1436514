package swarm

import (
	"net/netip"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
)

// actionKind says what is to be done; the comment names the fields of action that count.
type actionKind uint8

const (
	acSend         actionKind = iota // peer, from, to: core.out[from:to] to the link
	acUpload                         // peer, block: queue it with the link's writer
	acCancelUpload                   // peer, block: take it back; evUploadCancelled follows if it was there
	acClose                          // peer, err
	acJob                            // job: to the disk
	acDial                           // addr
	acDemand                         // up, n: bytes that could be sent and requested now
	acNeedPeers
	acVerified  // n: a piece
	acCompleted // everything wanted is there
	acFailed    // err: the torrent has stopped
	acBanned    // addr, err
	acExternal  // addr: ours, as the peer at by sees it
	acPublish   // the snapshot has changed
	acCheckInfo // parts: hash and parse what may be the info dictionary; evInfo follows
	acMetadata  // torrent: what was looked for
	acNode      // addr: a DHT node
)

// action is one thing for Swarm.do. It is a flat struct in a slice that is reused, so that deciding costs no allocation.
type action struct {
	kind     actionKind
	peer     piece.PeerID
	from, to int
	up, n    int64
	block    metainfo.Block
	job      *piece.Job
	addr     netip.AddrPort
	by       netip.Addr
	err      error
	parts    [][]byte
	torrent  *metainfo.Torrent
}

// send queues m for p. Consecutive sends to one peer become one action.
func (c *common) send(p *peer, m wire.Message) {
	c.out = append(c.out, m)
	if n := len(c.acts); n > 0 && c.acts[n-1].kind == acSend && c.acts[n-1].peer == p.id {
		c.acts[n-1].to++
		return
	}
	c.acts = append(c.acts, action{kind: acSend, peer: p.id, from: len(c.out) - 1, to: len(c.out)})
}

func (c *common) act(a action) { c.acts = append(c.acts, a) }
