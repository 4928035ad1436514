package simnet

import (
	"net/netip"
	"time"
)

// Link is how a host hangs on the network.
type Link struct {
	Up, Down int64         // bytes a second; 0: no limit
	Latency  time.Duration // one way, from the host to the core of the network
	Loss     float64       // share of datagrams lost on this link, each way; streams lose nothing
}

// parcel is a run of stream bytes, the end of a stream, or a datagram, under way to dst.
type parcel struct {
	data []byte
	end  end
	dst  endpoint
	from netip.AddrPort // of a datagram
}

type end uint8

const (
	open  end = iota
	fin       // no more bytes follow
	reset     // the stream is gone
)

// endpoint is a stream or a packet socket. Net.mu is held during its calls.
type endpoint interface {
	home() *Host
	inbound() *flow  // its queue before the downlink
	arrive(p parcel) // out of the downlink
	whole() bool     // its parcels cannot be split
}

// flow is a queue of parcels before a pipe.
type flow struct {
	q      []parcel
	size   int // bytes in q
	active bool
	// gate says how many bytes may leave now; nil: any number.
	gate func() int
	// left is told after bytes have left; may be nil.
	left func(n int)
}

// ready reports whether the head of the queue may leave.
func (f *flow) ready() bool {
	return len(f.q) > 0 && (f.gate == nil || len(f.q[0].data) == 0 || f.gate() > 0)
}

// take removes at most n bytes, or one whole parcel when that cannot be split.
func (f *flow) take(n int) parcel {
	p := f.q[0]
	if f.gate != nil {
		n = min(n, f.gate())
	}
	if !p.dst.whole() && len(p.data) > n {
		p.data = p.data[:n]
		f.q[0].data = f.q[0].data[n:]
	} else {
		f.q[0] = parcel{}
		f.q = f.q[1:]
	}
	f.size -= len(p.data)
	if f.left != nil {
		f.left(len(p.data))
	}
	return p
}

// pipe is one direction of a host's link. It serves its flows in turn.
type pipe struct {
	n     *Net
	rate  int64 // bytes a second; 0: no limit
	turn  int   // bytes a flow may send when it is its turn
	ring  []*flow
	busy  bool
	down  bool
	bytes int64
	out   func(p parcel)
}

func newPipe(n *Net, rate int64, out func(p parcel)) *pipe {
	// 20 ms of the link's time, so that one turn is one event and streams still share fairly.
	return &pipe{n: n, rate: rate, turn: int(max(1500, min(rate/50, 64<<10))), out: out}
}

func (p *pipe) push(f *flow, pc parcel) {
	f.q = append(f.q, pc)
	f.size += len(pc.data)
	p.activate(f)
}

// activate puts f into the ring if it has something that may leave.
func (p *pipe) activate(f *flow) {
	if !f.active && f.ready() {
		f.active = true
		p.ring = append(p.ring, f)
	}
	p.serve()
}

func (p *pipe) serve() {
	for !p.busy && !p.down && len(p.ring) > 0 {
		f := p.ring[0]
		p.ring = p.ring[1:]
		if !f.ready() {
			f.active = false
			continue
		}
		turn := p.turn
		if p.rate == 0 {
			turn = 1 << 30
		}
		pc := f.take(turn)
		if f.active = f.ready(); f.active {
			p.ring = append(p.ring, f)
		}
		p.bytes += int64(len(pc.data))
		if p.rate == 0 || len(pc.data) == 0 {
			p.out(pc)
			continue
		}
		p.busy = true
		p.n.after(time.Duration(int64(len(pc.data))*int64(time.Second)/p.rate), func() {
			p.busy = false
			p.out(pc)
			p.serve()
		})
	}
}

func (p *pipe) setDown(down bool) {
	p.down = down
	p.serve()
}
