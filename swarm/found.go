package swarm

import "shoal/status"

// found is how a connected peer was found: by a source of addresses, or because it came to us.
type found uint8

const cameToUs = found(FromPeer + 1)

// sourceOf says how p was found. Addresses that were forgotten since count as named by peers.
func (c *common) sourceOf(p *peer) found {
	if p.hello.Incoming {
		return cameToUs
	}
	if k := c.cands.find(p.listen); k != nil {
		return found(k.kind)
	}
	return found(FromPeer)
}

// String returns the word of status.Peer.Source.
func (f found) String() string {
	return [...]string{"user", "tracker", "local", "dht", "pex", "incoming"}[f]
}

// count adds one peer to where it belongs.
func (f found) count(s *status.Sources) {
	*[...]*int{&s.User, &s.Tracker, &s.Local, &s.DHT, &s.PEX, &s.Incoming}[f]++
}
