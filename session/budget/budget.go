// Package budget deals what all torrents of a session share: bytes to send
// and to request, memory for open pieces, dials, connections, upload slots. Local peers are no
// exception. It is pure: no
// goroutine, no clock, no lock. The time is passed in, torrents are slices
// that are walked in order, and equal calls give equal answers. The
// session owns one of each and calls it under its own lock.
package budget

// Key names a torrent to the dealers. The session never uses one twice.
type Key uint32

// Limits are the figures that all torrents of a session share. Zero means
// the default that is named with each.
type Limits struct {
	// Up and Down are payload bytes a second; 0 is unlimited.
	Up, Down int64
	// Memory is the room in bytes for open pieces and for what large torrents hold beside them; 0 means 32 MiB.
	Memory int64
	// Slots is how many peers all torrents together upload to at once; 0 chooses by rate.
	Slots int
	// Connections is the total of peers; 0 means 500.
	Connections int
	// HalfOpen is how many dials and handshakes may be on their way; 0 means 30.
	HalfOpen int
}

// WithDefaults returns l with the defaults put in; negative figures count as
// zero.
func (l Limits) WithDefaults() Limits {
	l.Up, l.Down, l.Slots = max(l.Up, 0), max(l.Down, 0), max(l.Slots, 0)
	if l.Memory <= 0 {
		l.Memory = 32 << 20
	}
	if l.Connections <= 0 {
		l.Connections = 500
	}
	if l.HalfOpen <= 0 {
		l.HalfOpen = 30
	}
	return l
}
