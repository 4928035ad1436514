//go:build linux

// Package partner owns the other sides that the harness gives to a client under test: programs so cheap
// that a run measures the client and not them. They serve blocks, take and drop them, hold connections open,
// or do nothing but the work that no client can avoid. Each is a process of its own, started by the harness with a
// Spec; Run is called once, by that process's main goroutine.
package partner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Role is what a partner does.
type Role string

// The roles.
const (
	Serve   Role = "serve"   // listen, and answer every request of whoever connects
	Take    Role = "take"    // dial, and take Bytes over all connections together
	Hold    Role = "hold"    // dial, say "interested", and nothing more until the end
	Pace    Role = "pace"    // dial, and take Rate over each connection
	Send    Role = "send"    // send File to the first who connects
	Receive Role = "receive" // take what Send sends, hash it piece by piece and write it to File
	Hash    Role = "hash"    // read File and hash it piece by piece on all cores
)

// Spec says what a partner has to do. Sizes are in bytes.
type Spec struct {
	Role        Role
	Addr        string // listened on by Serve and Send, dialled by the others
	From        string // the IP address to dial from
	InfoHash    string // 40 digits
	PieceLength int64
	Size        int64  // of the torrent
	File        string // the torrent's single file; Serve without one serves zeros
	Connections int
	Bytes       int64         // Serve answers no more after so many, 0 is no bound; Take ends
	Rate        int64         // of Pace, a second
	Settle      time.Duration // before Pace begins to count
	Window      time.Duration // in which Pace counts
	RC4         bool          // everything is encrypted, and nobody else is spoken to
}

// Told is one line of what a partner prints: something that happened.
type Told struct {
	Event  string        `json:"event"`            // ready, first, full, done
	At     int64         `json:"at"`               // nanoseconds since 1970
	Open   int           `json:"open,omitempty"`   // connections that stand, with ready of Hold and Pace
	Shares []int64       `json:"shares,omitempty"` // bytes that each connection of Pace took in Window
	Took   time.Duration `json:"took,omitempty"`   // from the first connection to the last byte, with done of Take
}

// The events: it may begin; the first block has been sent; Bytes have been served; all is over.
const (
	Ready = "ready"
	First = "first"
	Full  = "full"
	Done  = "done"
)

// Run plays the part of arg, a Spec as JSON, and prints what happens, a line of JSON each.
func Run(ctx context.Context, arg string, out io.Writer) error {
	var s Spec
	if err := json.Unmarshal([]byte(arg), &s); err != nil {
		return fmt.Errorf("spec of a partner: %w", err)
	}
	tell := func(t Told) {
		t.At = time.Now().UnixNano()
		b, _ := json.Marshal(t) // of plain fields: cannot fail
		out.Write(append(b, '\n'))
	}
	switch s.Role {
	case Serve:
		return serve(ctx, s, tell)
	case Take:
		return take(ctx, s, tell)
	case Hold:
		return hold(ctx, s, tell)
	case Pace:
		return pace(ctx, s, tell)
	case Send:
		return sendFile(s, tell)
	case Receive:
		return receiveFile(s)
	case Hash:
		return hashFile(s)
	}
	return fmt.Errorf("no role %q", s.Role)
}
