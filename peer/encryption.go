package peer

import (
	"errors"
	"fmt"
	"net"

	"shoal/metainfo"
	"shoal/peer/mse"
	"shoal/peer/wire"
)

// Encryption is a policy for connections (package mse). The zero value prefers it.
type Encryption uint8

const (
	// PreferEncryption dials encrypted first, accepts everything, and selects RC4 where the remote lets us.
	// That is what Transmission and qBittorrent do when they prefer encryption; libtorrent as it comes would select
	// plaintext. Plaintext behind an encrypted handshake is offered only to who refused RC4, and a
	// plain handshake is made only with who does not speak the other.
	PreferEncryption Encryption = iota
	// RequireEncryption offers and accepts RC4 alone: not one byte of a connection is in the clear.
	RequireEncryption
	// NoEncryption makes and accepts plain handshakes alone.
	NoEncryption
)

// ErrNotEncrypted is wrapped when a remote begins with a plain handshake and encryption is required.
var ErrNotEncrypted = errors.New("connection is not encrypted")

// Opening is a way to begin a connection that we dial.
type Opening uint8

const (
	OpenRC4    Opening = iota // encrypted, offering RC4 alone
	OpenEither                // encrypted handshake, offering plaintext after it too
	OpenPlain                 // plain handshake
)

// First returns how to begin with a remote of which nothing is known.
func (e Encryption) First() Opening {
	if e == NoEncryption {
		return OpenPlain
	}
	return OpenRC4
}

// Next returns how to dial once more after Dial with o failed with err, if that makes sense. It does so at most
// once in a row.
func (e Encryption) Next(o Opening, err error) (Opening, bool) {
	switch {
	case e != PreferEncryption || o != OpenRC4:
	case errors.Is(err, mse.ErrUnspoken):
		return OpenPlain, true
	case errors.Is(err, mse.ErrRefused):
		return OpenEither, true
	}
	return o, false
}

// allows reports whether the policy lets a dial begin so.
func (e Encryption) allows(o Opening) bool {
	switch e {
	case NoEncryption:
		return o == OpenPlain
	case RequireEncryption:
		return o == OpenRC4
	}
	return true
}

// accepts returns the methods of an incoming connection.
func (e Encryption) accepts() mse.Methods {
	if e == RequireEncryption {
		return mse.RC4
	}
	return mse.RC4 | mse.Plain
}

// Torrents are those that an incoming connection may be for. Methods may be called from any goroutine.
type Torrents interface {
	// Known reports whether we have the torrent of a plain handshake.
	Known(ih metainfo.Hash) bool
	// Unveil returns the torrent whose mse.Veil is given, false if we do not have it.
	Unveil(veil metainfo.Hash) (ih metainfo.Hash, ok bool)
}

// line is a connection with what its handshake left: it reads as the remote wrote. Its zero value but for
// nc is a bare one.
type line struct {
	nc    net.Conn
	early []byte      // read already and decrypted, comes before what nc brings
	crypt *mse.Stream // nil: nothing is encrypted
}

// bare reports whether nc itself reads the same.
func (l *line) bare() bool { return l.crypt == nil && len(l.early) == 0 }

// Read implements io.Reader. It decrypts where the bytes lie.
func (l *line) Read(p []byte) (int, error) {
	if len(l.early) > 0 {
		n := copy(p, l.early)
		if l.early = l.early[n:]; len(l.early) == 0 {
			l.early = nil
		}
		return n, nil
	}
	n, err := l.nc.Read(p)
	l.crypt.Decrypt(p[:n])
	return n, err
}

// send writes p, which it encrypts in place.
func (l *line) send(p []byte) error {
	l.crypt.Encrypt(p)
	_, err := l.nc.Write(p)
	return err
}

// open begins a dialled connection with our handshake. It calls spoken as soon as the remote has shown that it speaks
// the encrypted one.
func (l *line) open(c *Config, o Opening, ih metainfo.Hash, hello []byte, spoken func()) error {
	if !c.Encryption.allows(o) {
		return fmt.Errorf("%w: the policy forbids to dial so", ErrNotEncrypted)
	}
	if o == OpenPlain {
		return l.send(hello)
	}
	methods := mse.RC4
	if o == OpenEither {
		methods |= mse.Plain
	}
	res, err := mse.Dial(l.nc, mse.Config{Methods: methods, Work: c.Work, Spoken: spoken}, ih, hello)
	l.crypt = res.Stream
	return translate(err)
}

// opened finds out how an incoming connection begins and makes the encrypted handshake if it is one. mine then
// tells which torrents its handshake may name.
func (l *line) opened(c *Config, torrents Torrents) (mine func(metainfo.Hash) bool, err error) {
	if c.Encryption == NoEncryption {
		return torrents.Known, nil
	}
	begun, plain, err := l.sniff()
	switch {
	case err != nil:
		return nil, err
	case plain && c.Encryption == RequireEncryption:
		return nil, ErrNotEncrypted
	case plain:
		l.early = begun
		return torrents.Known, nil
	}
	res, err := mse.Accept(l.nc, mse.Config{Methods: c.Encryption.accepts(), Work: c.Work}, begun, torrents.Unveil)
	l.crypt, l.early = res.Stream, res.Initial
	return func(ih metainfo.Hash) bool { return ih == res.InfoHash }, translate(err)
}

// sniff reads what a plain handshake begins with, and fails as soon as it can be neither that nor a key.
func (l *line) sniff() (begun []byte, plain bool, err error) {
	begun = make([]byte, 0, len(wire.Protocol))
	for len(begun) < cap(begun) {
		n, err := l.nc.Read(begun[len(begun):cap(begun)])
		begun = begun[:len(begun)+n]
		if err != nil && len(begun) < cap(begun) {
			return nil, false, fmt.Errorf("after %d bytes: %w", len(begun), err)
		}
		_, _, err = wire.CheckHandshake(begun)
		if plain = err == nil; !plain && !mse.Plausible(begun) {
			return nil, false, err
		}
	}
	return begun, plain, nil
}

// translate gives the errors of the encrypted handshake the meaning that those of the plain one have.
func translate(err error) error {
	switch {
	case errors.Is(err, mse.ErrProtocol):
		return fmt.Errorf("%w: %w", wire.ErrProtocol, err)
	case errors.Is(err, mse.ErrUnknown):
		return fmt.Errorf("%w: %w", ErrUnknownTorrent, err)
	}
	return err
}
