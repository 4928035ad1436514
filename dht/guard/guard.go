// Package guard owns the door between the UDP socket and the DHT library: a
// net.PacketConn that lets only well-formed, asked-for and affordable datagrams
// through, rewritten by our own encoder, because one small packet from anybody
// would otherwise end the process. It knows BEP 5, 32, 33, 42 and 43 as bytes and
// nothing of the library. Package dht makes one Conn for each address family. One
// goroutine at a time may call ReadFrom; everything else may be called from any
// goroutine. It starts no goroutine of its own.
package guard

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what a Conn stands in front of and what it may do.
type Config struct {
	// Conn is the socket of one family, or its share of one; it yields and takes
	// *net.UDPAddr. Close of the guard closes it to wake a blocked ReadFrom, so
	// whoever shares a socket hands in a Conn whose Close only detaches.
	Conn net.PacketConn
	// IPv6 is the family; addresses of the other one do not pass in either direction.
	IPv6 bool
	// Allow is the scope rule: may addr, named by the node at by, be contacted? An
	// invalid by means that we chose it ourselves. nil allows everything. It is
	// called for each address, so it must be fast, and must not call the Conn.
	Allow func(addr netip.AddrPort, by netip.Addr) bool
	// Own returns our own external address, which is never passed in as a node. May be nil.
	Own func() netip.AddrPort
	// Trusted tells the nodes that the user named: they are free of the rate for
	// first contacts. May be nil.
	Trusted func(netip.AddrPort) bool
	// Rates bounds traffic; the zero value means what is shipped.
	Rates Rates
	// Key is the secret behind tags and tables; zero means one from crypto/rand.
	Key [16]byte
	// ReadOnly makes us a read-only node (BEP 43): our queries say so, and foreign
	// queries are dropped.
	ReadOnly bool
}

// Conn is a guarded net.PacketConn. Its errors are few on purpose: see ReadFrom
// and WriteTo.
type Conn struct {
	cfg   Config
	key   sipKey
	epoch time.Time // origin of the times in tables
	done  chan struct{}
	once  sync.Once
	tally tally
	in    inbox // belongs to the goroutine in ReadFrom

	mu    sync.Mutex // guards what follows; held for microseconds, never while a callback or the socket runs
	rates limits
	peers peers
	votes votes
}

// New returns a Conn in front of cfg.Conn. Close ends it.
func New(cfg Config) *Conn {
	if cfg.Key == [16]byte{} {
		rand.Read(cfg.Key[:])
	}
	if cfg.Allow == nil {
		cfg.Allow = func(netip.AddrPort, netip.Addr) bool { return true }
	}
	if cfg.Own == nil {
		cfg.Own = func() netip.AddrPort { return netip.AddrPort{} }
	}
	if cfg.Trusted == nil {
		cfg.Trusted = func(netip.AddrPort) bool { return false }
	}
	c := &Conn{
		cfg:   cfg,
		key:   sipKey{binary.LittleEndian.Uint64(cfg.Key[:8]), binary.LittleEndian.Uint64(cfg.Key[8:])},
		epoch: time.Now(),
		done:  make(chan struct{}),
	}
	c.rates = newLimits(cfg.Rates)
	c.peers = newPeers()
	return c
}

// since turns a moment into the time of the tables, which is never zero.
func (c *Conn) since(now time.Time) int64 { return max(1, int64(now.Sub(c.epoch))) }

// LocalAddr returns the address of the socket.
func (c *Conn) LocalAddr() net.Addr { return c.cfg.Conn.LocalAddr() }

// Close ends the Conn: ReadFrom and WriteTo return net.ErrClosed from then on, and
// a blocked ReadFrom wakes because cfg.Conn is closed with it. A second Close does nothing.
func (c *Conn) Close() error {
	var err error
	c.once.Do(func() {
		close(c.done)
		err = c.cfg.Conn.Close()
	})
	return err
}

func (c *Conn) closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// SetDeadline is not supported: nobody behind the guard waits by deadline.
func (c *Conn) SetDeadline(time.Time) error { return errors.ErrUnsupported }

// SetReadDeadline is not supported.
func (c *Conn) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

// SetWriteDeadline is not supported.
func (c *Conn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// External returns our own address as others see it (BEP 42): the one that the
// latest replies of nodes in at least ten different networks agree on.
func (c *Conn) External() (netip.Addr, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.votes.winner()
}

// Counts returns what passed and what did not since New.
func (c *Conn) Counts() Counts { return c.tally.read() }

// tally is Counts while it grows.
type tally struct {
	passed, sent, answered, failed atomic.Uint64
	dropped, refused               [numReasons]atomic.Uint64
}

func (t *tally) read() Counts {
	n := Counts{Passed: t.passed.Load(), Sent: t.sent.Load(), Answered: t.answered.Load(), Failed: t.failed.Load()}
	for i := range numReasons {
		n.Dropped[i] = t.dropped[i].Load()
		n.Refused[i] = t.refused[i].Load()
	}
	return n
}
