package tabs

import "shoal/status"

// Flag is one letter of what Flags says of a peer, with its meaning for the help.
type Flag struct {
	Letter byte
	Text   string
	is     func(p *status.Peer) bool
}

// flags are the letters that other clients show, too.
var flags = []Flag{
	{'D', "it sends to us", func(p *status.Peer) bool { return p.AmInterested && !p.PeerChoking && p.Queue > 0 }},
	{'d', "we want something of it, but it chokes us or is not asked just now", func(p *status.Peer) bool { return p.AmInterested && (p.PeerChoking || p.Queue <= 0) }},
	{'K', "it lets us ask, but has nothing that we lack", func(p *status.Peer) bool { return !p.AmInterested && !p.PeerChoking }},
	{'U', "we send to it, or would", func(p *status.Peer) bool { return p.PeerInterested && !p.AmChoking }},
	{'u', "it wants something of us, but we choke it", func(p *status.Peer) bool { return p.PeerInterested && p.AmChoking }},
	{'?', "we let it ask, but it wants nothing", func(p *status.Peer) bool { return !p.PeerInterested && !p.AmChoking }},
	{'S', "it does not send what it was asked for", func(p *status.Peer) bool { return p.Snubbed }},
	{'E', "the connection is encrypted", func(p *status.Peer) bool { return p.Encrypted }},
	{'I', "it connected to us", func(p *status.Peer) bool { return p.Incoming }},
	{'T', "over uTP", func(p *status.Peer) bool { return p.UTP }},
}

// Legend returns what the letters mean, in their order.
func Legend() []Flag { return flags }

// Flags says in letters who sends and who wants, and how the connection is.
func Flags(p *status.Peer) string {
	b := make([]byte, 0, 8)
	for i := range flags {
		if flags[i].is(p) {
			b = append(b, flags[i].Letter)
		}
	}
	return string(b)
}
