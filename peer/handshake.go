package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
)

// ErrUnknownTorrent is wrapped when the two sides of a handshake do not mean
// the same torrent.
var ErrUnknownTorrent = errors.New("not a torrent of ours")

// Dial makes the handshake for the torrent ih on a connected nc; we speak first, in the way o, which must be
// one that cfg.Encryption allows (see Encryption.First and Next). It returns the connection, ready for Run, and what the
// remote sent. On an error, which wraps wire.ErrProtocol, ErrUnknownTorrent, one of package mse, the context's or the
// socket's, nc is closed. A Conn that is not Run must be closed.
func Dial(ctx context.Context, nc net.Conn, cfg *Config, ih metainfo.Hash, o Opening) (*Conn, wire.Handshake, error) {
	c := cfg.withDefaults()
	l := line{nc: nc}
	var theirs wire.Handshake
	first, end := c.HandshakeTimeout, time.Now().Add(c.HandshakeTimeout)
	if o != OpenPlain {
		first = min(first, c.KeyTimeout)
	}
	err := shake(ctx, nc, first, func() (err error) {
		spoken := func() { until(ctx, nc, end) }
		if err = l.open(&c, o, ih, c.hello(ih), spoken); err != nil {
			return err
		}
		theirs, err = readHandshake(&l, func(h metainfo.Hash) error {
			if h != ih {
				return fmt.Errorf("%w: it answered for %v", ErrUnknownTorrent, h)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, theirs, err
	}
	return newConn(l, c, theirs), theirs, nil
}

// Accept makes the handshake on an incoming nc, plain or encrypted as cfg.Encryption has it: it reads until the info
// hash is there, asks torrents whether we have it, and only then answers with more than a key. Whoever wants
// something else, or speaks something else, gets no reply. Results and errors are as with Dial, and ErrNotEncrypted.
func Accept(ctx context.Context, nc net.Conn, cfg *Config, torrents Torrents) (*Conn, wire.Handshake, error) {
	c := cfg.withDefaults()
	l := line{nc: nc}
	var theirs wire.Handshake
	err := shake(ctx, nc, c.HandshakeTimeout, func() error {
		mine, err := l.opened(&c, torrents)
		if err != nil {
			return err
		}
		theirs, err = readHandshake(&l, func(h metainfo.Hash) error {
			if !mine(h) {
				return fmt.Errorf("%w: %v", ErrUnknownTorrent, h)
			}
			return l.send(c.hello(h))
		})
		return err
	})
	if err != nil {
		return nil, theirs, err
	}
	return newConn(l, c, theirs), theirs, nil
}

// shake runs f with one deadline for all of it and closes nc when f fails.
func shake(ctx context.Context, nc net.Conn, limit time.Duration, f func() error) error {
	nc.SetDeadline(time.Now().Add(limit))
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(past) })
	err := f()
	if !stop() && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil {
		err = nc.SetDeadline(time.Time{})
	}
	if err != nil {
		nc.Close()
		return fmt.Errorf("handshake with %v: %w", nc.RemoteAddr(), err)
	}
	return nil
}

// past ends every wait.
var past = time.Unix(1, 0)

// until moves the end of a handshake, unless ctx has ended it.
func until(ctx context.Context, nc net.Conn, at time.Time) {
	nc.SetDeadline(at)
	if ctx.Err() != nil { // shake may have ended it before
		nc.SetDeadline(past)
	}
}

// hello returns our handshake.
func (c *Config) hello(ih metainfo.Hash) []byte {
	h := wire.Handshake{InfoHash: ih, PeerID: c.PeerID}
	h.Reserved = h.Reserved.WithExtended().WithFast()
	if c.DHT {
		h.Reserved = h.Reserved.WithDHT()
	}
	return wire.AppendHandshake(make([]byte, 0, wire.HandshakeLen), &h)
}

// readHandshake reads exactly one handshake, looks at every byte as soon as
// it is there, and calls check once, with the info hash, before the peer id is waited for:
// some remotes send it only after ours.
func readHandshake(from io.Reader, check func(metainfo.Hash) error) (wire.Handshake, error) {
	var buf [wire.HandshakeLen]byte
	checked := false
	for n := 0; n < len(buf); {
		m, err := from.Read(buf[n:])
		n += m
		if err != nil && n < len(buf) {
			return wire.Handshake{}, fmt.Errorf("after %d bytes: %w", n, err)
		}
		ih, ok, err := wire.CheckHandshake(buf[:n])
		if err == nil && ok && !checked {
			checked = true
			err = check(ih)
		}
		if err != nil {
			return wire.Handshake{}, err
		}
	}
	return wire.ParseHandshake(buf[:])
}
