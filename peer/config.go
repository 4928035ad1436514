package peer

import (
	"time"

	"shoal/internal/block"
)

// Config is what connections have in common. It may be shared by any number
// of them and must not change while they live. Zero fields mean the default
// named with them.
type Config struct {
	// PeerID is our id in handshakes (BEP 20).
	PeerID [20]byte
	// Pool is where the blocks of received Piece messages come from; nil: one of its own.
	Pool *block.Pool
	// DHT announces that we run a DHT node (BEP 5).
	DHT bool
	// Encryption is the policy for handshakes.
	Encryption Encryption
	// Work bounds the arithmetic of encrypted handshakes: see mse.Config. It is called from the goroutine
	// of Dial or Accept; nil: no bound.
	Work func(f func()) error

	// HandshakeTimeout bounds the whole handshake, either way; 10 s.
	HandshakeTimeout time.Duration
	// KeyTimeout bounds the time until a remote that we dial encrypted shows that it speaks that, which after mse.ErrUnspoken
	// leaves time to dial it otherwise; HandshakeTimeout.
	KeyTimeout time.Duration
	// IdleTimeout closes a connection on which not one byte came for so long; 150 s, as
	// keep-alives are due every two minutes (BEP 3) and some clients wait that long, and the way.
	IdleTimeout time.Duration
	// QuietTimeout closes a connection on which no whole message but keep-alives came for
	// so long while neither side was interested in the other; 10 min.
	QuietTimeout time.Duration
	// KeepAlive is the silence after which we send a keep-alive; 80 s.
	KeepAlive time.Duration
	// WriteTimeout closes a connection whose remote takes not one byte for so long, or
	// up to half as long again; 60 s.
	WriteTimeout time.Duration

	// SendQueue bounds the bytes of queued messages, uploads apart; 512 KiB. A
	// connection that falls behind further is closed.
	SendQueue int
	// UploadQueue bounds the blocks queued with Upload; 2048. Beyond it the connection is closed.
	UploadQueue int
}

func (c *Config) withDefaults() Config {
	d := *c
	if d.Pool == nil {
		d.Pool = new(block.Pool)
	}
	orTime(&d.HandshakeTimeout, 10*time.Second)
	orTime(&d.KeyTimeout, d.HandshakeTimeout)
	orTime(&d.IdleTimeout, 150*time.Second)
	orTime(&d.QuietTimeout, 10*time.Minute)
	orTime(&d.KeepAlive, 80*time.Second)
	orTime(&d.WriteTimeout, 60*time.Second)
	if d.SendQueue == 0 {
		d.SendQueue = 512 << 10
	}
	if d.UploadQueue == 0 {
		d.UploadQueue = 2048
	}
	return d
}

func orTime(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}
