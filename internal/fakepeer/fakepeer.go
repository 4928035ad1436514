// Package fakepeer is a scripted remote for tests: it speaks the peer protocol
// over any net.Conn, well or badly, as the test says. A Peer belongs to one
// goroutine at a time; only Close may be called from another. It keeps no goroutine.
package fakepeer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"shoal/internal/block"
	"shoal/metainfo"
	"shoal/peer/wire"
)

// Peer is one end of a connection.
type Peer struct {
	Conn net.Conn
	// Theirs is the handshake of the other side, once it was read.
	Theirs wire.Handshake
	// Fast says that both sides speak BEP 6, once handshakes were made.
	Fast bool

	rd      *wire.Reader
	pending []wire.Message
	out     []byte
}

// Hello is what a Peer says in its handshake. The zero Reserved means the bits
// of BEP 6 and BEP 10; Plain means none.
type Hello struct {
	InfoHash metainfo.Hash
	PeerID   [20]byte
	Reserved wire.Reserved
	Plain    bool
}

// New returns a Peer that talks over nc.
func New(nc net.Conn) *Peer {
	return &Peer{Conn: nc, rd: wire.NewReader(nc, new(block.Pool), 0)}
}

// Dial makes the handshake and speaks first.
func (p *Peer) Dial(h Hello) error {
	if err := p.sayHello(h); err != nil {
		return err
	}
	return p.hear(h)
}

// Answer makes the handshake and waits for the other side's first.
func (p *Peer) Answer(h Hello) error {
	if err := p.hear(h); err != nil {
		return err
	}
	return p.sayHello(h)
}

func (h Hello) bits() wire.Reserved {
	if h.Plain || h.Reserved != (wire.Reserved{}) {
		return h.Reserved
	}
	return wire.Reserved{}.WithFast().WithExtended()
}

func (p *Peer) sayHello(h Hello) error {
	w := wire.Handshake{Reserved: h.bits(), InfoHash: h.InfoHash, PeerID: h.PeerID}
	return p.Raw(wire.AppendHandshake(nil, &w))
}

func (p *Peer) hear(h Hello) error {
	p.Conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	b := make([]byte, wire.HandshakeLen)
	if _, err := io.ReadFull(p.Conn, b); err != nil {
		return fmt.Errorf("reading the handshake: %w", err)
	}
	var err error
	if p.Theirs, err = wire.ParseHandshake(b); err != nil {
		return err
	}
	p.Fast = h.bits().Fast() && p.Theirs.Reserved.Fast()
	return nil
}

// Send writes messages in one write.
func (p *Peer) Send(ms ...wire.Message) error {
	p.out = p.out[:0]
	for i := range ms {
		p.out = wire.Append(p.out, &ms[i])
	}
	return p.Raw(p.out)
}

// Raw writes bytes as they are.
func (p *Peer) Raw(b []byte) error {
	_, err := p.Conn.Write(b)
	return err
}

// Next returns the next message; keep-alives are passed over. A Block in it is
// the caller's.
func (p *Peer) Next(timeout time.Duration) (wire.Message, error) {
	p.Conn.SetReadDeadline(time.Now().Add(timeout))
	for len(p.pending) == 0 {
		var err error
		p.pending, err = p.rd.ReadBatch(p.pending[:0])
		if err != nil && len(p.pending) == 0 {
			return wire.Message{}, err
		}
	}
	m := p.pending[0]
	p.pending = p.pending[1:]
	return m, nil
}

// Expect returns the next message of a kind and passes over others.
func (p *Peer) Expect(k wire.Kind, timeout time.Duration) (wire.Message, error) {
	until := time.Now().Add(timeout)
	for {
		m, err := p.Next(time.Until(until))
		if err != nil {
			return m, fmt.Errorf("waiting for %v: %w", k, err)
		}
		if m.Kind == k {
			return m, nil
		}
		if m.Block != nil {
			m.Block.Release()
		}
	}
}

// Ended reads on until the other side closes the connection, and returns nil
// when it does so in time.
func (p *Peer) Ended(timeout time.Duration) error {
	until := time.Now().Add(timeout)
	for {
		m, err := p.Next(time.Until(until))
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("the other side did not close within %v", timeout)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, syscall.ECONNRESET):
			return nil
		case err != nil:
			return err
		}
		if m.Block != nil {
			m.Block.Release()
		}
	}
}

// Close closes the connection.
func (p *Peer) Close() error { return p.Conn.Close() }
